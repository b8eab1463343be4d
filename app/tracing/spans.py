"""Spans by OpenTelemetry's SDK, sent by OTLP over HTTP. Imported where traces are on, and nowhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AnyValue

from app import __version__

# The last spans on the way to a collector that does not answer must not hold up the end of the process.
CLOSE_SECONDS = 3.0

_W3C = TraceContextTextMapPropagator()


class Spans:
    """Makes spans. The exporter, the sampler and the resource read the `OTEL_*` variables, as in every service.

    What went wrong within a span is in the log, which has the trace's id; the span only says that something did.
    """

    def __init__(self, service: str) -> None:
        ours = {"service.name": service, "service.version": __version__}
        # Given attributes would go before those of the environment.
        resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("pastiche", __version__)

    def close(self) -> None:
        closing = threading.Thread(target=self.provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def here(self) -> Context | None:
        context = get_current()
        return context if trace.get_current_span(context).is_recording() else None

    @contextmanager
    def span(self, name: str, within: Context | None) -> Iterator[None]:
        context = within or self.here()
        if context is None:
            yield
            return
        with self._tracer.start_as_current_span(name, context, record_exception=False):
            yield

    def record(self, name: str, seconds: float, within: Context) -> None:
        now = time.time_ns()
        self._tracer.start_span(name, within, start_time=now - round(seconds * 1e9)).end(now)

    @contextmanager
    def attempt(self, kind: str, job: str, number: int, made_by: str | None) -> Iterator[None]:
        links = []
        if made_by is not None:
            request = trace.get_current_span(_W3C.extract({"traceparent": made_by}, Context()))
            links = [Link(request.get_span_context())]
        attributes: dict[str, AnyValue] = {
            "pastiche.job.id": job,
            "pastiche.job.kind": kind,
            "pastiche.job.attempt": number,
        }
        with self._tracer.start_as_current_span(
            f"job {kind}", Context(), SpanKind.CONSUMER, attributes, links, record_exception=False
        ):
            yield

    def trace_id(self) -> str | None:
        context = trace.get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.trace_flags.sampled else None

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")
