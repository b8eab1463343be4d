import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture
def log_of(client):
    """Send a request and give the lines that it wrote."""

    def log_of(method, path, **options):
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
            client.request(method, path, headers={"X-Request-ID": "abc"}, **options)
            # A line is written after its answer was sent, but before the next request is looked at.
            client.get("/healthz/live")
        return [line for line in captured if line["request_id"] == "abc"]

    return log_of


def test_one_line_for_a_request(log_of):
    [line] = log_of("GET", "/v1/styles?model=compact")
    assert line.pop("seconds") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "abc",
        "method": "GET",
        "path": "/v1/styles",
        "status": 200,
        "client": "127.0.0.1",
    }


def test_a_problems_line_tells_what_the_client_is_not_told(log_of, photo):
    [line] = log_of("POST", "/v1/stylize?styles=great_wave", content=photo[:70])
    assert (line["problem"], line["status"]) == ("broken-picture", 422)
    assert line["detail"] == "The picture ends before it is complete."
    assert line["private"]


def test_probes_are_quiet(log_of):
    assert [line["log_level"] for line in log_of("GET", "/healthz/live")] == ["debug"]


def samples(client):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_not_by_path(connect, photo):
    client = connect()
    for path in ("/v1/styles/starry_night", "/v1/styles/nothing", "/v1/styles/else", "/nowhere/1", "/nowhere/2"):
        client.get(path)
    client.head("/v1/styles")
    assert client.post("/v1/stylize?styles=great_wave", content=photo).status_code == 200
    counted = samples(client)
    assert counted["pastiche_requests_total", "GET", "/v1/styles/{style_id}", "200"] == 1
    assert counted["pastiche_requests_total", "GET", "/v1/styles/{style_id}", "404"] == 2
    assert counted["pastiche_requests_total", "GET", "unmatched", "404"] == 2
    assert counted["pastiche_requests_total", "HEAD", "/v1/styles", "200"] == 1
    assert counted["pastiche_requests_total", "POST", "/v1/stylize", "200"] == 1
    assert counted["pastiche_problems_total", "not-found"] == 4
    assert counted["pastiche_painted_megapixels_total", "compact@1"] == pytest.approx(48 * 32 / 1e6)
    for stage in ("upload", "queue", "decode", "engine", "colour", "encode"):
        assert counted["pastiche_stage_seconds_count", stage] == 1
    assert counted["pastiche_requests_in_flight",] == 1  # the scrape itself
    for idle in ("queue_megapixels", "queue_pictures", "batch_pictures", "codec_steps", "upload_bytes"):
        assert counted[f"pastiche_{idle}",] == 0
    assert counted["pastiche_engine_ready",] == 1
    assert counted["pastiche_engine_megapixels_per_second",] > 0


def test_two_applications_in_one_process_count_apart(connect, client):
    assert ("pastiche_requests_total", "GET", "/v1/styles", "200") not in samples(connect())
