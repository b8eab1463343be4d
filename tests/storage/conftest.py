"""Every kind of storage, empty; S3 is a real server on a port of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from app.storage.blobs import Blobs, open_storage


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3_credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("aws") / "absent"))
        yield


@pytest.fixture(scope="session")
def bucket(s3_server: str, s3_credentials: None) -> str:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="pastiche")
    return "s3://pastiche"


@pytest.fixture
def bucket_url(bucket: str) -> str:
    """A prefix of the test's own."""
    return f"{bucket}/pictures/{secrets.token_hex(6)}"


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return open_storage((tmp_path / "a folder").as_uri())
    return open_storage(request.getfixturevalue("bucket_url"), s3_endpoint_url=request.getfixturevalue("s3_server"))
