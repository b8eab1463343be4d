"""Which recordings are made, kept and forgotten; with recordings that are only names."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest

from app.engine.cuda_graph_cache import BATCHES, WORTH_AGAIN, WORTH_FROM, CudaGraphCache, Shape, batch_for


class Later(Executor):
    """Keeps what it is given until it is told to run it."""

    def __init__(self) -> None:
        self.waiting: list = []

    def submit(self, function, /, *args, **kwargs):
        self.waiting.append((function, args))
        return Future()

    def run(self) -> None:
        while self.waiting:
            function, args = self.waiting.pop(0)
            function(*args)


class Studio:
    """Makes recordings, or fails for the shapes that it is told to fail for."""

    def __init__(self, later=None, **bounds) -> None:
        self.made: list[Shape] = []
        self.failing: set[Shape] = set()
        self.later = later or Later()
        self.captures = CudaGraphCache(self.make, self.later, **bounds)

    def make(self, shape: Shape) -> str:
        self.made.append(shape)
        if shape in self.failing:
            raise RuntimeError("no")
        return str(shape)

    def ask(self, *shape: int, times: int = WORTH_FROM) -> list[str | None]:
        return [self.captures.find(*shape) for _ in range(times)]


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest.mark.parametrize(("pictures", "batch"), [(1, 1), (3, 3), (5, 6), (7, 8), (9, 12), (256, 256), (300, 300)])
def test_a_batch_is_filled_up_to_the_next_recorded_one(pictures: int, batch: int) -> None:
    assert batch_for(pictures) == batch


def test_no_batch_is_filled_up_by_more_than_half() -> None:
    assert all(batch_for(pictures) <= 1.5 * pictures for pictures in range(1, max(BATCHES) + 1))


def test_nothing_waits_for_a_recording_and_it_is_used_once_it_is_there(studio: Studio) -> None:
    assert studio.ask(2, 512, 384) == [None] * WORTH_FROM
    assert studio.made == []
    studio.later.run()
    assert studio.made == [Shape(2, 512, 384)]
    assert studio.ask(2, 512, 384, times=1) == [str(Shape(2, 512, 384))]


def test_a_shape_that_comes_but_once_is_not_recorded(studio: Studio) -> None:
    for width in range(100, 200):
        studio.ask(1, 64, width, times=WORTH_FROM - 1)
    assert not studio.later.waiting


def test_a_shape_is_recorded_once_however_often_it_comes_meanwhile(studio: Studio) -> None:
    studio.ask(1, 64, 64, times=50)
    studio.later.run()
    studio.ask(1, 64, 64, times=50)
    studio.later.run()
    assert len(studio.made) == 1


def test_batches_that_are_filled_up_share_a_recording_and_sizes_do_not(studio: Studio) -> None:
    for pictures in (5, 6, 5):
        studio.ask(pictures, 64, 64, times=1)
    studio.ask(6, 64, 65)
    studio.later.run()
    assert studio.made == [Shape(6, 64, 64), Shape(6, 64, 65)]


def test_the_least_recently_used_is_forgotten_and_made_again_when_it_is_worth_it() -> None:
    studio = Studio(most=2)
    for width in (1, 2):
        studio.ask(1, 64, width)
        studio.later.run()
    studio.ask(1, 64, 1, times=1)
    studio.ask(1, 64, 3)
    studio.later.run()
    assert [shape.width for shape in studio.captures._kept] == [1, 3]
    assert studio.ask(1, 64, 2) == [None] * WORTH_FROM
    studio.later.run()
    assert [shape.width for shape in studio.captures._kept] == [3, 2]


def test_memory_is_bounded_in_megapixels() -> None:
    studio = Studio(most_megapixels=2.5)
    for width in (1000, 1001, 1002):
        studio.ask(1, 1000, width)
        studio.later.run()
    assert [shape.width for shape in studio.captures._kept] == [1001, 1002]
    studio.ask(3, 1000, 1000)
    studio.later.run()
    assert Shape(3, 1000, 1000) not in studio.made


def test_what_cannot_be_recorded_is_painted_without_and_tried_again_much_later(studio: Studio) -> None:
    studio.failing.add(Shape(1, 64, 64))
    studio.ask(1, 64, 64)
    studio.later.run()
    assert studio.ask(1, 64, 64, times=WORTH_AGAIN) == [None] * WORTH_AGAIN
    studio.later.run()
    assert len(studio.made) == 1
    studio.failing.clear()
    studio.ask(1, 64, 64)
    studio.later.run()
    assert studio.ask(1, 64, 64, times=1) == [str(Shape(1, 64, 64))]


def test_what_is_prepared_is_there_at_once_and_made_once() -> None:
    studio = Studio(ThreadPoolExecutor(1))
    shapes = [Shape(batch, 512, 512) for batch in (1, 2)]
    studio.failing.add(shapes[0])
    studio.captures.prepare(shapes)
    studio.captures.prepare(shapes[1:])
    assert studio.made == shapes
    assert list(studio.captures._kept) == shapes[1:]
    assert studio.ask(2, 512, 512, times=1) == [str(shapes[1])]
