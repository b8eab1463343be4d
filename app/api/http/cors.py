"""Cross-origin requests: which pages of other origins may use the service from a browser."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
# What a script of such a page may read of an answer, besides the few headers that every script may.
EXPOSED = (
    "Cache-Status",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Pastiche-Model",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Server-Timing",
    "WWW-Authenticate",
    "X-Request-ID",
)


class Cors(CORSMiddleware):
    """Starlette's, for these origins.

    Args:
        origins: such as https://example.org; `*` stands for all.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(app, allow_origins=origins, allow_methods=METHODS, allow_headers=["*"], expose_headers=EXPOSED)

    def preflight_response(self, request_headers: Headers) -> Response:
        """204: what is not allowed is not named, which is all that a browser wants to know."""
        response = super().preflight_response(request_headers)
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return Response(status_code=204, headers=headers)
