"""Bounds, order and single flight, without HTTP and without a network."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.stylize.result_cache import ENTRY_BYTES, ResultCache, StylizedImage
from app.errors import DeadlineExceeded, EngineFailed, PictureError

SMALL = StylizedImage(b"small", 1.0)


class Easel:
    """Begins paintings that end when told to, and counts them."""

    def __init__(self, *outcomes):
        self.tasks = []
        self.cleaned_up = 0
        self._outcomes = list(outcomes)
        self.gates = []

    def __call__(self):
        gate = asyncio.Event()
        self.gates.append(gate)
        self.tasks.append(asyncio.create_task(self._paint(gate, self._outcomes[len(self.tasks)])))
        return self.tasks[-1]

    async def _paint(self, gate, outcome):
        try:
            await gate.wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned_up += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def turns(count=10):
    """Let everything that is ready go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def asking(cache, easel, count, key="a"):
    return [asyncio.create_task(cache.get(key, easel)) for _ in range(count)]


def painted(cache, key, painting):
    """One request alone, and where its answer came from."""

    async def begin_and_wait():
        return await cache.get(key, lambda: asyncio.create_task(asyncio.sleep(0, painting)))

    return asyncio.run(begin_and_wait())


def test_equal_requests_in_the_air_are_painted_once_and_kept():
    async def main():
        cache, easel = ResultCache(10_000), Easel(SMALL)
        crowd = asking(cache, easel, 5)
        await turns()
        easel.gates[0].set()
        answers = await asyncio.gather(*crowd)
        assert answers == [(SMALL, "miss")] + [(SMALL, "shared")] * 4
        assert await cache.get("a", easel) == (SMALL, "hit")
        assert len(easel.tasks) == 1

    asyncio.run(main())


def test_other_requests_are_painted_beside_it():
    async def main():
        cache, easel = ResultCache(10_000), Easel(SMALL, SMALL)
        both = asking(cache, easel, 1, "a") + asking(cache, easel, 1, "b")
        await turns()
        for gate in easel.gates:
            gate.set()
        assert [source for _, source in await asyncio.gather(*both)] == ["miss", "miss"]

    asyncio.run(main())


def test_when_the_first_leaves_the_painting_goes_on_for_the_others():
    async def main():
        cache, easel = ResultCache(10_000), Easel(SMALL)
        first, *others = asking(cache, easel, 3)
        await turns()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        easel.gates[0].set()
        assert await asyncio.gather(*others) == [(SMALL, "shared")] * 2
        assert len(easel.tasks) == 1

    asyncio.run(main())


def test_when_all_leave_the_painting_ends_and_the_next_one_begins_anew():
    async def main():
        cache, easel = ResultCache(10_000), Easel(SMALL, SMALL)
        crowd = asking(cache, easel, 3)
        await turns()
        for one in crowd:
            one.cancel()
        late = asking(cache, easel, 1)
        await asyncio.gather(*crowd, return_exceptions=True)
        # Nobody is told that it is over before it has cleaned up.
        assert easel.tasks[0].cancelled()
        assert easel.cleaned_up == 1
        await turns()
        easel.gates[1].set()
        assert await asyncio.gather(*late) == [(SMALL, "miss")]

    asyncio.run(main())


@pytest.mark.parametrize("failure", [DeadlineExceeded(), EngineFailed(), RuntimeError("a bug")])
def test_the_firsts_failure_is_its_own_and_one_of_the_others_takes_over(failure):
    async def main():
        cache, easel = ResultCache(10_000), Easel(failure, SMALL)
        first, *others = asking(cache, easel, 4)
        await turns()
        easel.gates[0].set()
        with pytest.raises(type(failure)):
            await first
        await turns()
        easel.gates[1].set()
        assert sorted(source for _, source in await asyncio.gather(*others)) == ["miss", "shared", "shared"]
        assert len(easel.tasks) == 2

    asyncio.run(main())


def test_what_is_wrong_with_the_request_is_wrong_with_all_equal_ones():
    async def main():
        cache, easel = ResultCache(10_000), Easel(PictureError("cut off"))
        crowd = asking(cache, easel, 3)
        await turns()
        easel.gates[0].set()
        assert {type(failed) for failed in await asyncio.gather(*crowd, return_exceptions=True)} == {PictureError}
        assert (len(easel.tasks), cache.held_bytes) == (1, 0)

    asyncio.run(main())


def test_a_failure_that_nobody_waits_for_any_more_is_not_an_error_of_the_loop():
    async def main():
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        cache, easel = ResultCache(10_000), Easel(EngineFailed())
        [only] = asking(cache, easel, 1)
        await turns()
        easel.gates[0].set()
        easel.tasks[0].add_done_callback(lambda _: only.cancel())
        await asyncio.gather(only, return_exceptions=True)
        easel.tasks.clear()
        await turns()
        assert not complaints

    asyncio.run(main())


def test_without_room_nothing_is_kept_and_nothing_shared():
    async def main():
        cache, easel = ResultCache(0), Easel(SMALL, SMALL)
        crowd = asking(cache, easel, 2)
        await turns()
        for gate in easel.gates:
            gate.set()
        assert await asyncio.gather(*crowd) == [(SMALL, "miss")] * 2
        assert cache.held_bytes == 0

    asyncio.run(main())


def test_the_one_that_was_not_asked_for_the_longest_goes_first():
    cache = ResultCache(2 * (len(SMALL.data) + ENTRY_BYTES))
    asked = [("a", "miss"), ("b", "miss"), ("a", "hit"), ("c", "miss"), ("a", "hit"), ("b", "miss"), ("c", "miss")]
    assert [painted(cache, key, SMALL)[1] for key, _ in asked] == [source for _, source in asked]


def test_what_is_larger_than_the_cache_pushes_nothing_out():
    cache = ResultCache(5000)
    painted(cache, "small", SMALL)
    painted(cache, "large", StylizedImage(bytes(5000), 1.0))
    assert painted(cache, "small", SMALL)[1] == "hit"
    assert painted(cache, "large", SMALL)[1] == "miss"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4000)), max_size=40))
def test_never_more_bytes_than_the_bound(requests):
    async def main():
        cache = ResultCache(6000)
        for key, size in requests:
            painting = StylizedImage(bytes(size), 1.0)
            await cache.get(key, lambda painting=painting: asyncio.create_task(asyncio.sleep(0, painting)))
            assert cache.held_bytes <= 6000
            assert cache.held_bytes == sum(len(kept.data) + ENTRY_BYTES for kept in cache._kept.values())
            assert not cache._flights

    asyncio.run(main())
