"""What the service returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Image:
    """An image file.

    Attributes:
        media_type: such as `image/jpeg`.
        model: the model that made it, `name@version`; None for a job's.
    """

    data: bytes
    media_type: str
    model: str | None


@dataclass(frozen=True)
class Style:
    """A style that can be requested. `members` has everything that the service said."""

    id: str
    title: str
    model: str
    members: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A job when it was last read. `members` has everything that the service said."""

    id: str
    kind: str
    status: str
    progress: float
    members: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def image_of(response: httpx.Response) -> Image:
    return Image(response.content, response.headers["content-type"], response.headers.get("pastiche-model"))


def styles_of(response: httpx.Response) -> list[Style]:
    return [Style(style["id"], style["title"], style["model"], style) for style in response.json()["styles"]]


def job_of(response: httpx.Response) -> Job:
    job = response.json()
    return Job(job["id"], job["kind"], job["status"], job["progress"], job)
