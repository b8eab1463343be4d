import asyncio

import pytest
from starlette.requests import Request

from app.api.body import Body, UploadBudget
from app.api.disconnect import ClientGone
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
