"""A place for a worker process stays filled, whatever happens to its processes."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from app.jobs import supervisor as module
from app.jobs.supervisor import Supervisor

# A guard against waiting for ever, not a measure.
PATIENCE_SECONDS = 600
SLEEPER = (sys.executable, "-S", "-c", "import sys; sys.stdin.read()")


@pytest.mark.process
def test_a_process_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals: list[Exception] = [
        BlockingIOError(11, "Resource temporarily unavailable"),
        MemoryError(),
        subprocess.SubprocessError("preexec"),
    ]
    start = subprocess.Popen

    def popen(*args: Any, **kwargs: Any) -> Any:
        if refusals:
            raise refusals.pop(0)
        return start(*args, **kwargs)

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    workers = Supervisor(1, {}, SLEEPER)
    workers.start()
    end = time.monotonic() + PATIENCE_SECONDS
    while not workers._processes:
        assert time.monotonic() < end
        time.sleep(0.001)
    [process] = workers._processes.values()
    workers.stop()
    assert process.poll() is not None
