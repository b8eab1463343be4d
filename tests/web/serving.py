"""`pastiche serve` as a process of its own, which can be stopped and started again at the same address."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
ADMIN_TOKEN = "the-operator-of-the-pages-tests-and-nobody-else"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A guard against waiting for ever, not a measure.
PATIENCE_SECONDS = 600


class Service:
    """Args: settings: of the service, as `PASTICHE_*` variables without their prefix."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self._log = folder / "log"
        self._settings = {
            "device": "cpu",
            "port": 0,
            "workers": 0,
            "data_dir": folder / "data",
            "log_format": "text",
            "drain_seconds": 0,
            # Requests that the page makes are answered, however busy the machine is.
            "deadline_seconds": PATIENCE_SECONDS,
        } | settings
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def begin(self) -> None:
        """Start without waiting until it is ready."""
        variables = {f"PASTICHE_{name.upper()}": str(value) for name, value in self._settings.items()}
        environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"} | variables
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve"], env=environment, stdout=log, stderr=log, cwd=ROOT
            )

    def start(self) -> None:
        self.begin()
        self.url = self._await(self._address)
        self._settings["port"] = self.url.rpartition(":")[2]
        self._await(self._ready)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _address(self) -> str | None:
        found = re.search(r"http://127\.0\.0\.1:\d+", self._log.read_text())
        return found[0] if found else None

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz/ready").status_code == 200
        except httpx.TransportError:
            return False

    def _await(self, condition):
        end = time.monotonic() + PATIENCE_SECONDS
        while not (value := condition()):
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)
        return value
