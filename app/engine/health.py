"""What the engine thread records about itself, and what the health probes conclude from it."""

from __future__ import annotations

from dataclasses import dataclass

# One bad batch may be one bad picture; so many in a row are the engine.
FAILURES_UNTIL_UNREADY = 3


@dataclass(frozen=True)
class EngineHealth:
    """
    Attributes:
        alive: the thread runs, and its current batch has not held it for longer than the stall limit.
        ready: alive, with a model, and not failing.
        reason: why it is not alive or not ready, a public sentence; None if it is both.
        heartbeat_age_seconds: since the thread was last between two batches.
    """

    alive: bool
    ready: bool
    reason: str | None
    heartbeat_age_seconds: float


class Vitals:
    """The record of one engine thread. Every method but `health` is called under the engine's lock.

    Args:
        now: the clock, in seconds; likewise in all methods.
        stall_seconds: how long one batch may take.
    """

    def __init__(self, now: float, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._heartbeat = now
        self._busy = False
        self._failures = 0

    @property
    def failing(self) -> bool:
        return self._failures >= FAILURES_UNTIL_UNREADY

    def beat(self, now: float) -> None:
        """The thread is between two batches."""
        self._heartbeat, self._busy = now, False

    def begin(self, now: float) -> None:
        """The thread begins a batch."""
        self._heartbeat, self._busy = now, True

    def note(self, succeeded: bool) -> None:
        """A batch, or a probe, has ended."""
        self._failures = 0 if succeeded else self._failures + 1

    def health(self, now: float, *, alive: bool, stopping: bool, models: int) -> EngineHealth:
        """The verdict.

        Args:
            alive: the thread runs.
            stopping: it takes no new requests.
            models: number of models loaded.
        """
        age = max(0.0, now - self._heartbeat)
        stalled = self._busy and age > self._stall_seconds
        reason = None
        if not alive:
            reason = "The engine thread does not run."
        elif stalled:
            reason = f"One batch has held the engine for {age:.0f} seconds."
        elif stopping:
            reason = "The engine is stopping."
        elif not models:
            reason = "No model is loaded."
        elif self.failing:
            reason = f"The last {self._failures} batches failed."
        return EngineHealth(alive and not stalled, reason is None, reason, age)
