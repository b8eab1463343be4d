"""Compiled graphs in a folder: found by all they depend on, whole or not at all, and never a reason to fail."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs
from torch import Tensor

from app.engine import graph_cache, openvino_graph
from app.engine.device import Device, can_compile
from app.engine.graph_cache import GraphCache, key_of
from app.engine.openvino_graph import OpenVinoGraph, compile_graph
from app.nets.generators import Compact, Paper, Trunk
from app.nets.precision import supports_bfloat16

COMPILING = Device(torch.device("cpu"), torch.float32, "cpu", threads=1, compiles=True)
needs_openvino = pytest.mark.skipif(not can_compile(), reason="OpenVINO is not installed")


@pytest.fixture
def cache(tmp_path: Path) -> GraphCache:
    return GraphCache(tmp_path / "graphs")


def files(cache: GraphCache) -> list[Path]:
    return sorted(cache._folder.iterdir())


def test_a_graph_is_found_by_its_key_alone(cache: GraphCache) -> None:
    cache.keep(key_of("a", "b"), b"graph")
    assert cache.find(key_of("a", "b")) == b"graph"
    assert cache.find(key_of("ab")) is None
    assert cache.find(key_of("b", "a")) is None


@pytest.mark.parametrize("damaged", [b"", b"short", b"\0" * 100])
def test_a_damaged_file_is_no_graph_and_is_replaced(cache: GraphCache, damaged: bytes) -> None:
    cache.keep("key", b"graph")
    [file] = files(cache)
    file.write_bytes(damaged)
    assert cache.find("key") is None
    cache.keep("key", b"graph")
    assert cache.find("key") == b"graph"


def test_a_graph_of_which_a_byte_was_changed_is_no_graph(cache: GraphCache) -> None:
    cache.keep("key", b"graph")
    [file] = files(cache)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert cache.find("key") is None


def test_the_graphs_that_were_not_used_for_the_longest_time_go(
    cache: GraphCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_cache, "KEPT_GRAPHS", 2)
    for second, key in enumerate(("oldest", "used", "newest")):
        cache.keep(key, b"graph")
        os.utime(cache._file(key), (second, second))
        cache.find("used")
    cache.keep("another", b"graph")
    assert {key for key in ("oldest", "used", "newest", "another") if cache.find(key)} == {"used", "another"}


def test_without_a_folder_for_data_nothing_is_kept_or_created(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path / "missing" / "graphs")
    with capture_logs() as logs:
        cache.keep("key", b"graph")
    assert logs == []  # a command line may have none
    assert cache.find("key") is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_keeps_nothing_and_creates_nothing(tmp_path: Path) -> None:
    (tmp_path / "graphs").write_bytes(b"a file")
    cache = GraphCache(tmp_path / "graphs")
    with capture_logs() as logs:
        cache.keep("key", b"graph")
    assert [log["event"] for log in logs] == ["graph_not_kept"]
    assert cache.find("key") is None
    assert [path.name for path in tmp_path.iterdir()] == ["graphs"]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Trunk]:
    """The generators that were compiled since."""
    generators: list[Trunk] = []
    lowered = OpenVinoGraph._lowered

    def counted(graph: OpenVinoGraph) -> object:
        generators.append(graph._generator)
        return lowered(graph)

    monkeypatch.setattr(OpenVinoGraph, "_lowered", counted)
    return generators


@pytest.fixture(params=[Compact, lambda: Paper((16, 32), 1)], ids=["compact", "paper"])
def network(request: pytest.FixtureRequest) -> tuple[Trunk, Tensor, Tensor]:
    torch.manual_seed(0)
    generator = request.param().eval().requires_grad_(False)
    return generator, torch.ones(1, generator.features), torch.zeros(1, generator.features)


def compiled_in(device: Device, network: tuple[Trunk, Tensor, Tensor]) -> OpenVinoGraph | None:
    generator, gamma, beta = network
    return compile_graph(generator, device, gamma, beta)


@needs_openvino
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_kept_graph_is_not_compiled_again_and_paints_the_same_to_the_bit(
    network: tuple[Trunk, Tensor, Tensor], dtype: torch.dtype, tmp_path: Path, compiled: list[Trunk]
) -> None:
    if dtype == torch.bfloat16 and not supports_bfloat16("cpu"):
        pytest.skip("this processor has no bfloat16 arithmetic")
    _, gamma, beta = network
    device = replace(COMPILING, dtype=dtype, graphs_dir=tmp_path / "graphs")
    first, second = compiled_in(device, network), compiled_in(device, network)
    assert len(compiled) == 1
    assert first is not None
    assert second is not None
    for height, width in ((64, 64), (97, 130)):
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        assert np.array_equal(first.paint(picture, gamma, beta), second.paint(picture, gamma, beta))


@needs_openvino
def test_other_weights_threads_precisions_processors_and_versions_have_graphs_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    generator, other = Compact(), Compact()
    keys = {
        openvino_graph.graph_key(generator, COMPILING),
        openvino_graph.graph_key(other, COMPILING),
        openvino_graph.graph_key(generator, replace(COMPILING, threads=2)),
        openvino_graph.graph_key(generator, replace(COMPILING, dtype=torch.bfloat16)),
    }
    monkeypatch.setattr(openvino_graph, "compiled_by", lambda: ("another processor", "1.0", "code"))
    keys.add(openvino_graph.graph_key(generator, COMPILING))
    assert len(keys) == 5


@needs_openvino
def test_what_openvino_cannot_read_is_compiled_again(
    network: tuple[Trunk, Tensor, Tensor], tmp_path: Path, compiled: list[Trunk]
) -> None:
    device = replace(COMPILING, graphs_dir=tmp_path / "graphs")
    cache, key = GraphCache(tmp_path / "graphs"), openvino_graph.graph_key(network[0], device)
    cache.keep(key, b"no graph")
    assert compiled_in(device, network) is not None
    assert len(compiled) == 1
    assert cache.find(key) not in (None, b"no graph")


@needs_openvino
def test_a_kept_graph_that_paints_something_else_is_compiled_again(
    network: tuple[Trunk, Tensor, Tensor], tmp_path: Path, compiled: list[Trunk]
) -> None:
    generator, gamma, beta = network
    device = replace(COMPILING, graphs_dir=tmp_path / "graphs")
    wrong = type(generator)().eval() if isinstance(generator, Compact) else Paper((16, 32), 1).eval()
    cache, key = GraphCache(tmp_path / "graphs"), openvino_graph.graph_key(generator, device)
    cache.keep(key, OpenVinoGraph(wrong, torch.float32, 1).export())
    graph = compile_graph(generator, device, gamma, beta)
    assert graph is not None
    assert openvino_graph.agreement(graph, generator, gamma, beta) > openvino_graph.MIN_AGREEMENT
    assert compiled == [wrong, generator]
