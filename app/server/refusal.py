"""Responses to what never becomes a request; they are problems (RFC 9457) like all others."""

from __future__ import annotations

import json
import uuid
from http import HTTPStatus

import h11

from app.errors import PasticheError
from app.retry_after import seconds_to_wait


def refusal(conn: h11.Connection, error: PasticheError, prefix: str) -> bytes:
    """The whole response, after which the connection is closed; only if no other response has begun."""
    instance = uuid.uuid4().hex
    body = json.dumps(
        {
            "type": f"{prefix}/problems/{error.slug}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "instance": instance,
        }
    ).encode()
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("X-Request-ID", instance),
        ("X-Content-Type-Options", "nosniff"),
        ("Connection", "close"),
    ]
    if (seconds := seconds_to_wait(error)) is not None:
        headers.append(("Retry-After", str(seconds)))
    head = h11.Response(status_code=error.status, headers=headers, reason=HTTPStatus(error.status).phrase)
    events = (head, h11.Data(data=body), h11.EndOfMessage())
    return b"".join(conn.send(event) or b"" for event in events)
