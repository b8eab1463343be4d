"""Live painting end to end: frames a second, and how far behind they are, of a real server on loopback.

Every session sends a camera's frames as the page does: one after an answer, and the next one just before the answer is
due, so that it need not wait long and the service does not wait for it. `--eager` sends it at once. The delay is
from the moment at which a frame was sent to the one at which its picture had come; encoding and decoding at the client
are left out. With `--rate 0`, the default, the size stays as asked for; with another rate it adapts.

    python -m benchmarks.service.live --edges 384 512 --sessions 1 4 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

import numpy as np
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect

from app.settings import usable_cores
from benchmarks.markdown_table import table
from benchmarks.service.contenders import Contender, contender
from benchmarks.service.latency import PHOTO

# Of what the last answer tells, beside those before it; and how long before the service is free a frame is to be there.
NEWEST, SPARE_SECONDS = 0.2, 0.012
DISTINCT_FRAMES = 16
WARM_UP_SECONDS = 3.0
QUALITY = 80
MOST_SESSIONS = 64
HEADINGS = (
    "edge",
    "sessions",
    "pictures/s in all",
    "of one",
    "p50 ms",
    "p99 ms",
    "edge of the pictures",
    "CPU s/picture",
)
HEADINGS += ("all but the network",)


@dataclass(frozen=True)
class Row:
    """`rate` is of all sessions together; `painted` is the mean longer edge of the pictures."""

    edge: int
    sessions: int
    rate: float
    p50_ms: float
    p99_ms: float
    painted: float
    cpu_seconds_a_picture: float
    plain_share: float

    @property
    def cells(self) -> list[str]:
        rates = [f"{self.rate:.1f}", f"{self.rate / self.sessions:.1f}", f"{self.p50_ms:.0f}", f"{self.p99_ms:.0f}"]
        costs = [f"{self.painted:.0f}", f"{self.cpu_seconds_a_picture:.4f}", f"{self.plain_share:.1%}"]
        return [str(self.edge), str(self.sessions), *rates, *costs]


@dataclass(frozen=True)
class Answer:
    """When a picture had come, how long after its frame was sent, in seconds, and its longer edge."""

    at: float
    delay: float
    edge: int


def camera(edge: int) -> list[bytes]:
    """JPEGs of edge x 3/4 edge: a window that moves over a photo, with noise."""
    photo = Image.open(PHOTO).convert("RGB").resize((edge + 4 * DISTINCT_FRAMES, edge + 4 * DISTINCT_FRAMES))
    draw = np.random.default_rng(0)
    frames = []
    for place in range(DISTINCT_FRAMES):
        window = np.asarray(photo.crop((4 * place, place, 4 * place + edge, place + edge * 3 // 4)), np.float32)
        noisy = (window + draw.normal(0, 2, window.shape)).clip(0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noisy).save(file, "jpeg", quality=QUALITY)
        frames.append(file.getvalue())
    return frames


class Due:
    """When to send a frame beside the one that has no answer yet, as `app/web/state/live-socket.js` has it."""

    def __init__(self, eager: bool) -> None:
        self._eager = eager
        self._last: float | None = None
        self._painting = self._way = 0.0

    def seconds(self, now: float) -> float:
        """Until then; 0: at once."""
        if self._eager or self._last is None:
            return 0.0
        return max(0.0, self._last + self._painting - self._way - SPARE_SECONDS - now)

    def note(self, now: float, delay: float, milliseconds: Mapping[str, float]) -> None:
        """An answer has come, so long after its frame was sent; the service tells what it took of that."""
        total, waited = milliseconds["total"] / 1000, milliseconds["waited"] / 1000
        share = 1.0 if self._last is None else NEWEST
        self._painting += share * (total - waited - self._painting)
        self._way += share * (delay - total - self._way)
        self._last = now


class Camera:
    """Sends its frames, and knows when those without an answer were sent, by their numbers."""

    def __init__(self, live: ClientConnection, frames: Sequence[bytes]) -> None:
        self._live = live
        self._frames = frames
        self._number = 0
        self.sent: dict[int, float] = {}

    async def send(self, after_seconds: float = 0.0) -> None:
        await asyncio.sleep(after_seconds)
        self._number += 1
        self.sent[self._number] = time.monotonic()
        await self._live.send(self._frames[self._number % len(self._frames)])

    def answered(self, number: int) -> float:
        """When it was sent; those before it have no answer any more."""
        at = self.sent[number]
        self.sent = {each: sent for each, sent in self.sent.items() if each > number}
        return at


async def session(
    port: int, wishes: Mapping[str, object], frames: Sequence[bytes], end: float, eager: bool
) -> list[Answer]:
    """One camera, until the monotonic time `end`."""
    url = f"ws://127.0.0.1:{port}/v1/live"
    async with connect(url, subprotocols=["pastiche.live"], compression=None) as live:  # type: ignore[list-item]
        await heard(live, "ready")
        await live.send(json.dumps(wishes))
        await heard(live, "options")
        camera, due, answers = Camera(live, frames), Due(eager), []
        while time.monotonic() < end:
            if not camera.sent:
                await camera.send()
            next_one = (
                asyncio.create_task(camera.send(due.seconds(time.monotonic()))) if len(camera.sent) == 1 else None
            )
            said = await heard(live, "picture")
            await live.recv()
            now = time.monotonic()
            if next_one:
                next_one.cancel()
            delay = now - camera.answered(said["frame"])
            due.note(now, delay, said["milliseconds"])
            answers.append(Answer(now, delay, max(said["width"], said["height"])))
        return answers


async def heard(live: ClientConnection, member: str) -> dict[str, Any]:
    said = json.loads(await live.recv())
    if member not in said:
        raise SystemExit(f"The service said {said} in place of {member}.")
    found: dict[str, Any] = said[member]
    return found


async def measured(
    server: Contender, wishes: Mapping[str, object], edge: int, sessions: int, seconds: float, eager: bool
) -> Row:
    frames = camera(edge)
    wishes = {**wishes, "size": edge}
    start = time.monotonic() + WARM_UP_SECONDS
    painters = [
        asyncio.create_task(session(server.port, wishes, frames, start + seconds, eager)) for _ in range(sessions)
    ]
    await asyncio.sleep(WARM_UP_SECONDS)
    cpu, plain = server.cpu_seconds, server.plain_cpu_seconds
    answers = [answer for answers in await asyncio.gather(*painters) for answer in answers if answer.at >= start]
    cpu, plain = server.cpu_seconds - cpu, server.plain_cpu_seconds - plain
    cuts = quantiles([1000 * answer.delay for answer in answers], n=100)
    return Row(
        edge=edge,
        sessions=sessions,
        rate=len(answers) / seconds,
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        painted=mean(answer.edge for answer in answers),
        cpu_seconds_a_picture=cpu / len(answers),
        plain_share=plain / cpu,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=[384, 512], help="longer edges in pixels, 4:3")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4], help="at once")
    parser.add_argument("--rate", type=float, default=0, help="frames a second to hold by the size; 0: the size stays")
    parser.add_argument("--steady", action=argparse.BooleanOptionalAction, default=True, help="strokes that stay")
    parser.add_argument("--eager", action="store_true", help="always have two frames without an answer")
    parser.add_argument("--style", default="starry_night")
    parser.add_argument("--seconds", type=float, default=10, help="of each row")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    args = parser.parse_args(arguments)
    settings = {"LIVE_SESSIONS": str(MOST_SESSIONS), "LIVE_SESSIONS_EACH": str(MOST_SESSIONS), "LIVE_SHARE": "0.9"}
    wishes = {"styles": args.style, "rate": args.rate, "steady": args.steady}
    rows = []
    with contender("pastiche", settings) as server:
        print(f"{usable_cores()} cores, load {os.getloadavg()[0]:.1f} before\n\n{table(HEADINGS, [])}")
        for edge in args.edges:
            for sessions in args.sessions:
                row = asyncio.run(measured(server, wishes, edge, sessions, args.seconds, args.eager))
                rows.append(row)
                print(f"| {' | '.join(row.cells)} |", flush=True)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
