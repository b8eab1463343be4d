import asyncio

import pytest

from app.api.http.disconnect import ClientGone, while_connected


async def stays():
    await asyncio.Event().wait()


async def leaves():
    return {"type": "http.disconnect"}


def test_the_result_of_work_that_ends_first():
    async def work():
        return 7

    assert asyncio.run(while_connected(stays, work())) == 7


def test_what_work_raises_is_raised():
    async def work():
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(while_connected(stays, work()))


def test_work_is_cancelled_and_has_cleaned_up_when_the_client_leaves():
    cleaned = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(ClientGone):
        asyncio.run(while_connected(leaves, work()))
    assert cleaned == [True]


def test_cancelling_from_outside_cancels_both():
    cancelled = []

    async def note(name):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    async def main():
        async with asyncio.timeout(0.01):
            await while_connected(lambda: note("client"), note("work"))

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert sorted(cancelled) == ["client", "work"]
