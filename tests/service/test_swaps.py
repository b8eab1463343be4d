"""Two servers, one fleet: versions are swapped under load without one failed or mixed answer, database or not."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import torch
from cable import Cable
from PIL import Image

from app.engine.device import Device
from app.engine.stylizer import Stylizer
from app.model_store.store import ModelStore
from app.model_store.version import VersionStatus
from app.sql.database import Database
from app.sql.migration import migrate
from app.storage.folder import Folder

SWAPS = 10
CLIENTS = 2
PAINT = "/v1/stylize?styles=starry_night&format=png"
VERSIONS = (1, 2, 3)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    y, x = np.mgrid[0:40, 0:56]
    return np.stack([4 * x, 6 * y, 2 * x + 3 * y], axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def body(photo) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "png")
    return file.getvalue()


@pytest.fixture
def fleet(empty_postgresql_url, models_dir, make_version, tmp_path) -> Iterator[ModelStore]:
    """With compact@2 and compact@3 beside the one that shipped."""
    database = Database(empty_postgresql_url)
    migrate(database)
    with closing(ModelStore(database, Folder(tmp_path / "blobs"), models_dir, tmp_path / "here")) as model_store:
        for version in VERSIONS[1:]:
            assert model_store.reserve("compact") == version
            made = make_version(tmp_path / str(version), "compact", version, seed=version)
            model_store.publish("compact", version, made, status=VersionStatus.READY, by="test")
        yield model_store


@pytest.fixture
def truth(fleet, photo) -> dict[str, np.ndarray]:
    """What each version paints, by its label."""
    paintings = {}
    for version in VERSIONS:
        model = fleet.load(f"compact@{version}")
        device = Device(torch.device("cpu"), torch.float32, "cpu")
        stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
        [paintings[model.manifest.label]] = stylizer.paint([photo], [{"starry_night": 1.0}])
    return paintings


def settings(database_url: str, tmp_path: Path) -> dict[str, object]:
    return {
        "database_url": database_url,
        "storage_url": (tmp_path / "blobs").as_uri(),
        "precision": "float32",
    }


def serves(server, version: int) -> bool:
    return server.client.get("/healthz/ready").json()["models"] == [f"compact@{version}", "sketch@1"]


def differences(answer: httpx.Response, truth: dict[str, np.ndarray]) -> dict[str, int]:
    """How far the answer is from the painting of each version, in 8-bit steps at the most."""
    painted = np.array(Image.open(io.BytesIO(answer.content))).astype(int)
    return {label: int(np.abs(painted - expected).max()) for label, expected in truth.items()}


def test_ten_swaps_under_load_fail_and_mix_no_answer(
    launch, fleet, empty_postgresql_url, tmp_path, body, truth
) -> None:
    given = settings(empty_postgresql_url, tmp_path)
    servers = [launch(**given, models_follow_seconds=0.2) for _ in range(2)]
    answers: list[tuple[int, httpx.Response]] = []
    over = threading.Event()

    def load(client_number: int) -> None:
        with httpx.Client(timeout=600) as client:
            for turn in itertools.count(client_number):
                if over.is_set():
                    return
                answers.append((turn % 2, client.post(servers[turn % 2].url + PAINT, content=body)))

    with ThreadPoolExecutor(CLIENTS) as crowd:
        clients = [crowd.submit(load, number) for number in range(CLIENTS)]
        try:
            for swap in range(SWAPS):
                version = VERSIONS[(swap + 1) % len(VERSIONS)]
                fleet.activate("compact", version, by="test")
                for server in servers:
                    server.wait_for(lambda server=server, version=version: serves(server, version))
                before = len(answers)
                servers[0].wait_for(lambda before=before: {number for number, _ in answers[before:]} == {0, 1})
        finally:
            over.set()
        for client in clients:
            client.result()  # raises what went wrong on the way
    assert {answer.status_code for _, answer in answers} == {200}
    assert {answer.headers["Pastiche-Model"] for _, answer in answers} == set(truth)
    for _, answer in answers:
        off = differences(answer, truth)
        # A step of rounding: the number of threads may change the order of a sum.
        assert off.pop(answer.headers["Pastiche-Model"]) <= 1
        assert min(off.values()) > 1
    for server in servers:
        assert len([line for line in server.log if line["event"] == "models_swapped"]) == SWAPS
        assert not [line for line in server.log if line["level"] in ("error", "critical")]


def test_without_the_database_the_fast_path_goes_on_and_follows_again(
    launch, fleet, empty_postgresql_url, tmp_path, body
) -> None:
    """With the interval of the defaults, by which replicas follow within 3 seconds unless the machine is busy."""
    address = urlsplit(empty_postgresql_url)
    with closing(Cable(address.hostname or "", address.port or 5432)) as cable:
        through = address._replace(netloc=f"{address.username}@127.0.0.1:{cable.port}").geturl()
        server = launch(**settings(through, tmp_path))
        fleet.activate("compact", 2, by="test")
        server.wait_for(lambda: serves(server, 2))
        cable.cut()
        server.wait_for(lambda: [line for line in server.log if line["event"] == "models_not_followed"])
        fleet.activate("compact", 3, by="test")
        for _ in range(5):
            answer = server.client.post(PAINT, content=body)
            assert (answer.status_code, answer.headers["Pastiche-Model"]) == (200, "compact@2")
        assert serves(server, 2)
        cable.join()
        server.wait_for(lambda: serves(server, 3))
        # Told once, however often it was tried.
        assert len([line for line in server.log if line["event"] == "models_not_followed"]) == 1
