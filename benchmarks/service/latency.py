"""How long a client waits for one painting: a real server on loopback, one request after the other.

Prints the median and the 99th percentile of the whole request and the median of each stage that `Server-Timing` names.

    python -m benchmarks.service.latency --size 512 --requests 40
"""

from __future__ import annotations

import argparse
import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import httpx
import skimage
from PIL import Image

PHOTO = Path(skimage.__file__).parent / "data" / "astronaut.png"
START_SECONDS = 60


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server of its own, ready to paint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(
        command, env={**os.environ, "PASTICHE_LOG_LEVEL": "error", "PASTICHE_RESULT_CACHE_MEGABYTES": "0"}
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url)
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(url: str) -> None:
    for _ in range(START_SECONDS * 10):
        try:
            if httpx.get(f"{url}/healthz/ready").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("The server did not get ready.")


def jpeg(size: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(PHOTO).convert("RGB").resize((size, size), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def stages(header: str) -> dict[str, float]:
    """`decode;dur=3.1, engine;dur=99` -> milliseconds by stage."""
    return {name: float(value) for name, value in re.findall(r"([\w-]+)(?:;desc=\"[^\"]*\")?;dur=([\d.]+)", header)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="edge of the square photo in pixels")
    parser.add_argument("--requests", type=int, default=40)
    args = parser.parse_args()
    photo = jpeg(args.size)
    with server() as url, httpx.Client(base_url=url, timeout=60) as client:
        style = client.get("/v1/styles").json()["styles"][0]["id"]
        waits, timings = [], []
        for _ in range(args.requests + 2):
            began = time.perf_counter()
            answer = client.post(
                "/v1/stylize", params={"styles": style}, content=photo, headers={"Content-Type": "image/jpeg"}
            )
            waits.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            timings.append(stages(answer.headers["Server-Timing"]))
    waits, timings = waits[2:], timings[2:]  # the first ones fill caches
    print(f"{args.size} x {args.size}, {args.requests} requests, JPEG to JPEG over loopback")
    print(f"whole request: median {median(waits):.0f} ms, p99 {quantiles(waits, n=100)[98]:.0f} ms")
    print("stages: " + ", ".join(f"{name} {median(t[name] for t in timings):.1f} ms" for name in timings[0]))


if __name__ == "__main__":
    main()
