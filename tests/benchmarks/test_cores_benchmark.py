"""The benchmark of cores tries every way to share them once, and names the best."""

from __future__ import annotations

import asyncio
import os

import pytest

from app.machine import affinity
from benchmarks.service.cores import Row, Split, bound_to, loops, sentences, splits
from benchmarks.service.loopback import Request


def row(cores: int, split: str, clients: int, rate: float) -> Row:
    return Row(rate, 1, 1, 1, 1, cores=cores, split=split, clients=clients)


def test_one_core_is_shared_in_one_way() -> None:
    assert splits(1) == [Split(1, 1, 1)]


def test_two_cores_are_threads_of_one_process_or_two_processes() -> None:
    assert [str(split) for split in splits(2)] == ["1x2x2", "1x2x1", "1x1x2", "1x1x1", "2x1x1"]


def test_processes_divide_the_cores() -> None:
    assert [str(split) for split in splits(6)][-3:] == ["2x3x3", "3x2x2", "6x1x1"]
    assert all(split.processes * split.engine_threads <= 6 for split in splits(6))


def test_a_split_is_read_as_it_is_written() -> None:
    split = Split.parse("2x4x3")
    assert (split, str(split)) == (Split(2, 4, 3), "2x4x3")
    assert split.settings == {"ENGINE_THREADS": "4", "CODEC_THREADS": "3"}


@pytest.mark.parametrize("text", ["2", "2x1", "0x1x1", "ax1x1"])
def test_what_is_no_split_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - argparse shows its own sentence
        Split.parse(text)


def test_the_best_is_named_and_how_near_the_default_comes() -> None:
    rows = [row(1, "none", 4, 5), row(1, "1x1x1", 4, 5), row(2, "none", 1, 99), row(2, "none", 4, 9)]
    rows += [row(2, "2x1x1", 4, 10), row(2, "1x2x2", 4, 8)]
    assert list(sentences(rows)) == [
        "1 cores: none is the best with 5.00 pictures/s; without a setting 100.0% of that.",
        "2 cores: 2x1x1 is the best with 10.00 pictures/s; without a setting 90.0% of that.",
    ]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system knows no affinity")
def test_the_cores_are_given_back() -> None:
    before = affinity()
    with bound_to(1):
        assert affinity() == {max(before)}
    assert affinity() == before


def test_clients_are_spread_over_the_servers_and_counted_together() -> None:
    seen: dict[int, int] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        seen[port] = seen.get(port, 0) + 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\nphoto")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()

    async def run() -> int:
        running = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(2)]
        ports = [server.sockets[0].getsockname()[1] for server in running]
        load = await loops(ports, [Request("/", b"photo")], 3, 0.1)
        for server in running:
            server.close()
        assert [seen[port] for port in ports] == [2, 1]
        return len(load.good)

    assert asyncio.run(run()) >= 3
