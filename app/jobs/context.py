"""What a task knows about its job, and how it reports progress."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from typing import Any

import structlog

from app import tracing
from app.errors import InputLost, LedgerUnavailable, StorageUnavailable
from app.jobs.curve import LossCurve
from app.jobs.job import Job, JobProgress, LossPoint, attempt_key
from app.jobs.leases import LeaseLost, Leases
from app.storage.blobs import BlobNotFound, Blobs
from app.storage.seal import BlobDamaged, read_sealed, sealed

# Weight of the newest iteration in the mean of their times.
PACE_WEIGHT = 0.2
# A checkpoint begins with the SHA-256 of the rest of it: its key stays the same while it is written again and again.
DIGEST_BYTES = 32
KEPT_PREVIEWS = 2

_log = structlog.get_logger(__name__)


class JobCancelled(Exception):
    """The job was cancelled."""


class HandedOver(Exception):
    """The worker stops; another one continues from the checkpoint that was just stored."""


class JobContext:
    """One attempt at a job: the task's thread calls the methods, the heartbeat's thread reads what they reported.

    A task calls `report` after each iteration, and `checkpoint` when `checkpoint_due`. It lets their exceptions pass.

    Attributes:
        advanced_at: when the last iteration ended, on the monotonic clock.
    """

    def __init__(
        self,
        job: Job,
        leases: Leases,
        storage: Blobs,
        *,
        stopping: threading.Event,
        checkpoint_seconds: float,
    ) -> None:
        self.job = job
        self.cancel_requested = threading.Event()
        self.lost = threading.Event()
        self.stopping = stopping
        self.advanced_at = time.monotonic()
        self._leases = leases
        self._storage = storage
        self._checkpoint_seconds = checkpoint_seconds
        self._checkpointed_at = self._began = time.monotonic()
        self._first_fraction = job.progress
        self._iteration: int | None = None
        self._previews: list[str] = []
        self._curve = LossCurve(job.losses)
        self._lock = threading.Lock()
        self._progress = JobProgress(fraction=job.progress, losses=job.losses, facts=job.facts)

    @property
    def params(self) -> dict[str, Any]:
        return self.job.params

    @property
    def progress(self) -> JobProgress:
        """For the heartbeat."""
        with self._lock:
            return self._progress

    @property
    def storage(self) -> Blobs:
        """For blobs other than the job's inputs."""
        return self._storage

    def input(self, name: str) -> bytes:
        """An image that was sent with the job. Raises InputLost, StorageUnavailable."""
        try:
            return read_sealed(self._storage, self.job.input_key(name))
        except BlobNotFound as error:
            raise InputLost(f"The image `{name}` of this job is no longer stored: create the job again.") from error
        except BlobDamaged as error:
            raise InputLost(
                f"The stored image `{name}` of this job is not what was sent: create the job again.", private=str(error)
            ) from error

    def report(self, fraction: float, *, iteration: int, losses: LossPoint, eta_seconds: float | None = None) -> None:
        """Report that an iteration is done; only this keeps the job with this worker.

        Args:
            fraction: of the whole job, 0..1.
            iteration: counts over all attempts: a task that goes on from a checkpoint goes on counting.
            losses: by name; those that are not finite are left out.
            eta_seconds: None: estimated from the progress so far.

        Raises:
            JobCancelled, LeaseLost: stop now.
        """
        self._curve.add(iteration, {name: value for name, value in losses.items() if math.isfinite(value)})
        self._step(fraction, iteration, eta_seconds, losses=self._curve.points)

    def report_frame(self, frame: int, frames: int) -> None:
        """Report that a frame of a clip is done. Raises as `report`.

        Args:
            frame: from 1, over all attempts.
            frames: that the clip has, as far as is known.
        """
        # Joining them and storing the result is left.
        fraction = frame / (max(frame, frames) + 1)
        self._step(fraction, frame, None, facts={"frame": frame, "frames": max(frame, frames)})

    def _step(self, fraction: float, iteration: int, eta_seconds: float | None, **members: Any) -> None:
        now = time.monotonic()
        pace = self._pace(iteration, now)
        if eta_seconds is None:
            eta_seconds = self._seconds_left(fraction, now)
        self._set(fraction=fraction, eta_seconds=eta_seconds, seconds_per_iteration=pace, **members)
        self._iteration, self.advanced_at = iteration, now
        self.check()

    def advance(self, fraction: float) -> None:
        """Report a step without losses. Raises as `report`.

        Args:
            fraction: of the whole job, 0..1.
        """
        now = time.monotonic()
        self._set(fraction=fraction, eta_seconds=self._seconds_left(fraction, now))
        self.advanced_at = now
        self.check()

    def _seconds_left(self, fraction: float, now: float) -> float | None:
        """At the pace of this attempt so far; None before it has come further than the one before it."""
        if fraction <= self._first_fraction:
            return None
        return (now - self._began) * (1 - fraction) / (fraction - self._first_fraction)

    def waits(self) -> None:
        """Report that the job waits for an outage to pass, and does not hang."""
        self.advanced_at = time.monotonic()

    def check(self) -> None:
        """Raises JobCancelled or LeaseLost if there is no point in going on."""
        if self.lost.is_set():
            raise LeaseLost(f"{self.job.owner} lost {self.job.id}")
        if self.cancel_requested.is_set():
            raise JobCancelled

    @property
    def checkpoint_due(self) -> bool:
        """Every few seconds, and at once when the worker is to stop."""
        return self.stopping.is_set() or time.monotonic() - self._checkpointed_at >= self._checkpoint_seconds

    def checkpoint(self, data: bytes) -> None:
        """Store what another attempt needs to continue from here. Skipped if it cannot be stored.

        Raises:
            HandedOver: stop now; also where it could not be stored, since the worker stops all the same.
        """
        key = attempt_key(self.job, "checkpoint")
        self._checkpointed_at = time.monotonic()
        try:
            with tracing.span("checkpoint"):
                self._storage.put(key, hashlib.sha256(data).digest() + data)
            self._set(checkpoint_key=key)
        except StorageUnavailable as error:
            _log.warning("checkpoint_not_stored", job=self.job.id, reason=error.private)
        if self.stopping.is_set():
            raise HandedOver

    def last_checkpoint(self) -> bytes | None:
        """The last checkpoint of an earlier attempt. Raises StorageUnavailable."""
        if self.job.checkpoint_key is None:
            return None
        try:
            stored = self._storage.get(self.job.checkpoint_key)
        except BlobNotFound:
            _log.warning("checkpoint_missing", job=self.job.id)
            return None
        digest, data = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            _log.warning("checkpoint_damaged", job=self.job.id)
            return None
        return data

    def last_preview(self) -> bytes | None:
        """The newest preview, of this attempt or an earlier one. Raises StorageUnavailable."""
        key = self.progress.preview_key or self.job.preview_key
        try:
            return None if key is None else read_sealed(self._storage, key)
        except (BlobNotFound, BlobDamaged):
            return None

    def preview(self, jpeg: bytes) -> None:
        """Publish a preview. Skipped if it cannot be stored or recorded. Raises LeaseLost."""
        key = sealed(attempt_key(self.job, "preview.jpg"), jpeg)
        try:
            self._storage.put(key, jpeg)
            self._leases.preview(self.job, key)
            self._set(preview_key=key)
            self._forget_previews(key)
        except (StorageUnavailable, LedgerUnavailable) as error:
            _log.warning("preview_not_shown", job=self.job.id, reason=error.private)

    def _forget_previews(self, newest: str) -> None:
        """All of this attempt but the last two: a heartbeat may tell of the one before at this moment."""
        self._previews = [*(key for key in self._previews if key != newest), newest]
        while len(self._previews) > KEPT_PREVIEWS:
            self._storage.delete(self._previews.pop(0))

    def _pace(self, iteration: int, now: float) -> float | None:
        """Seconds an iteration, as an exponential moving average."""
        if self._iteration is None or iteration <= self._iteration:
            return None
        newest = (now - self.advanced_at) / (iteration - self._iteration)
        before = self._progress.seconds_per_iteration
        return newest if before is None else before + PACE_WEIGHT * (newest - before)

    def _set(self, **members: Any) -> None:
        with self._lock:
            self._progress = JobProgress(**{**vars(self._progress), **members})
