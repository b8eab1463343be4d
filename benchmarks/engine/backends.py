"""Both generators in every way that could serve them on a CPU, bytes to bytes, beside a large matrix product.

The ways take turns, round by round, so that what else the machine does meets all of them. `x` is how many times as fast
as eager float32 in the same round, the median of the rounds; "of a product" is the network's FLOP/s, counted in the
generator as it stands, over those of a large matrix product in the same dtype.

    python -m benchmarks.engine.backends --quick
    python -m benchmarks.engine.backends --json engine.json
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from app.imaging.picture import Pixels
from app.settings import usable_cores
from benchmarks.engine.contenders import BASELINE, CONTENDERS, DTYPES, QUICK, USUAL, Contender, Paint, Subject, subject
from benchmarks.markdown_table import table

PRODUCT_EDGE = 2048
# The smaller edge is odd on purpose: nobody has prepared for it.
UNSEEN = (333, 444)
HEADINGS = (
    "way",
    "dtype",
    "ms",
    "CPU ms",
    "x",
    "of a product",
    "mean step",
    "dB",
    "prepared in s",
    "first of a size, ms",
)


@dataclass(frozen=True)
class Case:
    """So many pictures of one size at once."""

    network: str
    height: int
    width: int
    batch: int = 1

    def __str__(self) -> str:
        return f"{self.network}, {self.width} x {self.height}, batch {self.batch}"


CASES = [
    *(Case(network, *size) for network in ("compact", "paper") for size in ((256, 256), (512, 512))),
    *(Case("compact", *size) for size in ((1024, 1024), (768, 1024))),
    Case("paper", 768, 1024),
    *(Case("compact", 256, 256, batch) for batch in (2, 4, 8)),
    *(Case("compact", 512, 512, batch) for batch in (2, 4, 8)),
]
QUICK_CASES = [Case("compact", 512, 512), Case("paper", 512, 512), Case("compact", 768, 1024)]


@dataclass(frozen=True)
class Turn:
    """One painting: seconds on the clock, and of all cores."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Result:
    """A way in one case. Milliseconds are of all pictures of the batch."""

    case: str
    way: str
    dtype: str
    threads: int
    milliseconds: float
    cpu_milliseconds: float
    times_as_fast: float
    of_a_product: float
    mean_step: float
    decibels: float
    prepared_seconds: float
    first_milliseconds: float

    @property
    def row(self) -> list[str]:
        figures = (f"{self.milliseconds:.1f}", f"{self.cpu_milliseconds:.1f}", f"{self.times_as_fast:.2f}")
        picture = (f"{self.mean_step:.2f}", "equal" if math.isinf(self.decibels) else f"{self.decibels:.1f}")
        first = "compiles" if math.isnan(self.first_milliseconds) else f"{self.first_milliseconds:.0f}"
        prepared = (f"{self.prepared_seconds:.1f}", first)
        return [self.way, self.dtype, *figures, f"{self.of_a_product:.2f}", *picture, *prepared]


@dataclass(frozen=True)
class Ready:
    """A contender that was prepared, and how long that and its first picture of an unseen size took."""

    contender: Contender
    paint: Paint
    prepared_seconds: float
    first_milliseconds: float


def times_as_fast(baseline: Sequence[Turn], turns: Sequence[Turn]) -> float:
    """Of equal rounds, so that a slow minute of the machine counts for both."""
    return median(b.seconds / t.seconds for b, t in zip(baseline, turns, strict=True))


def distance(a: Pixels, b: Pixels) -> tuple[float, float]:
    """Mean difference in 8-bit steps, and PSNR in dB."""
    difference = a.astype(float) - b
    mean_square = float(np.square(difference).mean())
    decibels = 10 * math.log10(255**2 / mean_square) if mean_square else math.inf
    return float(np.abs(difference).mean()), decibels


