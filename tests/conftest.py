"""What all rooms test with: real photographs, a small model repository, and servers that run here.

`make check` runs the tests without a mark; `make test` runs all of them. A test is marked by its folder, by a fixture
that it asks for or the value of one (FOLDERS, FIXTURES, BACKENDS below), or where it stands:

    process    starts the service, a worker or the command as a process of its own
    browser    drives the page in Chromium
    benchmark  tries the scripts of benchmarks/
    backend    needs PostgreSQL or Redis
    sweep      tries every byte, every size or every network, where other tests try one of each
"""

from __future__ import annotations

import app  # noqa: F401 - before torch: it says how the threads of OpenMP wait

# isort: split
import atexit
import fcntl
import gc
import hashlib
import importlib.util
import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import psycopg
import pytest
import redis
import torch
from numpy.typing import NDArray
from PIL import Image
from redis_server import RedisServer
from safetensors.torch import save_file

from app.nets.architectures import ARCHITECTURES
from app.nets.descriptor import Descriptor
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture, Style, StyleLosses
from app.registry.publish import draft
from app.settings.environment import variable

FOLDERS = {"service": "process", "web": "browser", "benchmarks": "benchmark"}
FIXTURES = {"shell": "process", "postgresql_url": "backend", "redis_url": "backend"}
# Values of parameters, such as those of the fixture `migrated`.
BACKENDS = ("postgresql", "redis", "postgresql and redis")

# No deadlines: how long an example takes tells how busy the machine is. `make test` tries the same examples each time.
hypothesis.settings.register_profile("dev", deadline=None, max_examples=30)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("dev")


