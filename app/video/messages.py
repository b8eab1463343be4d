"""Messages between the process that reads a clip and the one that started it: JSON, followed by bytes."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Of the JSON, and of what is behind it.
LENGTHS = struct.Struct("<IQ")
HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class Message:
    head: Mapping[str, Any]
    body: bytes


class Silence(Exception):
    """Nothing came in time."""


class Ended(Exception):
    """The other side has gone, or sends what is no message."""


def send(pipe: int, head: Mapping[str, Any], *body: bytes | memoryview) -> None:
    """Raises OSError: the other side has gone."""
    encoded = json.dumps(head).encode()
    write(pipe, LENGTHS.pack(len(encoded), sum(map(len, body))) + encoded)
    for part in body:
        write(pipe, part)


def write(pipe: int, data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(pipe, left) :]


def receive(pipe: int, body_bytes: int, seconds: float) -> Message:
    """The next message.

    Args:
        body_bytes: the most that its body may have.
        seconds: to wait for all of it.

    Raises:
        Silence, Ended.
    """
    end = time.monotonic() + seconds
    head, body = LENGTHS.unpack(read(pipe, LENGTHS.size, end))
    if head > HEAD_BYTES or body > body_bytes:
        raise Ended(f"a message of {head} and {body} bytes")
    try:
        parsed = json.loads(read(pipe, head, end))
    except ValueError as error:
        raise Ended(repr(error)) from error
    return Message(parsed, read(pipe, body, end))


def read(pipe: int, count: int, end: float) -> bytes:
    """Args: end: on the monotonic clock."""
    data = bytearray(count)
    left = memoryview(data)
    while left:
        if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            raise Silence
        if not (came := os.readv(pipe, [left])):
            raise Ended("end of file")
        left = left[came:]
    return bytes(data)
