"""Calls to what may hang: answered, refused or given up, and never on the event loop."""

import asyncio
import threading

import pytest

from app.api import backend
from app.api.backend import Backend
from app.errors import StorageUnavailable


def test_what_the_function_returns_or_raises_comes_back():
    async def run():
        store = Backend("test", 1, 5, StorageUnavailable)
        assert await store.call(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await store.call(divmod, 7, 0)
        names = await store.call(lambda: threading.current_thread().name)
        assert names.startswith("test")
        store.stop()

    asyncio.run(run())


def test_who_hangs_is_given_up_and_its_callers_are_not_many(monkeypatch):
    monkeypatch.setattr(backend, "WAITING_PER_THREAD", 1)
    free = threading.Event()

    async def run():
        store = Backend("test", 1, 0.02, StorageUnavailable)
        ran = []
        with pytest.raises(StorageUnavailable) as given_up:
            await store.call(free.wait, 10)
        assert given_up.value.retry_after_seconds == 5
        # The thread is still taken: one more may wait, given up before its turn, and is then never run.
        with pytest.raises(StorageUnavailable):
            await store.call(ran.append, 1)
        free.set()
        while True:
            try:
                assert await store.call(lambda: "there again") == "there again"
                break
            except StorageUnavailable:
                await asyncio.sleep(0.01)
        assert ran == []
        store.stop()

    asyncio.run(run())


def test_more_callers_than_may_wait_are_refused_at_once(monkeypatch):
    monkeypatch.setattr(backend, "WAITING_PER_THREAD", 0)
    free = threading.Event()

    async def run():
        store = Backend("test", 2, 30, StorageUnavailable)
        taken = [asyncio.create_task(store.call(free.wait, 10)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(StorageUnavailable):
            await store.call(int)
        free.set()
        assert await asyncio.gather(*taken) == [True, True]
        store.stop()

    asyncio.run(run())
