"""The span of a request, which FastAPI makes, under the trace of the client's `traceparent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import Scope

from app import tracing
from app.api.http.request_log import QUIET

if TYPE_CHECKING:  # older versions of FastAPI do without
    from fastapi.telemetry import TelemetryConfig


def request_spans() -> TelemetryConfig:
    """For FastAPI: traces where they are on; metrics and log are ours."""
    provider = tracing.provider()
    return {
        "tracing": provider is not None,
        "tracer_provider": provider,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": untraced,
    }


def untraced(scope: Scope) -> bool:
    """Probes and scrapes, and live sessions: spans of every frame for minutes would tell nobody anything."""
    return scope["type"] == "websocket" or scope["path"].removeprefix(scope["root_path"]) in QUIET
