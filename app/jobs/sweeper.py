"""The thread of each worker that sweeps: what silent workers left, what the queue lost, what is past its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import structlog

from app.errors import LedgerUnavailable, StorageUnavailable
from app.jobs.dispatch import Queue, QueueUnavailable
from app.jobs.job import Status, job_prefix
from app.jobs.sweep import Sweep
from app.releases.releases import Releases
from app.storage.blobs import Blobs

# A message that was sent may take so long to be received.
MESSAGE_GRACE_SECONDS = 2
# Nobody waits for what is only thrown away.
CLEAN_SECONDS = 60
STOP_SECONDS = 2

_log = structlog.get_logger(__name__)


class Sweeper:
    """Runs until `stop`; an outage of anything it needs makes it try again.

    Args:
        kinds: of jobs whose messages come by this queue; None: all.
    """

    def __init__(
        self,
        sweep: Sweep,
        releases: Releases,
        dispatch: Queue,
        storage: Blobs,
        every_seconds: float,
        kinds: Collection[str] | None = None,
    ) -> None:
        self._sweep = sweep
        self._releases = releases
        self._kinds = kinds
        self._dispatch = dispatch
        self._storage = storage
        self._every_seconds = every_seconds
        self._cleaned_at = 0.0
        self._over = threading.Event()
        self._reachable = True
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when the sweep that is under way has ended, or hangs in an outage."""
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._over.wait(self._every_seconds):
            try:
                self.once()
            except LedgerUnavailable as error:
                if self._reachable:
                    _log.warning("sweep_failed", reason=error.private)
                self._reachable = False
            except Exception:  # noqa: BLE001 - a worker that does not sweep any more would look healthy all the same
                _log.exception("sweep_failed")
            else:
                self._reachable = True

    def once(self) -> None:
        """One sweep. Raises LedgerUnavailable."""
        for job in self._sweep.take_back():
            _log.warning("job_taken_back", job=job.id, attempt=job.attempt, owner=job.owner, status=job.status)
            if job.status is Status.QUEUED:
                self._dispatch.send(job.id, job.priority)
        self._send_again()
        if time.monotonic() - self._cleaned_at >= CLEAN_SECONDS:
            self._cleaned_at = time.monotonic()
            self.clean()

    def _send_again(self) -> None:
        try:
            messages = self._dispatch.messages()
        except QueueUnavailable:
            return
        for job in self._sweep.undispatched(messages, MESSAGE_GRACE_SECONDS, self._kinds):
            self._dispatch.send(job.id, job.priority)

    def clean(self) -> None:
        """Delete expired blobs, old rows, and what unfinished publications left. Raises LedgerUnavailable."""
        for job_id in self._sweep.expired():
            try:
                self._storage.delete_prefix(job_prefix(job_id))
            except StorageUnavailable as error:
                _log.warning("blobs_not_deleted", job=job_id, reason=error.private)
                return
            self._sweep.forget_blobs(job_id)
        self._sweep.forget_history()
        try:
            for label in self._releases.sweep():
                _log.info("reservation_forgotten", model=label)
        except StorageUnavailable as error:
            _log.warning("blobs_not_deleted", reason=error.private)
