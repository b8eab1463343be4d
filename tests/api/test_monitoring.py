"""Alerts, rules and the dashboard of deploy/: they name metrics that exist, and promtool finds nothing wrong."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.api.metrics import Metrics
from app.server.crowd import Crowd
from app.server.limits import limits_of
from app.settings import Settings

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "pastiche.json").read_text())
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
NAME = re.compile(r"\b((?:pastiche|process)_\w+|pastiche:[\w:]+)")
RULE = re.compile(r"- record: (\S+)")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def expressions():
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    queries = [
        variable["query"]["query"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"
    ]
    return [
        *panels,
        *queries,
        *((RULES / name).read_text() for name in ("recording.yaml", "alerts.yaml", "tests.yaml")),
        # Those of autoscalers.
        *re.findall(r"query: (.*)", (ROOT / "tests" / "deploy" / "rendered" / "keda.yaml").read_text()),
    ]


def alerts():
    return re.findall(r"- alert: (\w+)", (RULES / "alerts.yaml").read_text())


def test_alerts_and_dashboard_name_metrics_that_the_service_has(client, photo):
    client.post("/v1/stylize", params={"styles": "great_wave"}, content=photo)
    # Those of connections come from `pastiche serve`, which is not around this application.
    of_connections = Metrics()
    of_connections.watch_connections(lambda: 0, {"idle": 0})
    text = client.get("/metrics").text + generate_latest(of_connections.registry).decode()
    families = list(text_string_to_metric_families(text))
    known = {family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ())}
    known |= set(RULE.findall((RULES / "recording.yaml").read_text()))
    named = {name for text in expressions() for name in NAME.findall(text)}
    assert len(named) > 30
    assert named <= known


def test_every_metric_has_a_series_before_the_first_request_and_the_first_job():
    measured = Metrics()
    measured.watch_connections(lambda: 0, Crowd(limits_of(Settings())).ended)
    measured.watch_live([])
    measured.expect(["compact@1"])
    families = text_string_to_metric_families(generate_latest(measured.registry).decode())
    empty = {family.name for family in families if not family.samples}
    # Routes are many, and only those that are asked for are told of; nothing runs that has a speed.
    assert empty == {"pastiche_requests", "pastiche_request_seconds", "pastiche_jobs_seconds_per_iteration"}


def test_autoscalers_find_the_queue_of_every_kind_of_job_before_the_first_one():
    text = generate_latest(Metrics().registry).decode()
    for kind in ("gatys", "refinement", "stylize", "training", "video"):
        for figure in ("waiting", "running", "oldest_waiting_seconds"):
            assert f'pastiche_jobs_{figure}{{kind="{kind}"}} 0.0' in text


def test_the_latency_objective_is_the_bound_of_a_bucket(client):
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    bounds = {sample.labels.get("le") for sample in families["pastiche_request_seconds"].samples}
    assert set(re.findall(r'le="([^"]+)"', (RULES / "recording.yaml").read_text())) < bounds


def test_the_runbook_says_what_to_do_at_each_alert():
    assert re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE) == alerts()


def test_panels_of_the_dashboard_are_told_apart_and_do_not_overlap():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    covered = [
        (x, y)
        for panel in panels
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(covered)) == len(covered)
    assert max(x for x, _ in covered) < 24


@needs_promtool
def test_promtool_finds_the_rules_sound():
    subprocess.run(["promtool", "check", "rules", RULES / "recording.yaml", RULES / "alerts.yaml"], check=True)


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then():
    subprocess.run(["promtool", "test", "rules", "tests.yaml"], cwd=RULES, check=True)
