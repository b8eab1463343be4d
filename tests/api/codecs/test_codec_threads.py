import asyncio
import threading
import time

import pytest
from picture_bytes import encoded

from app.api.codecs.threads import CodecThreads
from app.api.stages import Stages
from app.errors import Overloaded, UnsupportedPicture
from app.imaging.cost import Cost

SMALL, LARGE = Cost(0, 0.01), Cost(0, 9.0)
DEADLINE = 30.0


@pytest.fixture
def codecs():
    pool = CodecThreads(1, 10**9, clock=lambda: 0.0)
    yield pool
    pool.stop()


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def settled(condition):
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    return condition()


async def run(codecs, cost, function, *args, stages=None):
    with codecs.admit([cost], DEADLINE) as work:
        return await work.run(stages or Stages(), function, *args)


def test_steps_run_in_another_thread_and_their_wait_is_measured(codecs):
    stages = Stages()
    assert asyncio.run(run(codecs, SMALL, threading.current_thread, stages=stages)).name.startswith("codec")
    assert list(stages.seconds) == ["queue"]


def test_what_a_step_raises_is_raised(codecs):
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run(codecs, SMALL, lambda: 1 / 0))
    assert settled(lambda: codecs.pending == 0)


def test_a_small_one_is_done_while_large_ones_block_their_thread_and_more_are_refused(codecs, gate):
    async def main():
        large = [asyncio.create_task(run(codecs, Cost(0, 7.0), gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        assert await run(codecs, SMALL, lambda: "done") == "done"
        with pytest.raises(Overloaded) as caught:
            await run(codecs, Cost(0, 7.0), gate.wait)
        assert caught.value.retry_after_seconds == 6  # 21 seconds, of which 15 are taken
        gate.set()
        assert await asyncio.gather(*large) == [True, True]
        await run(codecs, Cost(0, 7.0), gate.wait)

    asyncio.run(main())
    assert settled(lambda: codecs.pending == 0)
    assert codecs.seconds == 0


def test_a_step_cancelled_before_its_turn_never_begins(codecs, gate):
    ran = []

    async def main():
        first = asyncio.create_task(run(codecs, SMALL, gate.wait))
        second = asyncio.create_task(run(codecs, SMALL, ran.append, 1))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert codecs.pending == 1
        gate.set()
        await first

    asyncio.run(main())
    assert ran == []
    assert settled(lambda: codecs.pending == 0)


def test_a_step_whose_client_has_left_counts_until_its_thread_is_free(codecs, gate):
    async def main():
        task = asyncio.create_task(run(codecs, LARGE, gate.wait))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert (codecs.pending, codecs.seconds) == (1, 9.0)
    gate.set()
    assert settled(lambda: codecs.pending == 0)


def test_who_will_be_late_is_told_while_he_waits(gate):
    now = [0.0]
    codecs = CodecThreads(1, 10**9, clock=lambda: now[0])

    async def main():
        first = asyncio.create_task(run(codecs, LARGE, gate.wait))
        second = asyncio.create_task(run(codecs, Cost(0, 6.0), gate.wait))
        await asyncio.sleep(0.01)
        now[0] = 29.9
        gate.set()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(main())
    assert first is True
    assert isinstance(second, Overloaded)
    assert settled(lambda: codecs.pending == 0)
    codecs.stop()


def test_stopped_it_cancels_what_waits(codecs, gate):
    async def main():
        first = asyncio.create_task(run(codecs, SMALL, gate.wait))
        second = asyncio.create_task(run(codecs, SMALL, gate.wait))
        await asyncio.sleep(0.01)
        codecs.stop()
        gate.set()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(main())
    assert first is True
    assert isinstance(second, asyncio.CancelledError)


def test_a_header_is_read_in_a_thread(codecs, astronaut):
    header = asyncio.run(codecs.probe(encoded(astronaut[:20, :30]), 1, DEADLINE, Stages()))
    assert (header.format, header.width, header.height) == ("png", 30, 20)
    with pytest.raises(UnsupportedPicture):
        asyncio.run(codecs.probe(b"a text", 1, DEADLINE, Stages()))
