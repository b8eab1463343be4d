"""`Retry-After`: when a client that was refused is told to come back."""

from __future__ import annotations

import random
from collections.abc import Callable

from app.errors import Overloaded, PasticheError

# Clients that were refused together are spread over as long as they wait at least, and no longer than this.
MAX_SPREAD_SECONDS = 10


def seconds_to_wait(error: PasticheError, draw: Callable[[int, int], int] = random.randint) -> int | None:
    """For the header: whole seconds, None where nothing is known.

    What stands in everybody's way (503) is refused to many clients in one second. They would come back in one second,
    and be refused together again, so each of them waits as long as it must and up to as long again. A client's own
    limit (429) opens for it alone, and is told as it is.

    Args:
        draw: a whole number from the first to the second, both included.
    """
    seconds = error.retry_after_seconds
    if seconds is None or error.status != Overloaded.status:
        return seconds
    return draw(seconds, seconds + min(seconds, MAX_SPREAD_SECONDS))
