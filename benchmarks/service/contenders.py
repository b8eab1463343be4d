"""The servers that are compared, each as a process of its own, and what they use of the machine (Linux)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.api.codecs.threads import NAME as CODEC
from benchmarks.service.latency import wait_until_ready

REPOSITORY = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
# Nothing but the fast path runs, and everything that is asked for is painted.
QUIET = {"RESULT_CACHE_MEGABYTES": "0", "WORKERS": "0"}

COMMANDS: Mapping[str, list[str]] = {
    "pastiche": ["-m", "app.cli", "serve"],
    "plain route, paper": ["-m", "benchmarks.service.plain_route", "--network", "paper"],
    "plain route, compact": ["-m", "benchmarks.service.plain_route", "--network", "compact"],
}


@dataclass(frozen=True)
class Contender:
    name: str
    port: int
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """Of all its threads until now."""
        return cpu_seconds(Path(f"/proc/{self.pid}"))

    @property
    def plain_cpu_seconds(self) -> float:
        """Of HTTP, decoding, colours and encoding: the event loop's thread, which is the first, and the codecs'."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        plain = (t for t in threads if t.name == str(self.pid) or (t / "comm").read_text().startswith(CODEC))
        return sum(cpu_seconds(thread) for thread in plain)

    @property
    def megabytes(self) -> float:
        """Resident now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def cpu_seconds(process: Path) -> float:
    """Of a process or a thread, by its folder in /proc."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def contender(
    name: str, settings: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Contender]:
    """Started, ready, and ended afterwards. `settings` are PASTICHE_* variables without their prefix, `environment` are
    others."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        given = {**QUIET, "DATA_DIR": data, **(settings or {})}
        variables = {f"PASTICHE_{key}": value for key, value in given.items()}
        inherited = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, *COMMANDS[name], "--port", str(port)]
        # Its log is written as it would be, but nowhere.
        process = subprocess.Popen(
            command,
            env=inherited | dict(environment or {}) | variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}")
            yield Contender(name, port, process.pid)
        finally:
            process.terminate()
            process.wait()
