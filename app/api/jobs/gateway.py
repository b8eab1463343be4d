"""Jobs as the routes see them: the ledger, the blobs and the queue, none of which may block the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import ParamSpec, TypeVar

import structlog

from app.api.backend import Backend
from app.api.http.auth import ADMIN
from app.api.http.rate_limit import RateLimit, Usage
from app.api.jobs.event_hub import EventHub, Room
from app.api.jobs.plots import Plots
from app.engine.device import limit_this_thread
from app.errors import (
    LedgerUnavailable,
    NotFound,
    Overloaded,
    PictureDamaged,
    RequestError,
    ServiceError,
    StorageUnavailable,
)
from app.jobs.dispatch import Dispatch
from app.jobs.job import JOB_ID, Job, JobStatus, NewJob, input_key, job_prefix
from app.jobs.ledger import Ledger, Quota
from app.jobs.leftovers import discard_leftovers
from app.jobs.presence import alive
from app.jobs.statistics import Statistics, measure
from app.jobs.training_params import KIND as TRAINING
from app.jobs.video_bounds import bounds_of_clips
from app.model_store.store import ModelStore
from app.settings import Settings
from app.sql.database import Database, unreachable
from app.sql.migration import SchemaOutdated, prepare
from app.storage.blobs import open_storage
from app.storage.seal import BlobDamaged, read_sealed, sealed
from app.video.look import Look
from app.video.sandbox import SandboxedClip

LEDGER_THREADS = 8
STORAGE_THREADS = 8
# A healthy database answers in milliseconds.
LEDGER_SECONDS = 5
# An image of some megabytes to a remote bucket, with the retries of its client.
STORAGE_SECONDS = 30
# The message is only a hint: nobody waits for a slow queue, and the reaper sends lost messages again.
QUEUE_SECONDS = 1
# Downloading and trying a version, or checking a folder of many thousand photos.
WORK_SECONDS = 120
# Each look at a clip is a process, mostly done in a third of a second.
CLIP_THREADS = 2
CLIP_SECONDS = 30
STATISTICS_SECONDS = 1
# A health probe does not wait for a database that hangs.
GLANCE_SECONDS = 0.5

DAMAGED = "The stored image is not what was written, so it is lost: create the job again."

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)


class JobGateway:
    """One for the application. Every method raises LedgerUnavailable or StorageUnavailable within seconds.

    Raises:
        OSError: the embedded database's folder cannot be made.
        ModuleNotFoundError: S3 without the packages of the extra `s3`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.database = Database(settings.ledger_url)
        self._blobs = open_storage(settings.blobs_url, s3_endpoint_url=settings.s3_endpoint_url)
        self._dispatch = Dispatch(settings)
        self._rate = RateLimit(settings.jobs_per_minute, settings.redis_url)
        self._quota = Quota(settings.waiting_jobs, settings.waiting_jobs_each)
        self._ledger_threads = Backend("ledger", LEDGER_THREADS, LEDGER_SECONDS, LedgerUnavailable)
        self._storage_threads = Backend("storage", STORAGE_THREADS, STORAGE_SECONDS, StorageUnavailable)
        self._queue_thread = Backend("dispatch", 1, QUEUE_SECONDS, ServiceError)
        self._work_thread = Backend("work", 1, WORK_SECONDS, Overloaded)
        self._clip_threads = Backend("clips", CLIP_THREADS, CLIP_SECONDS, Overloaded)
        self._prepared = self._limited = False
        self._alive: tuple[float, dict[str, int]] = (0.0, {})
        self._measured: tuple[float, Statistics] = (0.0, Statistics([], {}, 0))
        self.ledger = Ledger(self.database, expiry_seconds=settings.job_expiry_hours * 3600)
        self.model_store = ModelStore(self.database, self._blobs, settings.models_dir, settings.model_cache_dir)
        streams = Room(settings.event_streams, settings.event_streams_each)
        self.event_hub = EventHub(self.ledger, self._ledger_threads, streams)
        self.plots = Plots()

    def prepare(self) -> None:
        """Check the schema, or create it where the database is embedded. Raises SchemaOutdated, LedgerUnavailable."""
        prepare(self.database)
        self._prepared = True

    async def ask(self, question: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        """Call a method of the ledger in a thread."""

        def prepared() -> Answer:
            if not self._prepared:  # the database was away when the service started
                try:
                    self.prepare()
                except SchemaOutdated as error:
                    raise unreachable(error) from error
            return question(*args, **kwargs)

        return await self._ledger_threads.call(prepared)

    async def count(self, principal: str) -> Usage | None:
        """Count a request that wants a job, before its upload is read."""
        return await self.ask(self._rate.count, principal)

    async def check_quota(self, principal: str) -> None:
        """Raises TooManyJobs; `create` asks again."""
        await self.ask(self.ledger.check_quota, principal, self._quota)

    async def look(self, clip: bytes) -> Look:
        """What a clip is, by a process of its own that decodes one frame. Raises VideoError, EmptyBody, Overloaded."""

        def looked() -> Look:
            with SandboxedClip(clip, bounds_of_clips(self._settings), self._settings.video_memory_bytes) as sandboxed:
                return sandboxed.look()

        return await self._clip_threads.call(looked)

    async def create(self, new: NewJob, pictures: Mapping[str, bytes]) -> tuple[Job, bool]:
        """Store the pictures by their names, and then the job, which may be claimed at once.

        Returns:
            The job, and whether it is new: the idempotency key may have been used before.

        Raises:
            IdempotencyConflict, TooManyJobs.
        """
        try:
            inputs = {
                name: await self._storage_threads.call(self._put, input_key(new.id, name), data)
                for name, data in pictures.items()
            }
            job, made = await self.ask(self.ledger.create, replace(new, inputs=inputs), self._quota)
        except (RequestError, StorageUnavailable):
            await self._forget_pictures(new.id)
            raise
        # After LedgerUnavailable the images stay: the job may have been written all the same.
        if not made:
            await self._forget_pictures(new.id)
        elif job.kind != TRAINING:  # whose workers ask the ledger
            with suppress(ServiceError):
                await self._queue_thread.call(self._dispatch.send, job.id, job.priority)
        return job, made

    def _put(self, key: str, data: bytes) -> str:
        """The key, sealed, that the blob is under."""
        key = sealed(key, data)
        self._blobs.put(key, data)
        return key

    async def find(self, job_id: str, principal: str) -> Job:
        """The job, if this principal may see it. Raises NotFound.

        The operator may see all, and the operator's are seen by nobody else; of the others, without keys, whoever
        knows the job's id.
        """
        job = await self.ask(self.ledger.get, job_id) if JOB_ID.fullmatch(job_id) else None
        if job is None or not self._shown_to(principal, job):
            raise NotFound("There is no such job.")
        return job

    def _shown_to(self, principal: str, job: Job) -> bool:
        if principal in (job.principal, ADMIN):
            return True
        return not self._settings.api_keys and job.principal != ADMIN

    async def blob(self, key: str) -> bytes:
        """Raises BlobNotFound, PictureDamaged."""
        try:
            return await self._storage_threads.call(read_sealed, self._blobs, key)
        except BlobDamaged as error:
            _log.error("blob_damaged", reason=str(error))
            raise PictureDamaged(DAMAGED) from error

    async def store(self, key: str, data: bytes) -> None:
        """Of a picture that belongs to no job."""
        await self._storage_threads.call(self._blobs.put, key, data)

    async def discard(self, key: str) -> None:
        """A blob that nothing refers to. One that cannot be deleted is left behind."""
        try:
            await self._storage_threads.call(self._blobs.delete, key)
        except StorageUnavailable as error:
            _log.warning("blob_not_deleted", key=key, reason=error.private or error.detail)

    async def work(self, task: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        """Run a slow task of the operator, one at a time and with one of torch's threads."""

        def limited() -> Answer:
            if not self._limited:
                limit_this_thread(1)
                self._limited = True
            return task(*args, **kwargs)

        return await self._work_thread.call(limited)

    async def delete(self, job: Job) -> None:
        """Delete a job that has ended. Its images go first: without its row nobody would find them."""
        await self._storage_threads.call(self._blobs.delete_prefix, job_prefix(job.id))
        await self.ask(self.ledger.delete, job.id)

    async def cancel(self, job: Job) -> Job:
        """A running job is ended by its worker; of any other, nothing is kept. Raises NotFound: it has been deleted."""
        cancelled = await self.ask(self.ledger.cancel, job.id)
        if cancelled is None:
            raise NotFound("There is no such job.")
        if cancelled.status is JobStatus.CANCELLED:
            with suppress(StorageUnavailable):  # they are deleted when the job expires
                await self._storage_threads.call(discard_leftovers, cancelled, self._blobs)
        return cancelled

    async def statistics(self) -> Statistics:
        """The queue in figures, at most a second old."""
        measured_at, found = self._measured
        if not measured_at or time.monotonic() - measured_at > STATISTICS_SECONDS:
            found = await self.ask(measure, self.database)
            self._measured = time.monotonic(), found
        return found

    async def workers(self) -> dict[str, int] | None:
        """How many live, by the kind of jobs that they do. None: the ledger does not say so at once."""
        looked_at, found = self._alive
        if not looked_at or time.monotonic() - looked_at > STATISTICS_SECONDS:
            try:
                found, _ = await asyncio.wait_for(self.ask(alive, self.database), GLANCE_SECONDS)
            except (LedgerUnavailable, TimeoutError):
                return None
            self._alive = time.monotonic(), found
        return found

    async def stop(self) -> None:
        self.event_hub.close()
        for threads in (
            self._ledger_threads,
            self._storage_threads,
            self._queue_thread,
            self._work_thread,
            self._clip_threads,
        ):
            threads.stop()
        self.plots.stop()
        self._rate.close()
        self._dispatch.close()
        self.database.close()

    async def _forget_pictures(self, job_id: str) -> None:
        try:
            await self._storage_threads.call(self._blobs.delete_prefix, job_prefix(job_id))
        except StorageUnavailable as error:
            _log.warning("blobs_not_deleted", job=job_id, reason=error.private or error.detail)
