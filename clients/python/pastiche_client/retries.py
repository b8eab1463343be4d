"""When a request is sent again."""

from __future__ import annotations

import httpx

from pastiche_client.errors import PasticheError

# Statuses of a request that was refused without any effect.
REFUSED = frozenset({429, 503})
FIRST_PAUSE_SECONDS = 0.5


class Retries:
    """The tries of one request.

    Args:
        most: how often it is sent again.
        longest_seconds: of one pause; a `Retry-After` beyond it is not waited for.
        repeatable: whether it may be sent again after it may have had an effect.
    """

    def __init__(self, most: int, longest_seconds: float, *, repeatable: bool = True) -> None:
        self._most = most
        self._longest = longest_seconds
        self._repeatable = repeatable
        self._done = 0

    def reset(self) -> None:
        """It went well for now; later failures start anew."""
        self._done = 0

    def pause_after(self, error: PasticheError | httpx.TransportError) -> float:
        """Seconds to wait before it is sent again. Raises the error if it should not be."""
        passing = error.status in REFUSED if isinstance(error, PasticheError) else self._repeatable
        asked = error.retry_after_seconds if isinstance(error, PasticheError) else None
        pause = FIRST_PAUSE_SECONDS * 2**self._done if asked is None else asked
        if not passing or self._done >= self._most or pause > self._longest:
            raise error
        self._done += 1
        return pause
