"""Traces as a collector gets them: of the server's process and its worker's, with what belongs to what."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from PIL import Image
from prometheus_client.openmetrics.parser import text_string_to_metric_families

STYLIZE = "/v1/stylize?styles=great_wave"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
UNSAMPLED_TRACE = "11111111111111111111111111111111"
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


def traceparent(trace: str, *, sampled: bool = True) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{PARENT}-{int(sampled):02}"}


@dataclass(frozen=True)
class Received:
    """A span with the name of the service that it came from."""

    service: str
    span: Span

    @property
    def trace(self) -> str:
        return self.span.trace_id.hex()

    @property
    def id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        return self.span.parent_span_id.hex()


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, as collectors do."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Collecting)
        self.received: list[Received] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def spans(self, trace: str) -> dict[str, Received]:
        """Of a trace by name, the last one of each."""
        return {each.span.name: each for each in self.received if each.trace == trace}


class Collecting(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in sent.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.received += [Received(named["service.name"], span) for span in scope.spans]
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@pytest.fixture
def photo() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(file, "png")
    return file.getvalue()


def exemplars(server) -> set[tuple[str, str]]:
    """Traces that buckets of stages name, with the stage."""
    told = server.client.get("/metrics", headers=OPENMETRICS)
    assert told.headers["content-type"].startswith("application/openmetrics-text")
    return {
        (sample.labels["stage"], sample.exemplar.labels["trace_id"])
        for family in text_string_to_metric_families(told.text)
        if family.name == "pastiche_stage_seconds"
        for sample in family.samples
        if sample.exemplar
    }


def test_a_request_and_its_job_are_traces_of_two_processes(launch, collector, photo, monkeypatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    server = launch(traces="otlp", workers=1, worker_threads=1)

    def post(headers: dict[str, str]) -> dict[str, str]:
        answer = server.client.post(STYLIZE, content=photo, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.headers)

    request_id = post(traceparent(TRACE))["x-request-id"]
    post(traceparent(UNSAMPLED_TRACE, sampled=False))
    job = post(traceparent(OTHER_TRACE) | {"Prefer": "respond-async"})["location"]
    server.wait_for(lambda: server.client.get(job).json()["status"] == "done")
    assert {trace for _, trace in exemplars(server)} == {TRACE}
    assert {"decode", "engine", "encode"} <= {stage for stage, _ in exemplars(server)}
    plain = server.client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert TRACE not in plain.text
    server.process.terminate()
    server.process.wait(60)

    painted = collector.spans(TRACE)
    request = painted["POST /v1/stylize"]
    assert (request.span.kind, request.parent) == (Span.SPAN_KIND_SERVER, PARENT)
    parents = {name: each.parent for name, each in painted.items() if each is not request}
    stages = dict.fromkeys(("upload", "queue", "decode", "engine", "colour", "encode"), request.id)
    assert parents == stages | {"network": painted["engine"].id}
    for each in painted.values():
        assert request.span.start_time_unix_nano <= each.span.start_time_unix_nano <= each.span.end_time_unix_nano
    [line] = [line for line in server.log if line["event"] == "request" and line["request_id"] == request_id]
    assert line["trace_id"] == TRACE

    asked = collector.spans(OTHER_TRACE)
    making = asked["POST /v1/stylize"]
    assert {asked[name].parent for name in ("queue", "decode", "storage", "ledger", "dispatch")} == {making.id}
    assert not collector.spans(UNSAMPLED_TRACE)

    [attempt] = [each for each in collector.received if each.span.name == "job stylize"]
    assert (attempt.span.kind, attempt.parent) == (Span.SPAN_KIND_CONSUMER, "")
    [link] = attempt.span.links
    assert (link.trace_id.hex(), link.span_id.hex()) == (making.trace, making.id)
    done = collector.spans(attempt.trace)
    within = [each for each in collector.received if each.trace == attempt.trace and each.span.name == "storage"]
    # The photo is read by the task, and the result is stored behind it.
    assert {each.parent for each in within} >= {done["task"].id, attempt.id}
    assert done["task"].parent == attempt.id
    assert {each.service for each in done.values()} == {"pastiche-worker"}
    assert {each.service for each in painted.values()} == {"pastiche"}
    assert {line["trace_id"] for line in server.log if line["event"] == "job_ended"} == {attempt.trace}
    assert not [each for each in collector.received if "/healthz" in each.span.name or "/metrics" in each.span.name]
    assert {each.span.status.code for each in collector.received} == {Status.STATUS_CODE_UNSET}


def test_a_collector_that_is_away_holds_nothing_up(launch, photo, monkeypatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    server = launch(traces="otlp")
    assert server.client.post(STYLIZE, content=photo).is_success
    server.process.terminate()
    server.process.wait(20)
    assert not [line for line in server.log if "exception" in line]
