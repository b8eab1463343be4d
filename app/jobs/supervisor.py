"""Worker processes beside the server: started with it, started again when they end, stopped with it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

import structlog

WORKER = (sys.executable, "-m", "app.cli", "worker", "--until-stdin-closes")
TRAINING_WORKER = (*WORKER, "--trainings")
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 30
# A worker that lived so long did not fail at its start: its next end is worth a log line.
HEALTHY_SECONDS = 60
# Longer than a worker takes to hand its job over.
STOP_SECONDS = 12

_log = structlog.get_logger(__name__)


class Supervisor:
    """Keeps `count` worker processes running between `start` and `stop`.

    Should the server be killed, its end of their standard input closes, and they stop by themselves.

    Args:
        environment: of the workers.
        others: commands of which one process each is kept running as well.
    """

    def __init__(
        self,
        count: int,
        environment: Mapping[str, str],
        command: Sequence[str] = WORKER,
        others: Sequence[Sequence[str]] = (),
    ) -> None:
        self._environment = dict(environment)
        self._commands = [list(each) for each in [command] * count + [*others]]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._watchers = [
            threading.Thread(target=self._watch, args=(place,), name=f"worker-{place}", daemon=True)
            for place in range(len(self._commands))
        ]

    def start(self) -> None:
        for watcher in self._watchers:
            watcher.start()

    def stop(self) -> None:
        """Let every worker hand its job over, and wait until they have ended; one that does not end is killed."""
        self._stopping.set()
        with self._lock:
            for process in self._processes.values():
                process.terminate()
        give_up_at = time.monotonic() + STOP_SECONDS
        for watcher in self._watchers:
            watcher.join(max(0.0, give_up_at - time.monotonic()))
        with self._lock:
            for process in self._processes.values():
                process.kill()
        for watcher in self._watchers:
            watcher.join()

    def _watch(self, place: int) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                ended: dict[str, object] = self._run_once(place)
            except Exception as error:  # noqa: BLE001 - without its watcher, a place would stay empty for good
                # Out of memory or processes, or a disk that does not answer: any of these may pass.
                ended = {"not_started": repr(error)}
            if self._stopping.is_set():
                return
            if time.monotonic() - began > HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            _log.error("worker_ended", **ended, again_in_seconds=pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    def _run_once(self, place: int) -> dict[str, object]:
        """Start one, and say how it ended when it has. Raises OSError when there cannot be another process."""
        process = self._launch(place)
        if process is None:
            return {}
        status = process.wait()
        if process.stdin is not None:
            process.stdin.close()
        return {"status": status, "pid": process.pid}

    def _launch(self, place: int) -> subprocess.Popen[bytes] | None:
        """None once `stop` was called. Under the lock, so that `stop` misses no process."""
        with self._lock:
            if self._stopping.is_set():
                return None
            # A session of its own: Ctrl-C is for the server, which then stops its workers itself.
            process = subprocess.Popen(
                self._commands[place], env=self._environment, stdin=subprocess.PIPE, start_new_session=True
            )
            self._processes[place] = process
            return process
