"""Live painting end to end: frames a second, and how far behind they are, of a real server on loopback.

Every session sends a camera's frames as the page does: the newest whenever fewer than two have no answer. The delay is
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

import numpy as np
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect

from app.settings import usable_cores
from benchmarks.markdown_table import table
from benchmarks.service.contenders import Contender, contender
from benchmarks.service.latency import PHOTO

UNANSWERED = 2
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


async def session(port: int, wishes: Mapping[str, object], frames: Sequence[bytes], end: float) -> list[Answer]:
    """One camera, until the monotonic time `end`."""
    url = f"ws://127.0.0.1:{port}/v1/live"
    async with connect(url, subprotocols=["pastiche.live"], compression=None) as live:  # type: ignore[list-item]
        await heard(live, "ready")
        await live.send(json.dumps(wishes))
        await heard(live, "options")
        sent: dict[int, float] = {}
        answers = []
        number = 0
        while time.monotonic() < end:
            while len(sent) < UNANSWERED:
                number += 1
                sent[number] = time.monotonic()
                await live.send(frames[number % len(frames)])
            said = await heard(live, "picture")
            await live.recv()
            now = time.monotonic()
            answers.append(Answer(now, now - sent.pop(said["frame"]), max(said["width"], said["height"])))
            for dropped in [each for each in sent if each < said["frame"]]:
                del sent[dropped]
        return answers


async def heard(live: ClientConnection, member: str) -> dict[str, int]:
    said = json.loads(await live.recv())
    if member not in said:
        raise SystemExit(f"The service said {said} in place of {member}.")
    found: dict[str, int] = said[member]
    return found


async def measured(server: Contender, wishes: Mapping[str, object], edge: int, sessions: int, seconds: float) -> Row:
    frames = camera(edge)
    wishes = {**wishes, "size": edge}
    start = time.monotonic() + WARM_UP_SECONDS
    painters = [asyncio.create_task(session(server.port, wishes, frames, start + seconds)) for _ in range(sessions)]
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
                row = asyncio.run(measured(server, wishes, edge, sessions, args.seconds))
                rows.append(row)
                print(f"| {' | '.join(row.cells)} |", flush=True)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
