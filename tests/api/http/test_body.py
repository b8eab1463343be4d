import asyncio

import pytest
from starlette.requests import Request

from app.api.http.body import STALL_SECONDS, STEP_BYTES, Body, UploadBudget
from app.api.http.disconnect import ClientGone
from app.errors import BodyTooLarge, Overloaded


class Client:
    """Sends its chunks, then leaves; counts how many were asked for."""

    def __init__(self, *chunks, declared=None, ends=True):
        self.chunks, self.ends, self.asked = list(chunks), ends, 0
        headers = [] if declared is None else [(b"content-length", declared.encode())]
        self.request = Request({"type": "http", "method": "POST", "headers": headers}, self.receive)

    async def receive(self):
        self.asked += 1
        if not self.chunks:
            return {"type": "http.disconnect"}
        chunk = self.chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks) or not self.ends}


def read(client, limit=10, budget=None):
    body = Body(client.request, limit, budget or UploadBudget(1000))
    return asyncio.run(body.read()), body


def test_a_body_of_exactly_the_limit_is_read():
    assert read(Client(b"12345", b"", b"67890"))[0] == b"1234567890"


def test_a_declared_length_past_the_limit_is_refused_unread():
    client = Client(b"x", declared="11")
    with pytest.raises(BodyTooLarge):
        read(client)
    assert client.asked == 0


@pytest.mark.parametrize("declared", [None, "3", "-3", "ten"])
def test_reading_stops_at_the_byte_that_is_too_many_whatever_was_declared(declared):
    client = Client(b"12345", b"67890", b"x", b"never read", declared=declared)
    with pytest.raises(BodyTooLarge):
        read(client)
    assert client.asked == 3


def test_a_client_that_leaves_in_the_middle():
    with pytest.raises(ClientGone):
        read(Client(b"12345", ends=False, declared="10"))


def test_the_budget_is_shared_and_given_back():
    budget = UploadBudget(15)
    _, first = read(Client(b"1234567890"), budget=budget)
    with pytest.raises(Overloaded) as caught:
        read(Client(b"123456"), budget=budget)
    assert caught.value.retry_after_seconds == 1
    assert budget.held_bytes == 10
    first.drop()
    first.drop()
    assert budget.held_bytes == 0
    assert read(Client(b"123456"), budget=budget)[0] == b"123456"


class Slow:
    """A client that sends a chunk when it is told to, for a body that is being read meanwhile."""

    def __init__(self, budget, limit=1_000_000):
        self.messages = asyncio.Queue()
        self.body = Body(Request({"type": "http", "method": "POST", "headers": []}, self.messages.get), limit, budget)
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        try:
            return await self.body.read()
        except BaseException:
            self.body.drop()
            raise

    async def send(self, chunk, more=True):
        self.messages.put_nowait({"type": "http.request", "body": chunk, "more_body": more})
        for _ in range(5):
            await asyncio.sleep(0)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def scene(play, limit=100_000):
    async def run():
        clock = Clock()
        budget = UploadBudget(limit, clock)
        await play(clock, budget)

    asyncio.run(run())


def test_a_body_that_stalls_makes_room_for_another_and_its_client_is_told():
    async def play(clock, budget):
        stalled, good = Slow(budget), Slow(budget)
        await stalled.send(b"x" * 90_000)
        clock.now += STALL_SECONDS
        await good.send(b"y" * 50_000, more=False)
        assert await good.reading == b"y" * 50_000
        with pytest.raises(Overloaded, match="too slowly"):
            await stalled.reading
        assert budget.held_bytes == 50_000
        good.body.drop()
        assert budget.held_bytes == 0

    scene(play)


def test_who_is_quick_enough_is_not_cut_off_and_a_byte_now_and_then_is_not_quick():
    async def play(clock, budget):
        trickling, steady = Slow(budget), Slow(budget)
        await trickling.send(b"x" * 20_000)
        for _ in range(4):
            clock.now += STALL_SECONDS * 0.4
            await steady.send(b"z" * STEP_BYTES)
            await trickling.send(b"x")
        with_room = Slow(budget)
        await with_room.send(b"y" * 30_000, more=False)
        assert await with_room.reading == b"y" * 30_000
        with pytest.raises(Overloaded):
            await trickling.reading
        await steady.send(b"z", more=False)
        assert len(await steady.reading) == 4 * STEP_BYTES + 1

    scene(play)


def test_a_stalled_body_is_left_alone_while_there_is_room():
    async def play(clock, budget):
        stalled, good = Slow(budget), Slow(budget)
        await stalled.send(b"x" * 40_000)
        clock.now += 100 * STALL_SECONDS
        await good.send(b"y" * 50_000, more=False)
        assert len(await good.reading) == 50_000
        await stalled.send(b"x", more=False)
        assert len(await stalled.reading) == 40_001

    scene(play)


def test_a_body_that_has_come_whole_is_not_cut_off_while_its_picture_waits():
    async def play(clock, budget):
        waiting, late = Slow(budget), Slow(budget)
        await waiting.send(b"x" * 90_000, more=False)
        assert len(await waiting.reading) == 90_000
        clock.now += 100 * STALL_SECONDS
        await late.send(b"y" * 50_000)
        with pytest.raises(Overloaded, match="Too many uploads"):
            await late.reading
        assert budget.held_bytes == 90_000

    scene(play)


def test_a_body_that_comes_further_in_the_moment_it_is_cut_off_is_still_cut_off():
    async def play(clock, budget):
        stalled, good = Slow(budget), Slow(budget)
        await stalled.send(b"x" * 90_000)
        clock.now += STALL_SECONDS
        good.messages.put_nowait({"type": "http.request", "body": b"y" * 50_000, "more_body": False})
        stalled.messages.put_nowait({"type": "http.request", "body": b"x" * 500, "more_body": False})
        assert len(await good.reading) == 50_000
        with pytest.raises(Overloaded, match="too slowly"):
            await stalled.reading
        assert budget.held_bytes == 50_000

    scene(play)


def test_a_stalled_body_that_goes_on_and_finds_no_room_is_itself_the_slowest():
    async def play(clock, budget):
        stalled, other = Slow(budget), Slow(budget)
        await stalled.send(b"x" * 33_000)
        clock.now += STALL_SECONDS
        await other.send(b"y" * 60_000)
        await stalled.send(b"x" * 10_000, more=False)
        with pytest.raises(Overloaded, match="too slowly"):
            await stalled.reading
        assert budget.held_bytes == 60_000

    scene(play)
