"""How often one principal may do something: a moving window, in this process or in a Redis that all share."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import structlog
from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.errors import TooManyRequests

# A Redis that is slower than this is ignored.
SOCKET_SECONDS = 1

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Usage:
    """What a principal has left of `limit` a minute; in `seconds`, there is room for one more again."""

    things: str
    limit: int
    remaining: int
    seconds: int
    exceeded: bool

    def check(self) -> None:
        """Raises TooManyRequests."""
        if self.exceeded:
            raise TooManyRequests(
                f"You have reached your limit of {self.limit} {self.things} a minute.", retry_after_seconds=self.seconds
            )

    @property
    def fields(self) -> dict[str, str]:
        """As headers (draft-ietf-httpapi-ratelimit-headers-10)."""
        name = self.things.replace(" ", "-")
        return {
            "RateLimit-Policy": f'"{name}";q={self.limit};w=60',
            "RateLimit": f'"{name}";r={self.remaining};t={self.seconds}',
        }


class RateLimit:
    """Safe for threads. It may hang for a second or two when Redis does.

    Args:
        per_minute: hits of one principal within any minute.
        redis_url: None counts in this process alone.
        things: that are counted, in the plural.
    """

    def __init__(self, per_minute: int, redis_url: str | None, things: str = "new jobs") -> None:
        self._redis = _redis(redis_url) if redis_url else None
        self._item = RateLimitItemPerMinute(per_minute, namespace=f"pastiche {things}")
        self._things = things
        self._limiter = MovingWindowRateLimiter(self._redis or MemoryStorage())

    def count(self, principal: str) -> Usage | None:
        """Count one request; beyond the limit it is not counted. None while Redis is away: nothing is limited then."""
        try:
            exceeded = not self._limiter.hit(self._item, principal)
            stats = self._limiter.get_window_stats(self._item, principal)
        except StorageError as error:
            # Rather too many jobs for a while, which the quotas still bound, than none.
            _log.warning("rate_limit_passed_over", reason=repr(error))
            return None
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        return Usage(self._things, self._item.amount, stats.remaining, seconds, exceeded)

    def hit(self, principal: str) -> None:
        """Count one request. Raises TooManyRequests, with the time until the window has room again."""
        if (usage := self.count(principal)) is not None:
            usage.check()

    def close(self) -> None:
        """Give the connections back."""
        if self._redis is not None:
            self._redis.storage.close()


def _redis(url: str) -> RedisStorage:
    # Not `storage_from_string`, whose URLs are spelled otherwise. And without redis-py's own repetitions, whose pauses
    # add up to seconds.
    once: Any = Retry(NoBackoff(), retries=0)
    return RedisStorage(
        url, wrap_exceptions=True, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS, retry=once
    )
