"""Traces: what a request or a job spent its time on, as spans for OpenTelemetry.

Spans and their exporter are imported by `start`, where traces are on; elsewhere, and in what has no trace, every
function here does nothing. FastAPI makes the span of a request itself, under the `traceparent` that came with it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from app.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

    from app.tracing.spans import Spans

_spans: Spans | None = None
_nothing: AbstractContextManager[None] = nullcontext()


def start(settings: Settings, service: str) -> None:
    """Where traces are on, make spans from now on, and send them where OpenTelemetry's own `OTEL_*` variables say.

    Args:
        service: name of this process's part, which `OTEL_SERVICE_NAME` replaces.

    Raises:
        SettingsError: traces are on, and the packages of the extra `otel` are missing.
    """
    if settings.traces == "off":
        return
    try:
        from app.tracing.spans import Spans  # here, for it imports the SDK
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"PASTICHE_TRACES: `otlp` needs the package {error.name}; pip install '.[otel]' in the checkout."
        ) from error
    global _spans
    _spans = Spans(service)


def stop() -> None:
    """Send what is left, for a few seconds at most, and make no more spans."""
    global _spans
    if _spans is not None:
        _spans.close()
    _spans = None


def provider() -> TracerProvider | None:
    """For FastAPI; None: no traces."""
    return None if _spans is None else _spans.provider


def here() -> Context | None:
    """What a span that is made later, in another thread, belongs to; None outside a trace."""
    return None if _spans is None else _spans.here()


def span(name: str, within: Context | None = None) -> AbstractContextManager[None]:
    """A span of what is done in the context; none outside a trace.

    Args:
        within: from `here`; by default, the span that this thread or task is in.
    """
    return _nothing if _spans is None else _spans.span(name, within)


def record(name: str, seconds: float, within: Context | None) -> None:
    """A span that ends now and took so long.

    Args:
        within: from `here`; None: there is no trace.
    """
    if _spans is not None and within is not None:
        _spans.record(name, seconds, within)


def attempt(kind: str, job: str, number: int, made_by: str | None) -> AbstractContextManager[None]:
    """A trace of its own for an attempt at a job, linked to the request that made the job.

    Args:
        made_by: that request's `traceparent`, if it had a trace.
    """
    return _nothing if _spans is None else _spans.attempt(kind, job, number, made_by)


def trace_id() -> str | None:
    """Of the trace that this thread or task is in, 32 hex digits; None: there is none, or it was not sampled."""
    return None if _spans is None else _spans.trace_id()


def exemplar() -> dict[str, str] | None:
    """`trace_id` as a label, for an observation of a histogram."""
    trace = trace_id()
    return None if trace is None else {"trace_id": trace}


def traceparent() -> str | None:
    """The span that this thread or task is in, as W3C Trace Context writes it: 55 characters. None: there is none."""
    return None if _spans is None else _spans.traceparent()
