"""The server under half of what it can serve, for a while: does its memory stay where it is?

    python -m benchmarks.service.soak --minutes 15

The load is half of the best rate of four clients that ask again at once, arriving at random, of images of mixed sizes.
The slope is a least-squares line through the samples after the first fifth, in which caches and pools fill. Exits with
1 when it is above `--most`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression

from benchmarks.markdown_table import table
from benchmarks.service.contenders import Contender, contender
from benchmarks.service.loopback import closed_loop, open_loop
from benchmarks.service.photos_to_send import photos, requests

CLIENTS = 4
PEAK_SECONDS = 8.0
SAMPLE_SECONDS = 1.0
WARM_UP_SHARE = 0.2
STYLES = ("starry_night",)
Sample = tuple[float, float]


async def soak(server: Contender, minutes: float, folder: Path | None) -> tuple[float, int, int, list[Sample]]:
    """Pictures a second that were asked for, answers that were pictures and that were not, and samples of
    (seconds, megabytes)."""
    sent = requests("mixed", photos(folder), STYLES)
    peak = await closed_loop(server.port, sent, CLIENTS, PEAK_SECONDS)
    rate = peak.rate / 2
    samples: list[Sample] = []
    began = time.monotonic()

    async def sample() -> None:
        while True:
            samples.append((time.monotonic() - began, server.megabytes))
            await asyncio.sleep(SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    load = await open_loop(server.port, sent, rate, minutes * 60)
    sampling.cancel()
    return rate, len(load.good), len(load.answers) - len(load.good), samples


def slope(samples: Sequence[Sample]) -> float:
    """Megabytes an hour after the warm-up. 0 for fewer than two samples, of which no line can be drawn."""
    settled = samples[int(len(samples) * WARM_UP_SHARE) :]
    if len(settled) < 2:
        return 0.0
    return 3600 * linear_regression(*zip(*settled, strict=True)).slope


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--photos", type=Path, help="folder of JPEGs; the built-in ones without it")
    parser.add_argument("--most", type=float, default=100, help="megabytes an hour that are no failure")
    given = parser.parse_args(arguments)
    with contender("pastiche") as server:
        rate, good, failed, samples = asyncio.run(soak(server, given.minutes, given.photos))
    growth = slope(samples)
    cells = [f"{given.minutes:g}", f"{rate:.2f}", str(good), str(failed)]
    cells += [f"{samples[0][1]:.0f}", f"{max(mb for _, mb in samples):.0f}", f"{samples[-1][1]:.0f}", f"{growth:+.1f}"]
    names = ("minutes", "pictures/s", "good", "failed", "MB at first", "MB at most", "MB at last", "MB an hour")
    print(table(names, [cells]))
    return 1 if growth > given.most else 0


if __name__ == "__main__":
    sys.exit(main())
