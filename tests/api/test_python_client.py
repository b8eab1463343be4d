"""The client of clients/python against the service."""

import asyncio
import json

import numpy as np
import pytest
from pastiche_client import AsyncClient, Client, Conflict, InvalidRequest
from picture_bytes import encoded


@pytest.fixture
def pastiche(client):
    with Client(str(client.base_url)) as connected:
        yield connected


def test_a_photo_is_stylized(pastiche, client, photo):
    options = {"strength": 0.5, "format": "png"}
    image = pastiche.stylize(photo, "great_wave", **options)
    expected = client.post("/v1/stylize", params={"styles": "great_wave"} | options, content=photo)
    assert (image.data, image.media_type) == (expected.content, "image/png")
    assert image.model == "compact@1"
    assert "great_wave" in [style.id for style in pastiche.styles()]


def test_regions_have_styles_of_their_own(pastiche, client, photo, tmp_path):
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[:, :16] = 255
    (tmp_path / "left.png").write_bytes(encoded(mask))
    corner = {"polygon": [(0.5, 0), (1, 0), (1, 1)], "strength": 0.3}
    regions = [{"mask": tmp_path / "left.png", "styles": "the_scream"}, corner]
    image = pastiche.stylize(photo, "great_wave", regions=regions, format="png")
    sent = json.dumps([{"mask": "m", "styles": "the_scream"}, corner])
    files = [("image", photo), ("region_mask", ("m", encoded(mask)))]
    expected = client.post("/v1/stylize", data={"styles": "great_wave", "regions": sent, "format": "png"}, files=files)
    assert (expected.status_code, image.data) == (200, expected.content)


def test_an_error_says_what_the_service_says(pastiche, photo):
    with pytest.raises(InvalidRequest) as caught:
        pastiche.stylize(photo, "great_wav")
    assert (caught.value.status, caught.value.slug) == (422, "unknown-style")
    assert "great_wave" in caught.value.members["nearest"]


def test_a_job_is_followed_to_its_end(pastiche, photo):
    job = pastiche.create_job(photo, [photo], size=32, idempotency_key="python-client")
    assert pastiche.create_job(photo, [photo], size=32, idempotency_key="python-client").id == job.id
    with pytest.raises(Conflict):
        pastiche.result(job.id)
    pastiche.delete_job(job.id)
    events = list(pastiche.events(job.id))
    assert (events[0].name, events[-1].name) == ("status", "end")
    assert list(pastiche.events(job.id, after=events[-1].id)) == []
    assert pastiche.wait(job.id).status == "cancelled"


def test_the_async_client_does_the_same(client, photo):
    async def make_and_follow():
        async with AsyncClient(str(client.base_url)) as pastiche:
            image = await pastiche.stylize(photo, "great_wave", format="png")
            job = await pastiche.create_job(photo, [photo], size=32)
            await pastiche.delete_job(job.id)
            return image, await pastiche.wait(job.id)

    image, job = asyncio.run(make_and_follow())
    assert image.data[1:4] == b"PNG"
    assert job.status == "cancelled"
