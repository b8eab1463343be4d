"""A recorded run paints what the network paints: recorded by a stand-in on a CPU, and by CUDA where there is one."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from engine_fakes import CPU, affine_stylizer

from app.engine.cuda_graph import CudaGraph, cuda_graph_cache, eight_bit
from app.engine.cuda_graph_cache import WORTH_FROM, CudaGraphCache, Shape
from app.engine.device import Device, choose_device
from app.engine.openvino_graph import NonFiniteError
from app.engine.stylizer import RECORDED_BATCH, WARM_EDGE, Stylizer
from app.nets.generators import Compact
from app.nets.norm import StyleRows

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
CHANCE = np.random.default_rng(0)


class Tape:
    """In place of a recorder: runs once to warm up, and plays by running again."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, run):
        run()

        def play() -> None:
            self.runs += 1
            run()

        return play


class Batching(Device):
    gains_from_batches = True


def pictures(count: int, height: int = 24, width: int = 36) -> list:
    return list(CHANCE.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def shift(x, gamma, beta):
    return gamma[:, :1, None, None] * x + beta[:, :1, None, None]


def capture_of(network, batch: int, tape=None) -> CudaGraph:
    return CudaGraph(network, Shape(batch, 24, 36), 2, torch.device("cpu"), tape or Tape())


def rows(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None].expand(-1, 2)


def test_each_picture_of_a_batch_has_its_own_style() -> None:
    capture, given = capture_of(shift, 3), pictures(3)
    painted = capture.paint(given, rows(1, 0, 0), rows(0, 1, 0))
    assert np.array_equal(painted[0], given[0])
    assert (painted[1] == 255).all()
    assert (painted[2] == 0).all()


def test_a_batch_that_is_not_full_gives_as_many_back_and_nothing_of_the_one_before() -> None:
    tape = Tape()
    capture, given = capture_of(shift, 4, tape), pictures(4)
    capture.paint(given, rows(1, 1, 1, 1), rows(0, 0, 0, 0))
    painted = capture.paint(given[2:3], rows(1), rows(0))
    assert len(painted) == 1
    assert np.array_equal(painted[0], given[2])
    assert tape.runs == 2


def test_a_painting_is_not_painted_over_by_the_next() -> None:
    capture, given = capture_of(shift, 1), pictures(2)
    first = capture.paint(given[:1], rows(1), rows(0))
    capture.paint(given[1:], rows(1), rows(0))
    assert np.array_equal(first[0], given[0])


def test_what_is_not_a_number_is_no_painting_and_harms_no_later_one() -> None:
    capture, given = capture_of(shift, 1), pictures(1)
    with pytest.raises(NonFiniteError):
        capture.paint(given, rows(float("nan")), rows(0))
    assert np.array_equal(capture.paint(given, rows(1), rows(0))[0], given[0])


def test_threads_take_turns() -> None:
    capture, given = capture_of(shift, 2), pictures(20)
    with ThreadPoolExecutor(8) as crowd:
        painted = list(crowd.map(lambda picture: capture.paint([picture], rows(1), rows(0))[0], given))
    assert all(np.array_equal(*pair) for pair in zip(painted, given, strict=True))


def real_stylizer(device: Device) -> Stylizer:
    torch.manual_seed(0)
    generator = Compact(widths=(8, 16), blocks=1, fine=4)
    styles = StyleRows(3, generator.features)
    with torch.no_grad():
        styles.gamma.normal_(1, 0.3)
        styles.beta.normal_(0, 0.3)
    return Stylizer(generator, styles, ("a", "b", "c"), device)


BLENDS = [{"a": 1.0}, {"b": 1.0}, {"a": 0.25, "c": 0.75}]


def test_a_stylizer_paints_the_same_before_and_after_its_shapes_are_recorded() -> None:
    stylizer = real_stylizer(Batching(CPU.torch_device, torch.float32, "cpu"))
    made = []

    def make(shape: Shape) -> CudaGraph:
        made.append(shape)
        network = stylizer._generator
        return CudaGraph(network, shape, network.features, CPU.torch_device, torch.inference_mode()(Tape()))

    given = pictures(3, 33, 47)
    eager = stylizer.paint(given, BLENDS)
    with ThreadPoolExecutor(1) as background:
        stylizer._captures = CudaGraphCache(make, background)
        for _ in range(WORTH_FROM):
            stylizer.paint(given, BLENDS)
    assert made == [Shape(3, 33, 47)]
    recorded = stylizer.paint(given, BLENDS)
    assert stylizer._captures.find(3, 33, 47) is not None
    for one, other in zip(eager, recorded, strict=True):
        assert np.array_equal(one, other)


def test_warming_prepares_the_usual_shapes() -> None:
    stylizer = affine_stylizer(device=Batching(CPU.torch_device, torch.float32, "cpu"))
    made = []

    def make(shape: Shape) -> CudaGraph:
        made.append(shape)
        return CudaGraph(stylizer._generator, shape, 1, CPU.torch_device, Tape())

    stylizer._captures = CudaGraphCache(make, ThreadPoolExecutor(1))
    stylizer.warm(1)
    assert {(shape.height, shape.width) for shape in made} == {(WARM_EDGE, WARM_EDGE)}
    assert max(shape.batch for shape in made) == RECORDED_BATCH
    assert stylizer.megapixels_per_second


def test_a_cpu_records_nothing() -> None:
    assert affine_stylizer()._captures is None


def test_eight_bits_are_rounded_and_the_sum_tells_of_infinities() -> None:
    given = torch.from_numpy(np.stack(pictures(1)))
    ones = torch.ones(1, 1)
    painted, total = eight_bit(lambda x, gamma, beta: x + 0.4 / 255, given, ones, ones)
    assert torch.equal(painted, given)
    assert torch.isfinite(total)
    assert not torch.isfinite(eight_bit(lambda x, gamma, beta: x / 0, given, ones, ones)[1])


@needs_cuda
def test_a_gpu_plays_what_it_would_paint() -> None:
    stylizer = real_stylizer(dataclasses.replace(choose_device("cuda", "float32", 1)))
    given = pictures(3, 64, 80)
    eager = stylizer.paint(given, BLENDS)
    stylizer._captures.prepare([Shape(3, 64, 80), Shape(4, 64, 80)])
    assert list(stylizer._captures._kept) == [Shape(3, 64, 80), Shape(4, 64, 80)]
    for _ in range(3):
        recorded = stylizer.paint(given, BLENDS)
        for one, other in zip(eager, recorded, strict=True):
            assert np.abs(one.astype(int) - other).max() <= 1
    four = stylizer.paint([*given, given[0]], [*BLENDS, BLENDS[1]])
    assert np.abs(four[0].astype(int) - eager[0]).max() <= 1


@needs_cuda
def test_a_gpu_records_in_the_background_while_it_paints() -> None:
    stylizer = real_stylizer(choose_device("cuda", "auto", 1))
    given = pictures(2, 96, 96)
    first = stylizer.paint(given, BLENDS[:2])
    for _ in range(200):
        for one, other in zip(first, stylizer.paint(given, BLENDS[:2]), strict=True):
            assert np.abs(one.astype(int) - other).max() <= 3
    assert stylizer._captures._kept


@needs_cuda
def test_recordings_share_their_memory() -> None:
    stylizer = real_stylizer(choose_device("cuda", "auto", 1))
    captures = cuda_graph_cache(stylizer._generator, stylizer._generator.features, torch.device("cuda"))
    captures.prepare([Shape(4, 512, 512)])
    before = torch.cuda.memory_reserved()
    captures.prepare([Shape(batch, 512, 512) for batch in (3, 2, 1)])
    assert torch.cuda.memory_reserved() - before < before
