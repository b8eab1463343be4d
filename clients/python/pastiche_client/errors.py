"""What the service refuses, as classes.

PasticheError
├── InvalidRequest          4xx
│   ├── Unauthorized        401, 403
│   ├── NotFound            404, 410
│   ├── Conflict            409
│   └── TooManyRequests     429
└── ServiceUnavailable      5xx
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx


class PasticheError(Exception):
    """A response with a problem (RFC 9457).

    Attributes:
        status: of the response.
        slug: the kind of problem, such as `unknown-style`; empty for a response that is none of the service's.
        detail: what is wrong with the request.
        members: all members of the problem, such as `nearest`.
        retry_after_seconds: when it is worth trying again, None if the response does not say.
    """

    def __init__(self, status: int, members: Mapping[str, Any], retry_after_seconds: float | None) -> None:
        self.status = status
        self.slug = str(members.get("type", "")).rpartition("/")[2]
        self.detail = str(members.get("detail", ""))
        self.members = members
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{status} {self.slug}: {self.detail}")


class InvalidRequest(PasticheError):
    """The request is wrong; it will fail again if it is repeated unchanged."""


class Unauthorized(InvalidRequest):
    """The key is missing or wrong, or not enough."""


class NotFound(InvalidRequest):
    """There is no such route, style or job, or its images have expired."""


class Conflict(InvalidRequest):
    """The state of the job, or an earlier request with the same idempotency key, does not allow it."""


class TooManyRequests(InvalidRequest):
    """A limit is reached; it can be repeated later."""


class ServiceUnavailable(PasticheError):
    """The service cannot answer; the same request may succeed later."""


KINDS: Mapping[int, type[PasticheError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    429: TooManyRequests,
}


def checked(response: httpx.Response) -> httpx.Response:
    """The response, which has been read. Raises PasticheError for 4xx and 5xx."""
    if response.is_error:
        kind = KINDS.get(response.status_code, ServiceUnavailable if response.is_server_error else InvalidRequest)
        raise kind(response.status_code, members_of(response), retry_after(response.headers.get("retry-after")))
    return response


def members_of(response: httpx.Response) -> Mapping[str, Any]:
    """Of the problem; of any other response, such as a proxy's page, its reason."""
    if "json" in response.headers.get("content-type", ""):
        try:
            members = response.json()
        except ValueError:
            members = None
        if isinstance(members, dict):
            return members
    return {"detail": response.reason_phrase}


def retry_after(text: str | None) -> float | None:
    """Seconds from a `Retry-After` header, which has seconds or a date (RFC 9110, section 10.2.3)."""
    if text is None:
        return None
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
