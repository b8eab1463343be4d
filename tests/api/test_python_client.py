"""The client of clients/python against the service."""

import asyncio

import pytest
from pastiche_client import AsyncClient, Client, Conflict, InvalidRequest


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
