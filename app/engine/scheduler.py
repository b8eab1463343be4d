"""Which image is next, and which is refused: pure bookkeeping, driven by the clock that is passed in.

The life of a ticket: `admit` -> (the picture is decoded) -> `submit` -> `next_batch` -> `finish`. `cancel`
ends it at any stage before the batch, `expire` while it waits, and `drain` ends all that waits. A ticket ends
exactly once, and its megapixels are free from then on. A picture in several styles has a ticket for each.

Frames of live sessions have a queue of their own. While pictures wait as well, live frames get their share of the
engine and no more; otherwise they may use all of it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import DeadlineExceeded, Overloaded

Payload = TypeVar("Payload")

# The least that a picture counts for, 128 x 128 pixels: however small, it is decoded, handed over and run
# through every layer, and without a least the queue bound would let in millions of pictures of one pixel.
MIN_PIXELS = 128 * 128
# A batch grows to this and no further (16 pictures of 512 x 512): its activations are in memory together.
BATCH_MEGAPIXELS = 4.2
# Decay of the speed estimate per batch: the last ten or so decide.
SPEED_MEMORY = 0.8
# What live may save up over several batches of pictures, in pixels: two frames of 640 x 480. More would be a burst that
# holds pictures up.
MAX_CREDIT = 600_000.0


@dataclass(frozen=True, eq=False)
class Ticket:
    """The right to have one image processed, compared by identity; `deadline` is a point on the clock."""

    pixels: int
    deadline: float
    live: bool = False

    @property
    def megapixels(self) -> float:
        return self.pixels / 1e6


@dataclass(frozen=True, eq=False)
class Submission(Generic[Payload]):
    """A decoded image that waits or runs; a batch that it begins has at most `most` images."""

    ticket: Ticket
    key: Hashable
    payload: Payload
    most: int


@dataclass(frozen=True, eq=False)
class Batch(Generic[Payload]):
    """Jobs of one key that run together, oldest first."""

    jobs: tuple[Submission[Payload], ...]
    began: float

    @property
    def pixels(self) -> int:
        return sum(job.ticket.pixels for job in self.jobs)

    @property
    def live(self) -> bool:
        return self.jobs[0].ticket.live


class Scheduler(Generic[Payload]):
    """Admission, order and batches of one engine. Not thread-safe; `now` is a monotonic clock in seconds.

    Args:
        queue_megapixels: limit on what is admitted and not yet done.
        batch_pictures: maximum number of pictures in a batch.
        batch_megapixels: maximum megapixels in a batch of several pictures.
        live_share: of the engine, for live while pictures wait; less than 1.
    """

    def __init__(
        self,
        *,
        queue_megapixels: float,
        batch_pictures: int,
        batch_megapixels: float = BATCH_MEGAPIXELS,
        live_share: float = 0.0,
    ) -> None:
        # Whole pixels: sums of floats would leave a rest behind, and the queue would never be empty again.
        self._bound = int(queue_megapixels * 1e6)
        self._batch_pictures = batch_pictures
        self._batch_pixels = int(batch_megapixels * 1e6)
        self._live_share = live_share
        # Admitted and not yet ended, by whether they are live.
        self._pixels = {False: 0, True: 0}
        # Pixels that live may have painted while pictures wait.
        self._credit = 0.0
        self._decoding: set[Ticket] = set()
        self._waiting: dict[Ticket, Submission[Payload]] = {}  # in order of submission
        self._running: Batch[Payload] | None = None
        # Decaying sums, whose ratio is the speed: an average of speeds would count small batches too much.
        self._painted_pixels = 0.0
        self._painted_seconds = 0.0

    @property
    def queued_megapixels(self) -> float:
        """Everything admitted and not yet ended: being decoded, waiting or running."""
        return sum(self._pixels.values()) / 1e6

    @property
    def waiting(self) -> int:
        """Pictures that are decoded and wait for a batch."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Images in the batch that runs now."""
        return len(self._running.jobs) if self._running else 0

    @property
    def megapixels_per_second(self) -> float | None:
        """The measured speed, None before the first measurement."""
        return self._painted_pixels / self._painted_seconds / 1e6 if self._painted_seconds > 0 else None

    def seed(self, megapixels_per_second: float) -> None:
        """Start the speed estimate from a warm-up; batches that were measured already count for more."""
        if self._painted_seconds == 0:
            self._painted_pixels, self._painted_seconds = megapixels_per_second * 1e6, 1.0

    def admit(self, now: float, megapixels: float, deadline: float, spare: float = 0, *, live: bool = False) -> Ticket:
        """As `admit_passes`, for one."""
        [ticket] = self.admit_passes(now, 1, megapixels, deadline, spare, live=live)
        return ticket

    def admit_passes(
        self, now: float, passes: int, megapixels: float, deadline: float, spare: float = 0, *, live: bool = False
    ) -> tuple[Ticket, ...]:
        """Reserve room for a picture, before it is decoded: a ticket for each pass of the network over it.

        An empty queue takes any picture, even one that is larger than the bound or looks too slow for its
        deadline: a speed estimate that had become too low could otherwise never correct itself.

        Args:
            megapixels: of each pass.
            spare: seconds before the deadline by which it must be predicted to be done, since predictions err.
            live: whether it is a frame of a live session. Those are few, and were admitted with their session.

        Raises:
            DeadlineExceeded: if the deadline is past.
            Overloaded: if the picture does not fit into the queue or would not be painted in time;
                `retry_after_seconds` is when it would, if nothing else came.
        """
        if deadline <= now:
            raise DeadlineExceeded("The time for this request was over before its picture arrived.")
        each = max(MIN_PIXELS, math.ceil(megapixels * 1e6))
        if not live and self._pixels[False] > 0:
            self._refuse_beyond_bound(now, passes * each)
            self._refuse_too_late(now, passes * each, deadline, spare)
        tickets = tuple(Ticket(each, deadline, live) for _ in range(passes))
        self._decoding.update(tickets)
        self._pixels[live] += passes * each
        return tickets

    def _refuse_beyond_bound(self, now: float, pixels: int) -> None:
        queued = self._pixels[False]
        excess = queued + pixels - self._bound
        if excess > 0:
            # A picture larger than the bound waits for an empty queue, so never for more than what is in it.
            seconds = self._seconds_beside_live(min(excess, queued)) - self._seconds_done(now)
            raise Overloaded("The queue is full.", retry_after_seconds=whole_seconds(seconds))

    def _refuse_too_late(self, now: float, pixels: int, deadline: float, spare: float) -> None:
        painted = now + self._seconds_beside_live(self._pixels[False] + pixels) - self._seconds_done(now)
        late = painted + spare - deadline
        if late > 0:
            raise Overloaded(
                "The queue is too long to finish this image in time.",
                retry_after_seconds=whole_seconds(late),
            )

    def _seconds(self, pixels: int) -> float:
        """How long the engine needs for so many pixels, 0 while nothing was measured."""
        return pixels * self._painted_seconds / self._painted_pixels if self._painted_pixels > 0 else 0.0

    def _seconds_beside_live(self, pixels: int) -> float:
        """The same for pictures, while live takes its share."""
        return self._seconds(pixels) / (1 - self._live_share if self._pixels[True] else 1)

    def _seconds_done(self, now: float) -> float:
        """The part of the running batch's predicted time that has passed; less than 0: what is left of a live one."""
        if self._running is None:
            return 0.0
        predicted = self._seconds(self._running.pixels)
        passed = min(now - self._running.began, predicted)
        return passed - predicted if self._running.live else passed

    def submit(self, ticket: Ticket, key: Hashable, payload: Payload, most: int | None = None) -> bool:
        """Queue a decoded picture. False, and nothing is kept, if its ticket was cancelled meanwhile.

        Args:
            key: pictures of equal keys may share a batch.
            most: pictures in a batch that this one begins, where that is less than `batch_pictures`.
        """
        if ticket not in self._decoding:
            return False
        self._decoding.remove(ticket)
        self._waiting[ticket] = Submission(
            ticket, key, payload, min(most or self._batch_pictures, self._batch_pictures)
        )
        return True

    def expire(self, now: float) -> list[Payload]:
        """Drop pictures that wait past their deadline. Returns their payloads, so that their clients can be told."""
        return [self._drop(ticket) for ticket in list(self._waiting) if ticket.deadline <= now]

    def drain(self) -> list[Payload]:
        """Drop everything that waits."""
        return [self._drop(ticket) for ticket in list(self._waiting)]

    def next_batch(self, now: float) -> Batch[Payload] | None:
        """Take the oldest picture that is in time, and those behind it that fit into one batch with it.

        None if nothing waits. One batch runs at a time: `finish` it before the next.
        """
        if self._running is not None:
            raise ValueError("The batch before has not been finished.")
        in_time = [job for job in self._waiting.values() if job.ticket.deadline > now]
        live = self._is_turn_of_live({job.ticket.live for job in in_time})
        jobs: list[Submission[Payload]] = []
        pixels = 0
        for job in in_time:
            if job.ticket.live != live or (jobs and job.key != jobs[0].key):
                continue
            if jobs and pixels + job.ticket.pixels > self._batch_pixels:
                break
            jobs.append(job)
            pixels += job.ticket.pixels
            if len(jobs) == jobs[0].most:
                break
        if not jobs:
            return None
        for job in jobs:
            del self._waiting[job.ticket]
        self._running = Batch(tuple(jobs), now)
        self._count_share(pixels, live=live, contended=any(not job.ticket.live for job in in_time))
        return self._running

    def _is_turn_of_live(self, waiting: set[bool]) -> bool:
        """Args: waiting: whether what waits is live."""
        return True in waiting and (False not in waiting or self._credit > 0)

    def _count_share(self, pixels: int, *, live: bool, contended: bool) -> None:
        """Pictures earn live its share of the engine, which it spends while pictures wait."""
        if not live:
            earned = pixels * self._live_share / (1 - self._live_share)
            self._credit = min(self._credit + earned, max(earned, MAX_CREDIT))
        elif contended:
            self._credit -= pixels

    def finish(self, batch: Batch[Payload], seconds: float | None) -> None:
        """End a batch that took `seconds`; None if it failed, which says nothing about the speed."""
        if batch is not self._running:
            raise ValueError("This batch is not running.")
        self._running = None
        self._pixels[batch.live] -= batch.pixels
        if seconds is not None and seconds > 0:
            self._painted_pixels = SPEED_MEMORY * self._painted_pixels + batch.pixels
            self._painted_seconds = SPEED_MEMORY * self._painted_seconds + seconds

    def cancel(self, ticket: Ticket) -> Payload | None:
        """The client left: free its room, and give back what it had submitted.

        An image that is being processed is not interrupted; a ticket that has ended is left alone.
        """
        if ticket in self._waiting:
            return self._drop(ticket)
        if ticket in self._decoding:
            self._decoding.remove(ticket)
            self._pixels[ticket.live] -= ticket.pixels
        return None

    def _drop(self, ticket: Ticket) -> Payload:
        self._pixels[ticket.live] -= ticket.pixels
        return self._waiting.pop(ticket).payload


def whole_seconds(seconds: float) -> int:
    """For `Retry-After`: rounded up, at least 1."""
    return max(1, math.ceil(seconds))