# A file with such a test takes long and mostly waits for other processes.
SLOW = {"browser", "process", "benchmark"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow: set[Path] = set()
    for item in items:
        found = marks(item)
        for mark in found:
            item.add_marker(mark)
        if found & SLOW:
            slow.add(item.path)
    # Evenly mixed: side by side, the others use the time for which slow ones wait, and few slow ones meet. The pages'
    # and the services' tests, which are the slowest, stand last in the alphabet.
    files = list(dict.fromkeys(item.path for item in items))
    kinds = [path for path in reversed(files) if path in slow], [path for path in files if path not in slow]
    places = {path: place / len(kind) for kind in kinds for place, path in enumerate(kind)}
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """What is there by now stays: later garbage collections, of which some tests ask for many, need not look at it."""
    gc.freeze()


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Weights and pictures drawn without a generator of their own are the same in every run and order of the tests."""
    torch.manual_seed(0)


def share_graphs() -> None:
    """Let the processes of a run, which inherit the variable, compile each network once."""
    if variable("graph_cache_dir") not in os.environ:
        folder = tempfile.mkdtemp(prefix="pastiche-graphs-")
        os.environ[variable("graph_cache_dir")] = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


share_graphs()


def marks(item: pytest.Item) -> set[str]:
    house = Path(__file__).parent
    folder = item.path.relative_to(house).parts[0] if item.path.is_relative_to(house) else ""
    found = {FOLDERS[folder]} if folder in FOLDERS else set()
    found |= {FIXTURES[name] for name in getattr(item, "fixturenames", ()) if name in FIXTURES}
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return found | {"backend" for value in values if isinstance(value, str) and value in BACKENDS}


COMPACT_STYLES = (
    Style(
        id="starry_night",
        title="The Starry Night",
        artist="Vincent van Gogh",
        year=1889,
        licence="Public domain",
        preview="previews/starry_night.jpg",
        losses=StyleLosses(style=0.125, content=0.5),
    ),
    Style(id="great_wave", title="The Great Wave", artist="Hokusai", year=1831, preview="previews/great_wave.jpg"),
    Style(id="the_scream", title="The Scream"),
    Style(id="composition_vii", title="Composition VII"),
)
SKETCH_STYLES = (
    Style(id="charcoal", title="Charcoal", preview="previews/charcoal.jpg"),
    Style(id="great_wave", title="The Great Wave, in charcoal", preview="previews/great_wave.jpg"),
)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """With more threads, small networks wait for each other, and sums may be taken in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of freely licensed photographs in scikit-image's wheel: astronaut.png, chelsea.png, coffee.png..."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "data"


@pytest.fixture(scope="session")
def astronaut(photos: Path) -> NDArray[np.uint8]:
    """A photograph of 512 x 512 pixels."""
    return np.array(Image.open(photos / "astronaut.png").convert("RGB"))


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with `compact` (four styles, two with previews) and `sketch` (two), small, of random weights."""
    root = tmp_path_factory.mktemp("models")
    publish_random(root, "compact", Architecture(name="compact", options=COMPACT_OPTIONS), COMPACT_STYLES, seed=1)
    publish_random(root, "sketch", Architecture(name="paper", options=PAPER_OPTIONS), SKETCH_STYLES, seed=2)
    return root


@pytest.fixture(scope="session")
def random_descriptor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loss network's file, of the real depth and with random weights."""
    generator = torch.Generator().manual_seed(3)
    convolutions, inputs = {}, 3
    for name in ("1_1", "2_1", "3_1", "4_1", "4_2", "5_1"):
        weight = torch.randn(6, inputs, 3, 3, generator=generator) / (3 * inputs**0.5)
        convolutions[name] = (weight, torch.zeros(6))
        inputs = 6
    file = tmp_path_factory.mktemp("descriptor") / "model.safetensors"
    save_file(Descriptor((torch.eye(3), torch.zeros(3)), convolutions, "reflect").state_dict(), file)
    return file


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database of its own on the server at PGHOST, 127.0.0.1 if there is none."""
    host = os.environ.get("PGHOST", "127.0.0.1")
    user = os.environ.get("PGUSER", "postgres")
    name = f"pastiche_{secrets.token_hex(6)}"
    try:
        server = psycopg.connect(host=host, user=user, dbname="postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip(f"no PostgreSQL at {host}; PGHOST and PGUSER name another one")
    with server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"postgresql://{user}@{host}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def own_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """Of a Redis that this process has for itself; None where REDIS_URL names one, or redis-server is not installed."""
    if "REDIS_URL" in os.environ or shutil.which("redis-server") is None:
        yield None
        return
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def redis_url(own_redis_url: str | None) -> Iterator[str]:
    """An empty database: of that Redis, or of the one at REDIS_URL or 127.0.0.1, which one test at a time has."""
    url = own_redis_url or os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/15")
    name = f"pastiche-tests-{hashlib.sha256(url.encode()).hexdigest()[:16]}.lock"
    with (
        (Path(tempfile.gettempdir()) / name).open("w") as lock,
        redis.Redis.from_url(url, socket_connect_timeout=3) as client,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            client.flushdb()
        except redis.ConnectionError:
            pytest.skip("no Redis at 127.0.0.1; REDIS_URL names another one, with a database that is emptied")
        yield url
        client.flushdb()


MADE_STYLES = (
    Style(id="starry_night", title="The Starry Night", preview="previews/starry_night.jpg"),
    Style(id="new_one", title="The New One"),
)


@pytest.fixture(scope="session")
def make_version() -> Callable[..., Path]:
    """make_version(root, name, version, seed=0): a version of that number below `root`, and its folder."""

    def make(root: Path, name: str, version: int, seed: int = 0) -> Path:
        (root / name / str(version - 1)).mkdir(parents=True, exist_ok=True)  # the next number is its own then
        publish_random(root, name, Architecture(name="compact", options=MADE_OPTIONS), MADE_STYLES, seed=seed)
        return root / name / str(version)

    return make


MADE_OPTIONS: dict[str, int | tuple[int, ...]] = {"widths": (4, 8), "blocks": 1, "fine": 4}
COMPACT_OPTIONS: dict[str, int | tuple[int, ...]] = {"widths": (8, 16), "blocks": 1, "fine": 4}
PAPER_OPTIONS: dict[str, int | tuple[int, ...]] = {"widths": (4, 8, 8), "blocks": 1}


def publish_random(root: Path, name: str, architecture: Architecture, styles: tuple[Style, ...], seed: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = ARCHITECTURES[architecture.name](**architecture.options)
        rows = StyleRows(len(styles), generator.features)
        with torch.no_grad():
            # Far enough from one another that no two styles give the same picture.
            rows.gamma.add_(torch.randn_like(rows.gamma) * 0.5)
            rows.beta.add_(torch.randn_like(rows.beta) * 0.5)
    draft(
        name,
        generator,
        rows,
        architecture=architecture,
        styles=styles,
        descriptor="none",
        recipe={},
        metrics={},
        extras={style.preview: preview(index) for index, style in enumerate(styles) if style.preview},
    ).write(root)


def preview(index: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (40 * index, 90, 160)).save(file, "jpeg")
    return file.getvalue()
