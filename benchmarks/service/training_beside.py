"""What clients of the fast path notice of a training beside it: real processes, as `pastiche serve` starts them.

Measures `POST /v1/stylize` over loopback, first alone, then while a style is being trained, and prints p50 and p99 of
both. The training is cancelled afterwards; its ledger and pictures are in a folder that is deleted.

    python -m benchmarks.service.training_beside --requests 400 --niceness 19 0 --json training_beside.json
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmarks.service.latency import jpeg, wait_until_ready

# So long that it outlasts the measurement.
TRAINING = {"mode": "add", "styles": ["measured"], "steps": 20_000, "activate": False}
WARM_UP_REQUESTS = 10
START_SECONDS = 600


@dataclass(frozen=True)
class Row:
    """What was measured once; milliseconds of whole requests, and steps a minute of the training."""

    training: str
    requests: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    pictures_a_second: float
    steps_a_minute: float | None


@contextmanager
def server(niceness: int, threads: int | None) -> Iterator[httpx.Client]:
    """A client of a server of its own with workers, which sends the operator's token."""
    token = secrets.token_hex(16)
    with socket.socket() as free, tempfile.TemporaryDirectory() as data:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = {
            "LOG_LEVEL": "error",
            "RESULT_CACHE_MEGABYTES": "0",
            "ADMIN_TOKEN": token,
            "DATA_DIR": data,
            "TRAINING_NICENESS": str(niceness),
            **({"TRAINING_THREADS": str(threads)} if threads else {}),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", str(port)],
            env={**os.environ, **{f"PASTICHE_{name}": value for name, value in settings.items()}},
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(url)
            with httpx.Client(base_url=url, timeout=120, headers={"Authorization": f"Bearer {token}"}) as client:
                yield client
        finally:
            process.terminate()
            process.wait()


def measure(client: httpx.Client, photo: bytes, requests: int, clients: int) -> tuple[list[float], float]:
    """Milliseconds of each request, and pictures a second."""

    def one(_: int) -> float:
        began = time.perf_counter()
        client.post("/v1/stylize", params={"styles": style}, content=photo).raise_for_status()
        return (time.perf_counter() - began) * 1000

    style = client.get("/v1/styles").json()["styles"][0]["id"]
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, range(WARM_UP_REQUESTS)))
        began = time.perf_counter()
        waits = list(pool.map(one, range(requests)))
        return waits, requests / (time.perf_counter() - began)


@contextmanager
def training(client: httpx.Client, photo: bytes) -> Iterator[str]:
    """The path of a training that has done its first steps, and goes on."""
    files = {"image": photo}
    client.post("/v1/admin/styles", data={"title": "Measured"}, files=files).raise_for_status()
    made = client.post("/v1/admin/trainings", json=TRAINING)
    made.raise_for_status()
    path = made.headers["Location"]
    give_up_at = time.monotonic() + START_SECONDS
    while not (job := client.get(path).json())["losses"]:
        if job["status"] not in ("queued", "running") or time.monotonic() > give_up_at:
            raise SystemExit(f"The training did not begin: {job['status']}, {job['error']}")
        time.sleep(0.2)
    try:
        yield path
    finally:
        client.delete(path)


def steps(client: httpx.Client, path: str) -> float:
    """That the training has done."""
    losses = client.get(path).json()["losses"]
    return float(losses[-1]["iteration"]) if losses else 0.0


def row(name: str, waits: list[float], rate: float, pace: float | None) -> Row:
    p99 = quantiles(waits, n=100, method="inclusive")[98]
    figures = (median(waits), p99, max(waits), rate)
    return Row(name, len(waits), *(round(figure, 1) for figure in figures), None if pace is None else round(pace, 1))


def compare(niceness: int, args: argparse.Namespace) -> Iterator[Row]:
    photo = jpeg(args.size)
    with server(niceness, args.threads) as client:
        yield row("none", *measure(client, photo, args.requests, args.clients), None)
        with training(client, photo) as path:
            done, began = steps(client, path), time.monotonic()
            waits, rate = measure(client, photo, args.requests, args.clients)
            pace = (steps(client, path) - done) / (time.monotonic() - began) * 60
        yield row(f"niceness {niceness}", waits, rate, pace)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="edge of the square photo in pixels")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--clients", type=int, default=1, help="how many ask at once, each again when it is answered")
    parser.add_argument("--niceness", type=int, nargs="+", default=[19], help="PASTICHE_TRAINING_NICENESS")
    parser.add_argument("--threads", type=int, help="PASTICHE_TRAINING_THREADS")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    print(f"{args.size} x {args.size}, JPEG to JPEG over loopback, {args.clients} at once, milliseconds\n")
    print("| training beside it | requests | p50 | p99 | longest | pictures/s | training steps/min |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for niceness in args.niceness:
        for found in compare(niceness, args):
            rows.append(found)
            print("| " + " | ".join("" if value is None else str(value) for value in asdict(found).values()) + " |")
    if args.json:
        args.json.write_text(json.dumps([asdict(found) for found in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
