"""Spans in a process: what they belong to, and that there is nothing of them where traces are off."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from app import tracing
from app.api.jobs import event_hub
from app.api.jobs.event_hub import EventHub, Room
from app.api.stages import Stages
from app.settings import Settings, SettingsError
from app.tracing import spans

MADE_BY = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OFF = """
import sys
import app.main, app.jobs.tasks, app.jobs.worker
from app import tracing
from app.settings import Settings
tracing.start(Settings(), "pastiche")
with tracing.span("a"), tracing.attempt("stylize", "1", 1, None):
    assert (tracing.here(), tracing.provider(), tracing.exemplar(), tracing.traceparent()) == (None,) * 4
# redis imports the SDK's metrics where they are installed.
late = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.")
print(*(name for name in sys.modules if name.startswith(late)))
"""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, ReadableSpan]]]:
    """Traces are on; to be asked for the spans that have ended, by name."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(spans, "OTLPSpanExporter", lambda: exporter)
    tracing.start(Settings(traces="otlp"), "tests")

    def exported() -> dict[str, ReadableSpan]:
        provider = tracing.provider()
        assert provider is not None
        provider.force_flush()
        return {span.name: span for span in exporter.get_finished_spans()}

    yield exported
    tracing.stop()


def id_of(span: ReadableSpan) -> str:
    return format_span_id(span.context.span_id)


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else format_span_id(span.parent.span_id)


def test_an_attempt_is_a_trace_of_its_own_linked_to_the_request(ended) -> None:
    with tracing.attempt("stylize", "some-id", 2, MADE_BY):
        named = tracing.trace_id()
        with tracing.span("checkpoint"), tracing.span("storage"):
            pass
    found = ended()
    attempt = found["job stylize"]
    assert format_trace_id(attempt.context.trace_id) == named
    assert parent_of(attempt) is None
    assert attempt.attributes == {
        "pastiche.job.id": "some-id",
        "pastiche.job.kind": "stylize",
        "pastiche.job.attempt": 2,
    }
    [link] = attempt.links
    assert f"00-{format_trace_id(link.context.trace_id)}-{format_span_id(link.context.span_id)}-01" == MADE_BY
    assert parent_of(found["checkpoint"]) == id_of(attempt)
    assert parent_of(found["storage"]) == id_of(found["checkpoint"])


def test_a_job_without_a_traced_request_is_linked_to_nothing(ended) -> None:
    with tracing.attempt("stylize", "some-id", 1, None):
        pass
    assert ended()["job stylize"].links == ()


def test_there_is_no_span_outside_a_trace(ended) -> None:
    with tracing.span("storage"):
        assert tracing.trace_id() is None
        assert tracing.traceparent() is None
    tracing.record("queue", 1.0, tracing.here())
    assert ended() == {}


def test_stages_are_spans_of_the_request_that_began_them_whichever_thread_they_run_in(ended) -> None:
    def decode() -> None:
        with stages.measure("decode"):
            pass

    with tracing.attempt("stylize", "some-id", 1, None):
        stages = Stages()
    thread = threading.Thread(target=decode)
    thread.start()
    thread.join()
    stages.add("queue", 1.5)
    found = ended()
    assert {parent_of(found[name]) for name in ("decode", "queue")} == {id_of(found["job stylize"])}
    assert found["queue"].end_time - found["queue"].start_time == 1_500_000_000
    assert stages.seconds["queue"] == 1.5


def test_a_span_says_that_it_failed_and_not_with_what_traceback(ended) -> None:
    with tracing.attempt("stylize", "some-id", 1, None), pytest.raises(OSError, match="full"), tracing.span("storage"):
        raise OSError("full")
    found = ended()
    assert found["storage"].status.status_code is StatusCode.ERROR
    assert found["storage"].events == ()
    assert found["job stylize"].status.status_code is StatusCode.UNSET


def test_the_environment_names_the_service(ended, monkeypatch) -> None:
    assert tracing.provider().resource.attributes["service.name"] == "tests"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    tracing.stop()
    tracing.start(Settings(traces="otlp"), "tests")
    assert tracing.provider().resource.attributes["service.name"] == "mine"


def test_a_missing_extra_stops_the_start(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "app.tracing.spans")
    monkeypatch.delattr(tracing, "spans")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"^PASTICHE_TRACES: `otlp` needs the package .*; pip install '.\[otel\]'"):
        tracing.start(Settings(traces="otlp"), "tests")
    assert tracing.provider() is None


def test_what_polls_for_all_readers_is_in_the_trace_of_none(ended, monkeypatch) -> None:
    async def follow() -> None:
        async def call(*_: object) -> dict[str, object]:
            asked.set_result(tracing.here())
            hub.close()
            return {}

        asked = asyncio.get_running_loop().create_future()
        hub = EventHub(SimpleNamespace(news=None), SimpleNamespace(call=call), Room(1, 1))
        with tracing.attempt("stylize", "some-id", 1, None), hub.watch(SimpleNamespace(id="1", events=0, ended=False)):
            assert tracing.here() is not None
            assert await asked is None

    monkeypatch.setattr(event_hub, "POLL_SECONDS", 0)
    asyncio.run(follow())


@pytest.mark.process
def test_neither_spans_nor_their_exporter_are_imported_where_traces_are_off() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
