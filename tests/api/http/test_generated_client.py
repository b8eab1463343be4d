"""A client that is generated from the OpenAPI document, against the server that it was generated from."""

import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

CONFIG = Path(__file__).parents[3] / "clients" / "openapi-python-client.yaml"
PACKAGE = "pastiche_generated"


@pytest.fixture(scope="module")
def generated(client, tmp_path_factory):
    """Imports a module of the generated package."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(client.get("/openapi.json").content)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"]
    command += ["--path", "openapi.json", "--config", CONFIG, "--output-path", PACKAGE]
    # It formats what it makes with the ruff beside this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=True)
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def connected(generated, client):
    with generated("client").Client(base_url=str(client.base_url)) as made:
        yield made


@pytest.fixture
def file_of(generated):
    return lambda data: generated("types").File(io.BytesIO(data), "photo.png", "image/png")


def test_a_photo_is_stylized_as_a_body_and_as_a_form(generated, connected, client, photo, file_of):
    stylize = generated("api.stylize.stylize")
    expected = client.post("/v1/stylize", params={"styles": "great_wave", "strength": 0.5}, content=photo)
    raw = stylize.sync_detailed(client=connected, body=file_of(photo), styles="great_wave", strength=0.5)
    form_type = generated("models").StylizeFilesBody
    form = form_type(image=file_of(photo), styles="great_wave", strength=0.5)
    sent = stylize.sync_detailed(client=connected, body=form)
    assert raw.status_code == sent.status_code == 200
    assert raw.parsed.payload.read() == sent.parsed.payload.read() == expected.content


def test_a_job_is_created_read_and_cancelled(generated, connected, photo, file_of):
    form = generated("models").CreateJobBody(content=file_of(photo), style=[file_of(photo), file_of(photo)], size=64)
    jobs = {name: generated(f"api.jobs.{name}").sync for name in ("create_job", "get_job", "delete_job")}
    job = jobs["create_job"](client=connected, body=form)
    assert (job.kind, job.status.value) == ("gatys", "queued")
    assert jobs["get_job"](client=connected, job_id=job.id).created_at == job.created_at
    assert jobs["delete_job"](client=connected, job_id=job.id).status.value == "cancelled"


def test_the_styles_are_listed(generated, connected, client):
    found = generated("api.styles.list_styles").sync(client=connected)
    assert [style.id for style in found.styles] == [style["id"] for style in client.get("/v1/styles").json()["styles"]]


def test_an_error_is_a_problem(generated, connected, photo, file_of):
    response = generated("api.stylize.stylize").sync(client=connected, body=file_of(photo), styles="great_wav")
    assert isinstance(response, generated("models").Problem)
    assert (response.type_, response.status) == ("/problems/unknown-style", 422)
