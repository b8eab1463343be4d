"""The studio: static files under app/web, a client of the public API like any other.

Every address in the files is relative, so the page works behind a path prefix without knowing it.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.http.etag import strong_etag, unchanged
from app.errors import NotFound

router = APIRouter(include_in_schema=False)
# Apart, since an operator may turn the reference off.
reference_router = APIRouter(include_in_schema=False)

ROOT = Path(__file__).parents[1] / "web"
# By extension. Anything else in the folder, such as licences of vendored files, is not served.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
COMPRESSED = frozenset({".css", ".html", ".js", ".json", ".svg"})
# Nothing from another host and no inline script. `blob:` is for images and clips of the reader's own, and for what the
# page has fetched with its API key.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' blob: data:",
        "media-src blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    # Revalidated each time, mostly with 304: a new version of the service is seen at once.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
# Of documents: on the dozens of scripts and sheets, browsers ignore them, and they would be a third of what is sent.
DOCUMENT_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
}
DOCUMENTS = frozenset({".html", ".svg"})


@dataclass(frozen=True)
class PageFile:
    """A file of the page. `compressed` is None where gzip gains nothing."""

    data: bytes
    compressed: bytes | None
    media_type: str
    etag: str


@router.get("/")
async def studio(request: Request) -> Response:
    return answer(request, "index.html")


@reference_router.get("/docs")
async def reference(request: Request) -> Response:
    return answer(request, "reference.html")


@router.get("/web/{path:path}")
async def file(request: Request, path: str) -> Response:
    return answer(request, path)


def answer(request: Request, path: str) -> Response:
    """Raises NotFound."""
    found = find(path)
    # Weak: the same for the bytes as they are and compressed.
    headers = HEADERS | {"ETag": f"W/{found.etag}"}
    if Path(path).suffix in DOCUMENTS:
        headers |= DOCUMENT_HEADERS
    if unchanged(request, found.etag):
        return Response(status_code=304, headers=headers)
    data = found.data
    if found.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        data = found.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(data, media_type=found.media_type, headers=headers)


def find(path: str) -> PageFile:
    """The file as it is on disk now. Raises NotFound, also for what lies outside the folder."""
    missing = NotFound("The page has no such file.")
    parts = path.split("/")
    if Path(path).suffix not in MEDIA_TYPES or any(part.startswith(".") or "\\" in part for part in parts):
        raise missing
    try:
        changed = ROOT.joinpath(*parts).stat().st_mtime_ns
        return read(path, changed)
    except (OSError, ValueError):  # ValueError: a NUL byte
        raise missing from None


@lru_cache(maxsize=256)
def read(path: str, changed: int) -> PageFile:
    """`changed` makes an edited file another one."""
    data = (ROOT / path).read_bytes()
    suffix = Path(path).suffix
    packed = gzip.compress(data, mtime=0) if suffix in COMPRESSED else None
    return PageFile(data, packed, MEDIA_TYPES[suffix], strong_etag(hashlib.sha256(data).hexdigest()))
