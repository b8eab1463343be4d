"""The request that reports a job's end, signed as Standard Webhooks has it (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from app.jobs.job import Job, JobStatus
from app.jobs.webhook_url import DEFAULT_PORTS, Address, Undelivered, public_addresses

# Of each step: the connection, and every wait for bytes.
SECONDS = 10

Resolve = Callable[[str, int], Sequence[Address]]


def payload_of(job: Job, root_path: str) -> dict[str, Any]:
    """What is told of a job that has ended: JSON. Links are paths, as in the API."""
    path = f"{root_path}/v1/jobs/{job.id}"
    failed = job.error_slug is not None
    return {
        "type": f"job.{job.status}",
        "timestamp": datetime.fromtimestamp((job.finished_at or 0) / 1000, UTC).isoformat(),
        "data": {
            "id": job.id,
            "kind": job.kind,
            "status": job.status,
            "error": {"type": f"{root_path}/problems/{job.error_slug}", "detail": job.error_detail} if failed else None,
            "links": {"self": path, "result": f"{path}/result" if job.status is JobStatus.DONE else None},
        },
    }


def signed(job: Job, body: bytes, key: bytes, seconds: int) -> dict[str, str]:
    """The headers that say of which job it is and when it was sent, and prove both and the body.

    Args:
        key: of HMAC-SHA256.
        seconds: of the clock, since 1970.
    """
    content = b".".join([job.id.encode(), str(seconds).encode(), body])
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {"webhook-id": job.id, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{signature}"}


def encoded(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()


def post(url: str, body: bytes, headers: Mapping[str, str], resolve: Resolve = public_addresses) -> None:
    """Send it to an address that was looked at: by the time of a second look-up, the name may have another one.

    Redirects are not followed, since they may lead anywhere.

    Raises:
        Undelivered: the receiver cannot be reached, or its status is not 2xx.
    """
    parsed = httpx.URL(url)
    address = resolve(parsed.host, parsed.port or DEFAULT_PORTS[parsed.scheme])[0]
    own = {"Host": parsed.netloc.decode(), "Content-Type": "application/json", "User-Agent": "pastiche"}
    try:
        with (
            httpx.Client(timeout=SECONDS, trust_env=False) as client,
            client.stream(
                "POST",
                parsed.copy_with(host=str(address)),
                content=body,
                headers={**own, **headers},
                extensions={"sni_hostname": parsed.host},  # whose certificate it must be
            ) as answer,
        ):
            status = answer.status_code
    except httpx.HTTPError as error:
        raise Undelivered(f"the host does not answer ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise Undelivered(f"the answer is {status}")
