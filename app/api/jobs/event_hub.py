"""Events of jobs for any number of readers: one poll of the ledger for all of them, in bounded memory.

A reader asks for the events after the last one that it has sent. Mostly these are in memory; a reader that is slower
than the job, or joins late, reads them from the ledger.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context

import structlog

from app.api.backend import Backend
from app.errors import LedgerUnavailable, Overloaded, TooManyRequests
from app.jobs.job import Event, Job
from app.jobs.ledger import Ledger, News

# A heartbeat comes about every second, so this adds no noticeable delay; a poll is one query.
POLL_SECONDS = 0.25
# Events in memory for each job that has readers.
RECENT = 64
RETRY_SECONDS = 5

_log = structlog.get_logger(__name__)


class FollowedJob:
    """One job that has readers.

    Attributes:
        seq: number of the newest event that is known.
        over: whether nothing comes after it.
    """

    def __init__(self, seq: int, over: bool) -> None:
        self.seq = seq
        self.over = over
        self.readers = 0
        self._recent: deque[Event] = deque(maxlen=RECENT)
        self._changed = asyncio.Event()

    def after(self, seq: int) -> Sequence[Event] | None:
        """The events after that one; None if not all of them are in memory."""
        if seq >= self.seq:
            return ()
        if self._recent and self._recent[0].seq <= seq + 1:
            return [event for event in self._recent if event.seq > seq]
        return None

    def add(self, news: News) -> None:
        self._recent.extend(news.events)
        self.over = news.over
        if news.events:
            self.seq = news.events[-1].seq
        self.wake()

    def wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, seconds: float) -> bool:
        """Whether anything happened within that time."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Room:
    """How many streams may be open: in all, and of one principal.

    Attributes:
        taken: by the principal.
    """

    def __init__(self, streams: int, each: int) -> None:
        self._streams = streams
        self._each = each
        self.taken: dict[str, int] = {}

    def enter(self, principal: str) -> Callable[[], None]:
        """Take a place. Returns a function that gives it back, and may be called more than once.

        Raises:
            TooManyRequests: this principal has as many as it may.
            Overloaded: all places are taken.
        """
        if self.taken.get(principal, 0) >= self._each:
            raise TooManyRequests(
                f"You have reached your limit of {self._each} open event streams: close one, or poll the jobs.",
                retry_after_seconds=RETRY_SECONDS,
            )
        if sum(self.taken.values()) >= self._streams:
            raise Overloaded("Too many event streams are open.", retry_after_seconds=RETRY_SECONDS)
        self.taken[principal] = self.taken.get(principal, 0) + 1
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self.taken[principal] -= 1
                if not self.taken[principal]:
                    del self.taken[principal]

        return leave


class EventHub:
    """All jobs that have readers in this process. It polls while there are any."""

    def __init__(self, ledger: Ledger, backend: Backend, room: Room) -> None:
        self.closed = False
        self.room = room
        self._ledger = ledger
        self._backend = backend
        self._watches: dict[str, FollowedJob] = {}
        self._polling: asyncio.Task[None] | None = None

    @contextmanager
    def watch(self, job: Job) -> Iterator[FollowedJob]:
        """For one reader, from the job as it was just read."""
        watch = self._watches.setdefault(job.id, FollowedJob(job.events, job.ended))
        watch.readers += 1
        if self._polling is None or self._polling.done():
            # In a context of its own: it polls for all readers, and outlives the request of the first.
            self._polling = asyncio.create_task(self._poll(), context=Context())
        try:
            yield watch
        finally:
            watch.readers -= 1
            if not watch.readers:
                del self._watches[job.id]

    def close(self) -> None:
        """End all streams; their clients come back to another process with `Last-Event-ID`."""
        self.closed = True
        for watch in self._watches.values():
            watch.wake()

    async def _poll(self) -> None:
        reachable = True
        while self._watches and not self.closed:
            await asyncio.sleep(POLL_SECONDS)
            seen = {job_id: watch.seq for job_id, watch in self._watches.items() if not watch.over}
            if not seen:
                continue
            try:
                news = await self._backend.call(self._ledger.news, seen)
            except LedgerUnavailable as error:
                if reachable:
                    _log.warning("event_poll_failed", reason=error.private or error.detail)
                reachable = False
                continue
            except Exception:  # noqa: BLE001 - without its poll every stream would be silent and look alive
                _log.exception("event_poll_failed")
                continue
            reachable = True
            for job_id, new in news.items():
                # Its last reader may have left meanwhile, and another one may have come.
                if (watch := self._watches.get(job_id)) is not None and watch.seq == seen[job_id]:
                    watch.add(new)