def flop(case: Case, subject: Subject) -> int:
    """Of the generator as it stands, for all pictures of the case."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        subject.generator(torch.rand(1, 3, case.height, case.width), subject.gamma, subject.beta)
    return counter.get_total_flops() * case.batch


def product_turn(dtype: torch.dtype) -> Turn:
    a = torch.ones(PRODUCT_EDGE, PRODUCT_EDGE, dtype=dtype)
    return timed(lambda: a @ a)


def timed(work: object) -> Turn:
    assert callable(work)
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Turn(time.perf_counter() - began, time.process_time() - cpu)


def photos(case: Case) -> Pixels:
    """Smooth, with some noise: an even colour, or noise alone, would leave the norms nothing to do."""
    y, x = np.mgrid[: case.height, : case.width]
    rng = np.random.default_rng(0)
    waves = np.stack([np.sin(x / 17 * f + y / 23) + np.cos(y / 11 * f) for f in (1, 1.3, 0.7)], 2) * 55 + 128
    noisy = waves[None] + rng.normal(0, 8, (case.batch, case.height, case.width, 3))
    pictures: Pixels = noisy.clip(0, 255).astype(np.uint8)
    return pictures


def prepare(contenders: Iterable[Contender], subject: Subject, threads: int) -> tuple[list[Ready], dict[str, str]]:
    """Those that can run, and why the others cannot."""
    ready, left_out = [], {}
    for contender in contenders:
        if contender.missing:
            left_out[contender.label] = contender.missing
            continue
        try:
            ready.append(prepare_one(contender, subject, threads))
        except Exception as error:  # noqa: BLE001 - one that breaks is a result, too
            left_out[contender.label] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return ready, left_out


def able(case: Case, ready: Iterable[Ready]) -> list[Ready]:
    """Without those that would compile for a minute first."""
    usual = (case.height, case.width, case.batch) == (*USUAL, 1)
    return [r for r in ready if usual or not r.contender.compiler]


def prepare_one(contender: Contender, subject: Subject, threads: int) -> Ready:
    usual, unseen = photos(Case(subject.name, *USUAL)), photos(Case(subject.name, *UNSEEN))
    began = time.perf_counter()
    paint = contender.make(subject, DTYPES[contender.dtype], threads)
    paint(usual, subject.gamma, subject.beta)
    prepared = time.perf_counter() - began
    # One that has to compile stalls here for as long as it took to prepare, or cannot at all.
    if contender.compiler:
        return Ready(contender, paint, prepared, math.nan)
    first = timed(lambda: paint(unseen, subject.gamma, subject.beta))
    return Ready(contender, paint, prepared, 1e3 * first.seconds)


def measure(case: Case, subject: Subject, ready: Sequence[Ready], rounds: int, threads: int) -> list[Result]:
    pictures = photos(case)
    rows = subject.gamma.expand(case.batch, -1).contiguous(), subject.beta.expand(case.batch, -1).contiguous()
    painted = {r.contender.label: r.paint(pictures, *rows) for r in ready}
    turns: dict[str, list[Turn]] = {label: [] for label in painted}
    products: dict[str, list[Turn]] = {dtype: [] for dtype in DTYPES}
    for _ in range(rounds):
        for dtype, taken in products.items():
            taken.append(product_turn(DTYPES[dtype]))
        for r in ready:
            turns[r.contender.label].append(timed(lambda paint=r.paint: paint(pictures, *rows)))
    wanted = flop(case, subject)
    return [result(case, r, painted, turns, products[r.contender.dtype], wanted, threads) for r in ready]


def result(
    case: Case,
    ready: Ready,
    painted: Mapping[str, Pixels],
    turns: Mapping[str, Sequence[Turn]],
    products: Sequence[Turn],
    wanted: int,
    threads: int,
) -> Result:
    own = turns[ready.contender.label]
    seconds = median(turn.seconds for turn in own)
    product = 2 * PRODUCT_EDGE**3 / min(turn.seconds for turn in products)
    return Result(
        str(case),
        ready.contender.name,
        ready.contender.dtype,
        threads,
        1e3 * seconds,
        1e3 * median(turn.cpu_seconds for turn in own),
        times_as_fast(turns[BASELINE], own),
        wanted / seconds / product,
        *distance(painted[BASELINE], painted[ready.contender.label]),
        ready.prepared_seconds,
        ready.first_milliseconds,
    )


def run(cases: Sequence[Case], contenders: Sequence[Contender], rounds: int, threads: int) -> list[Result]:
    torch.set_num_threads(threads)
    results: list[Result] = []
    for name in dict.fromkeys(case.network for case in cases):
        generator = subject(name)
        ready, left_out = prepare(contenders, generator, threads)
        for label, reason in left_out.items():
            print(f"{name}: {label} is left out: {reason}")
        for case in (case for case in cases if case.network == name):
            found = measure(case, generator, able(case, ready), rounds, threads)
            results += found
            print(f"\n{case}, {threads} threads\n\n{table(HEADINGS, [r.row for r in found])}\n", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few sizes, and nothing that needs a compiler")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", help="all cores, and not quickly also one, if not given")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    contenders = [c for c in CONTENDERS if c.label in QUICK] if args.quick else CONTENDERS
    cases = QUICK_CASES if args.quick else CASES
    first, *others = args.threads or sorted({usable_cores()} if args.quick else {usable_cores(), 1}, reverse=True)
    results = run(cases, contenders, args.rounds, first)
    for threads in others:
        results += run([Case("compact", 512, 512)], [c for c in CONTENDERS if c.label in QUICK], args.rounds, threads)
    if args.json:
        args.json.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
