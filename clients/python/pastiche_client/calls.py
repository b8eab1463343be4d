"""The requests of the client, before they are sent: what both clients share."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

# The service answers within its deadline of 30 s unless it is set to more; events are followed by comments every 15 s.
TIMEOUT_SECONDS = 60.0
RETRIES = 4
LONGEST_PAUSE_SECONDS = 60.0

Picture = bytes | Path


@dataclass(frozen=True)
class Call:
    """A request.

    Attributes:
        repeatable: whether sending it twice has the effect of sending it once.
    """

    method: str
    path: str
    repeatable: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)


def headers_of(api_key: str | None) -> dict[str, str]:
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def stylize_call(
    photo: Picture, styles: str, regions: Sequence[Mapping[str, Any]] | None, options: Mapping[str, Any]
) -> Call:
    if regions is not None:
        return stylize_regions_call(photo, styles, regions, options)
    headers = {"Content-Type": "application/octet-stream"}
    params = {"styles": styles} | text_of(options)
    return Call("POST", "/v1/stylize", arguments={"params": params, "content": read(photo), "headers": headers})


def stylize_regions_call(
    photo: Picture, styles: str, regions: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> Call:
    """A form, since masks are files of it: each is called by its region's number."""
    masks = {place: read(region["mask"]) for place, region in enumerate(regions) if region.get("mask") is not None}
    named = [{**region, "mask": str(place)} if place in masks else region for place, region in enumerate(regions)]
    files = [("image", ("image", read(photo)))]
    files += [("region_mask", (str(place), mask)) for place, mask in masks.items()]
    data = {"styles": styles, "regions": json.dumps(named)} | text_of(options)
    return Call("POST", "/v1/stylize", arguments={"files": files, "data": data})


def styles_call(options: Mapping[str, Any]) -> Call:
    return Call("GET", "/v1/styles", arguments={"params": text_of(options)})


def create_job_call(
    content: Picture,
    styles: Sequence[Picture],
    idempotency_key: str | None,
    webhook_url: str | None,
    options: Mapping[str, Any],
) -> Call:
    files = [("content", ("content", read(content))), *(("style", ("style", read(style))) for style in styles)]
    headers = job_headers(idempotency_key, webhook_url)
    return Call("POST", "/v1/jobs", arguments={"files": files, "data": text_of(options), "headers": headers})


def create_video_call(
    clip: Picture, styles: str, idempotency_key: str | None, webhook_url: str | None, options: Mapping[str, Any]
) -> Call:
    headers = {"Content-Type": "application/octet-stream"} | job_headers(idempotency_key, webhook_url)
    params = {"styles": styles} | text_of(options)
    return Call("POST", "/v1/videos", arguments={"params": params, "content": read(clip), "headers": headers})


def job_headers(idempotency_key: str | None, webhook_url: str | None) -> dict[str, str]:
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    return headers if webhook_url is None else headers | {"Pastiche-Webhook-Url": webhook_url}


def job_call(job_id: str) -> Call:
    return Call("GET", path_of(job_id))


def delete_job_call(job_id: str) -> Call:
    # A second one would delete what the first one has cancelled.
    return Call("DELETE", path_of(job_id), repeatable=False)


def result_call(job_id: str) -> Call:
    return Call("GET", f"{path_of(job_id)}/result")


def events_path(job_id: str) -> str:
    return f"{path_of(job_id)}/events"


def path_of(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def read(picture: Picture) -> bytes:
    return picture.read_bytes() if isinstance(picture, Path) else picture


def text_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Options as the service reads them; None is left out."""
    words = {True: "true", False: "false"}
    return {
        name: words[value] if isinstance(value, bool) else str(value)
        for name, value in options.items()
        if value is not None
    }
