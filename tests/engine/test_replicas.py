"""Pictures that are painted side by side, each in a thread of its own."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_fakes import CPU, random_stylizer

from app.engine import replicas
from app.engine.device import can_compile
from app.engine.openvino_graph import OpenVinoGraph
from app.engine.replicas import MAX_REPLICAS, Replicas, compile_replicas
from app.nets.generators import Compact

compiled = pytest.mark.skipif(not can_compile(), reason="OpenVINO is not installed")

TWO = replace(CPU, threads=2, compiles=True)
ROWS = torch.arange(2.0)[:, None]


class Meeting:
    """A graph that paints only once all graphs of the meeting are painting; its picture is the row's gamma."""

    def __init__(self, parties):
        self.barrier = threading.Barrier(parties)

    def paint(self, picture, gamma, beta):
        self.barrier.wait(120)
        return picture + int(gamma)


def pictures(*shapes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]


def test_all_lanes_paint_at_the_same_time_and_each_gets_its_own_row_back_in_order():
    meeting = Meeting(2)
    first, second = Replicas([meeting, meeting]).paint([np.zeros(1, int)] * 2, ROWS, ROWS)
    assert (first, second) == (0, 1)


def test_a_lane_that_fails_is_heard_of_when_the_others_have_ended():
    ended = threading.Event()

    class Slow:
        def paint(self, picture, gamma, beta):
            threading.Event().wait(0.2)
            ended.set()

    class Failing:
        def paint(self, picture, gamma, beta):
            raise MemoryError

    with pytest.raises(MemoryError):
        Replicas([Failing(), Slow()]).paint([np.zeros(1)] * 2, ROWS, ROWS)
    assert ended.is_set()


@compiled
@pytest.mark.parametrize(("threads", "count"), [(1, 0), (2, 2), (MAX_REPLICAS, MAX_REPLICAS), (MAX_REPLICAS + 1, 0)])
def test_there_is_a_lane_for_every_thread_of_a_few(threads, count):
    generator = Compact((16,), 0, 8).eval().requires_grad_(False)
    row = torch.ones(1, generator.features)
    made = compile_replicas(generator, replace(TWO, threads=threads), row, row)
    assert (len(made) if made else 0) == count


@compiled
def test_where_one_graph_cannot_be_used_there_are_no_lanes(monkeypatch):
    graphs = iter([object(), None])
    monkeypatch.setattr(replicas, "compile_graph", lambda *_: next(graphs))
    assert compile_replicas(None, TWO, None, None) is None


@compiled
@torch.inference_mode()
def test_a_full_batch_is_painted_side_by_side_and_what_is_left_over_by_all_threads(monkeypatch):
    made = random_stylizer(TWO)
    calls = []

    def paint(graph, picture, gamma, beta, original=OpenVinoGraph.paint):
        calls.append(graph)
        return original(graph, picture, gamma, beta)

    monkeypatch.setattr(OpenVinoGraph, "paint", paint)
    three = pictures((48, 64), (64, 48), (32, 96))
    blends = [{"a": 1.0}, {"b": 1.0}, {"a": 0.5, "b": 0.5}]
    together = made.paint(three, blends)
    assert set(calls[:2]).isdisjoint(calls[2:])
    assert len(set(calls)) == 3
    exact = random_stylizer(CPU).paint
    for picture, blend, painting in zip(three, blends, together, strict=True):
        # Other numbers of threads sum in another order, which in float32 decides the rounding of a few values.
        difference = np.abs(exact([picture], [blend])[0].astype(int) - painting)
        assert difference.max() <= 1
        assert np.mean(difference > 0) <= 1e-3


@compiled
def test_pictures_of_one_area_share_a_batch_whatever_their_shape():
    made = random_stylizer(TWO)
    assert made.most_at_once == 2
    assert made.batch_key(48, 64) == made.batch_key(64, 48) != made.batch_key(48, 65)


def test_without_lanes_a_cpu_paints_one_picture_at_a_time():
    made = random_stylizer(CPU)
    assert made.most_at_once == 1
    assert not made.gains_from_batches
