"""Which picture is decoded or encoded next, and which request is refused: pure bookkeeping, driven by the clock handed
to it.

A request is admitted with the cost of all its steps, and stands in one line with others of its size. Every line has
threads of its own, so no small request waits behind large ones. The life of a place: `admit` -> (`submit` -> `next` ->
`finish`, for each step) -> `leave`. `cancel` ends a step before its turn, and so does `expire` where predictions have
become worse since.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

from app.errors import DeadlineExceeded, Overloaded
from app.imaging.cost import Cost

Payload = TypeVar("Payload")

# Predicted seconds of one request, at most, in each line: JPEGs of up to a megapixel or two; photos of phones made
# smaller, and the other formats; everything else.
LINES = (0.02, 0.2, math.inf)
# Of the memory, what all requests in the lines before the last may take together. They never wait for memory.
SMALL_SHARE = 0.5
# A header tells what a picture costs to a factor of two, so predictions count double.
CAUTION = 2.0
# What a step older by one counts for in the pace.
PACE_MEMORY = 0.9
# Steps that took this many times what was predicted have been stopped with the whole machine, and say nothing.
SLOWEST = 10.0


@dataclass(eq=False)
class Place:
    """One request.

    Attributes:
        left: costs of its steps that have not been submitted.
        deadline: a point on the clock.
        patience: seconds that it may be predicted to take when it is admitted.
    """

    line: Line
    left: list[Cost]
    deadline: float
    patience: float
    begun: bool = False


@dataclass(frozen=True, eq=False)
class CodecStep(Generic[Payload]):
    """A step that waits for a thread, or has one."""

    place: Place
    cost: Cost
    payload: Payload


@dataclass(eq=False)
class Line:
    """Requests of one size.

    Attributes:
        reserved: predicted microseconds of one thread, for all that is admitted and has not ended. Whole ones: sums of
            floats would leave a rest behind, and the line would never be empty again.
        beginning: what waits, in the order of submission; so is `finishing`, whose steps hold pixels: they go before
            those that would decode further ones.
        predicted: a decaying sum, like `measured`; their ratio is the pace.
    """

    reserved: int = 0
    beginning: dict[CodecStep[Any], None] = field(default_factory=dict)
    finishing: dict[CodecStep[Any], None] = field(default_factory=dict)
    running: set[CodecStep[Any]] = field(default_factory=set)
    predicted: float = 1.0
    measured: float = 1.0

    @property
    def pace(self) -> float:
        """Measured seconds for each predicted one, over the last steps."""
        return self.measured / self.predicted

    @property
    def seconds(self) -> float:
        """Of one thread, for all that is admitted and has not ended."""
        return self.pace * self.reserved / 1e6

    @property
    def waiting(self) -> CodecStep[Any] | None:
        """Whose turn it is."""
        return next(chain(self.finishing, self.beginning), None)

    def remove(self, step: CodecStep[Any]) -> bool:
        """Whether it waited; from now on it does not."""
        waited = step in self.beginning or step in self.finishing
        self.beginning.pop(step, None)
        self.finishing.pop(step, None)
        return waited


class CodecQueue(Generic[Payload]):
    """Admission and order. Not thread-safe; `now` is a monotonic clock in seconds.

    Args:
        threads: of each line.
        memory_bytes: of all steps that run. One that needs more runs while no other large one does.
    """

    def __init__(self, *, threads: int, memory_bytes: int) -> None:
        self._threads = threads
        self._memory_bytes = memory_bytes
        self._small_bytes = SMALL_SHARE * memory_bytes / threads / (len(LINES) - 1)
        self._lines = tuple(Line() for _ in LINES)

    @property
    def pending(self) -> int:
        """Steps that wait or run."""
        return sum(len(line.beginning) + len(line.finishing) + len(line.running) for line in self._lines)

    @property
    def seconds(self) -> float:
        """Of one thread, for all that is admitted and has not ended."""
        return sum(line.seconds for line in self._lines)

    def admit(self, now: float, costs: Sequence[Cost], deadline: float) -> Place:
        """A place for a request with the costs of its steps, in their order.

        An empty line takes any request, so that a pace that had become too slow can correct itself.

        Args:
            deadline: of the request.

        Raises:
            DeadlineExceeded: if that is past.
            Overloaded: it would not be done in time; `retry_after_seconds` is when it would, if nothing else came.
        """
        if deadline <= now:
            raise DeadlineExceeded("The request's time limit was over before its image had arrived.")
        line = self._line_of(costs)
        place = Place(line, list(costs), deadline, (deadline - now) / CAUTION)
        if line.reserved:
            seconds = line.seconds / self._threads + line.pace * sum(cost.seconds for cost in costs)
            if seconds > place.patience:
                raise overloaded(seconds - place.patience)
        line.reserved += microseconds(costs)
        return place

    def _line_of(self, costs: Sequence[Cost]) -> Line:
        if max(cost.bytes for cost in costs) > self._small_bytes:
            return self._lines[-1]
        seconds = sum(cost.seconds for cost in costs)
        return next(line for line, most in zip(self._lines, LINES, strict=True) if seconds <= most)

    def submit(self, place: Place, payload: Payload) -> CodecStep[Payload]:
        """Queue the place's next step."""
        step = CodecStep(place, place.left.pop(0), payload)
        (place.line.finishing if place.begun else place.line.beginning)[step] = None
        place.begun = True
        return step

    def next(self) -> CodecStep[Payload] | None:
        """Take a step that may run now, and `finish` it later; None if there is none."""
        for line in self._lines:
            step = line.waiting
            if step is not None and len(line.running) < self._threads and self._fits(line, step):
                line.remove(step)
                line.running.add(step)
                return step
        return None

    def _fits(self, line: Line, step: CodecStep[Payload]) -> bool:
        if line is not self._lines[-1] or not line.running:
            return True
        held = sum(running.cost.bytes for each in self._lines for running in each.running)
        return held + step.cost.bytes <= self._memory_bytes

    def finish(self, step: CodecStep[Payload], seconds: float | None) -> None:
        """End a step that took so long; None if it failed, which says nothing about the pace."""
        line = step.place.line
        line.running.remove(step)
        line.reserved -= microseconds([step.cost])
        if seconds is not None:
            line.predicted = PACE_MEMORY * line.predicted + step.cost.seconds
            line.measured = PACE_MEMORY * line.measured + min(seconds, SLOWEST * step.cost.seconds)

    def cancel(self, step: CodecStep[Payload]) -> None:
        """Forget a step that waits; one that runs is not interrupted."""
        line = step.place.line
        if line.remove(step):
            line.reserved -= microseconds([step.cost])

    def expire(self, now: float) -> list[tuple[CodecStep[Payload], Overloaded]]:
        """Drop what has not begun and is predicted to miss its deadline at the pace of now; and what to tell of it."""
        expired = []
        for line in self._lines:
            seconds = line.seconds / self._threads
            for step in reversed(list(line.beginning)):  # the last one is done after all others
                if now + seconds <= step.place.deadline:
                    break
                expired.append((step, overloaded(seconds - step.place.patience)))
                self.cancel(step)
                self.leave(step.place)
                seconds = line.seconds / self._threads
        return expired

    def leave(self, place: Place) -> None:
        """The request is over, whatever of it was done. A step of it may still run."""
        place.line.reserved -= microseconds(place.left)
        place.left.clear()


def microseconds(costs: Sequence[Cost]) -> int:
    return sum(round(cost.seconds * 1e6) for cost in costs)


def overloaded(seconds: float) -> Overloaded:
    """Come back in so many seconds."""
    return Overloaded(
        "Too many images are waiting to be decoded or encoded.", retry_after_seconds=max(1, math.ceil(seconds))
    )
