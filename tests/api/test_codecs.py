import asyncio
import threading
import time

import pytest

from app.api.codecs import WAITING_PER_THREAD, CodecThreads
from app.api.stages import Stages
from app.errors import Overloaded


@pytest.fixture
def codecs():
    pool = CodecThreads(1)
    yield pool
    pool.stop()


def settled(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    return condition()


def test_steps_run_in_another_thread_and_their_wait_is_measured(codecs):
    stages = Stages()
    assert asyncio.run(codecs.run(stages, threading.current_thread)).name.startswith("codec")
    assert list(stages.seconds) == ["queue"]


def test_a_step_cancelled_before_its_turn_never_begins(codecs):
    ran = []
    gate = threading.Event()

    async def main():
        first = asyncio.create_task(codecs.run(Stages(), gate.wait))
        second = asyncio.create_task(codecs.run(Stages(), ran.append, 1))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert codecs.pending == 1
        gate.set()
        await first

    asyncio.run(main())
    assert ran == []
    assert settled(lambda: codecs.pending == 0)


def test_new_work_is_refused_while_the_queue_is_full(codecs):
    gate = threading.Event()

    async def main():
        tasks = [asyncio.create_task(codecs.run(Stages(), gate.wait)) for _ in range(1 + WAITING_PER_THREAD)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            codecs.check_room()
        gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert settled(lambda: codecs.pending == 0)
    codecs.check_room()
