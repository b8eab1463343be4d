"""deploy/helm, rendered and linted by Helm's own library, in a process of its own: it brings the runtime of Go.

PASTICHE_WRITE_MANIFESTS=1 rewrites tests/deploy/rendered, when the chart changed on purpose.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app import __version__
from app.main import create_app
from app.server.config import SHUTDOWN_MARGIN_SECONDS
from app.settings import Settings

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
RENDER = REPOSITORY / "deploy" / "render.py"
VALUES = sorted((HERE / "values").glob("*.yaml"))
# Kubernetes' own kinds have schemas; those of KEDA and of the Prometheus operator do not come with a package.
FOREIGN = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
Manifest = dict[str, Any]
each_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


def render(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, RENDER, *arguments], capture_output=True, text=True, check=False)


@functools.cache
def rendered(values: Path) -> str:
    done = render("--namespace", "art", values)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifests(values: str | Path, kind: str = "") -> list[Manifest]:
    path = HERE / "values" / f"{values}.yaml" if isinstance(values, str) else values
    every = list(yaml.safe_load_all(rendered(path)))
    return [manifest for manifest in every if kind in ("", manifest["kind"])]


def pods(values: str | Path) -> dict[str, Manifest]:
    """Part -> its pod's specification."""
    owners = manifests(values, "Deployment") + manifests(values, "Job")
    return {owner["metadata"]["name"].rpartition("-")[2]: owner["spec"]["template"]["spec"] for owner in owners}


@each_values
def test_lint_finds_nothing(values: Path) -> None:
    done = render("--lint", values)
    assert (done.returncode, done.stderr) == (0, "")


@each_values
def test_it_renders_what_it_rendered_before(values: Path) -> None:
    golden = HERE / "rendered" / values.name
    if os.environ.get("PASTICHE_WRITE_MANIFESTS"):
        golden.write_text(rendered(values))
    assert rendered(values) == golden.read_text()


@each_values
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(values: Path, version: str) -> None:
    checked = 0
    for manifest in manifests(values):
        if manifest["apiVersion"] not in FOREIGN:
            kubernetes_validate.validate(manifest, version, strict=True)
            checked += 1
    assert checked >= 7


def test_an_unknown_field_is_found() -> None:
    [service] = manifests("defaults", "Service")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service | {"spec": {"port": 80}}, "1.30", strict=True)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("api: {replica: 3}", "replica"),
        ("autoscaling: {by: memory}", "autoscaling/by"),
        ('settings: {PASTICHE_MODELS: "*"}', "PASTICHE_MODELS"),
        ("settings: {BODY_MEGABYTES: 32}", "BODY_MEGABYTES"),
        ("secret: {databaseUrl: ''}", "databaseUrl"),
        ("image: {digest: latest}", "digest"),
    ],
)
def test_wrong_values_are_refused_by_name(values: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(values)
    done = render(file)
    assert done.returncode == 1
    assert told in done.stderr


def test_the_charts_version_of_the_service_is_this_one() -> None:
    assert yaml.safe_load((REPOSITORY / "deploy" / "helm" / "Chart.yaml").read_text())["appVersion"] == __version__


@each_values
def test_every_pod_may_run_in_a_restricted_namespace(values: Path) -> None:
    for part, pod in pods(values).items():
        assert pod["automountServiceAccountToken"] is False, part
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= container["resources"].keys()
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        # The image's user, by number.
        user = re.findall(r"^USER (\d+):(\d+)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
        assert user == [(str(pod["securityContext"]["runAsUser"]), str(pod["securityContext"]["runAsGroup"]))]


@each_values
def test_every_pod_gets_the_same_settings_and_the_service_knows_them(values: Path) -> None:
    [config] = manifests(values, "ConfigMap")
    known = {f"PASTICHE_{name.upper()}" for name in Settings.model_fields}
    assert config["data"].keys() <= known | {"AWS_DEFAULT_REGION", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    for part, pod in pods(values).items():
        [container] = pod["containers"]
        if part == "migration":
            assert {entry["name"]: entry["value"] for entry in container["env"]} == config["data"]
        else:
            assert container["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]
        [secrets] = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "secrets"]
        files = {f"/run/secrets/pastiche/{item['path']}" for item in secrets["items"]}
        assert files == {value for name, value in config["data"].items() if name.endswith("_FILE")}


@each_values
def test_a_server_has_the_time_to_end_as_it_wants_to(values: Path) -> None:
    [config] = manifests(values, "ConfigMap")
    pod = pods(values)["api"]
    own = [float(config["data"][f"PASTICHE_{name}_SECONDS"]) for name in ("DRAIN", "DEADLINE")]
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= before + sum(own) + SHUTDOWN_MARGIN_SECONDS


def test_who_scales_has_the_last_word_on_the_number_of_pods() -> None:
    def with_replicas(values: str) -> set[str]:
        return {owner["metadata"]["name"] for owner in manifests(values, "Deployment") if "replicas" in owner["spec"]}

    assert with_replicas("shared-folder") == {"pastiche-api", "pastiche-worker", "pastiche-trainer"}
    assert with_replicas("defaults") == {"pastiche-worker", "pastiche-trainer"}
    assert with_replicas("keda") == set()
    for values, kind in (("defaults", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")):
        targets = {scaler["spec"]["scaleTargetRef"]["name"] for scaler in manifests(values, kind)}
        owners = {owner["metadata"]["name"] for owner in manifests(values, "Deployment")}
        assert targets == owners - with_replicas(values)


def test_trainers_alone_are_scaled_to_none() -> None:
    least = {
        scaler["metadata"]["name"]: scaler["spec"]["minReplicaCount"] for scaler in manifests("keda", "ScaledObject")
    }
    assert least == {"pastiche-api": 2, "pastiche-worker": 1, "pastiche-trainer": 0}


def test_pods_with_gpus_ask_for_nodes_with_gpus() -> None:
    found = pods("keda")
    for part, own in (("worker", {"example.org/disk": "fast"}), ("trainer", {})):
        assert found[part]["nodeSelector"] == {"nvidia.com/gpu.present": "true"} | own
        assert found[part]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert "nvidia.com/gpu" in [toleration["key"] for toleration in found[part]["tolerations"]]
        assert found[part]["containers"][0]["image"] == "registry.example.org/pastiche:0.1.0-cuda"
    assert "nodeSelector" not in found["api"]
    assert "@sha256:" in found["api"]["containers"][0]["image"]


def test_the_ingress_lets_through_what_clients_ask_for_and_nothing_else() -> None:
    [ingress] = manifests("keda", "Ingress")
    [rule] = ingress["spec"]["rules"]
    paths = {(path["path"], path["pathType"]) for path in rule["http"]["paths"]}

    def open_to_clients(route: str) -> bool:
        return ("/", "Exact") in paths and (
            route == "/" or any(f"{route}/".startswith(f"{path}/") for path, kind in paths if kind == "Prefix")
        )

    # The page is no part of the document.
    routes = {*create_app(Settings()).openapi()["paths"], "/", "/web/main.js", "/docs", "/openapi.json"}
    assert {"/v1/stylize", "/metrics"} < routes
    assert {route for route in routes if not open_to_clients(route)} == {"/metrics"}


def test_the_ingress_leaves_the_limits_to_the_service() -> None:
    [ingress] = manifests("keda", "Ingress")
    annotations = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
    nginx = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    limits = Settings()
    assert annotations["proxy-body-size"] == re.findall(r"client_max_body_size (\w+);", nginx)[0]
    assert int(annotations["proxy-body-size"].removesuffix("m")) > limits.body_megabytes + limits.video_megabytes
    assert float(annotations["proxy-read-timeout"]) > limits.deadline_seconds


def test_the_network_lets_everybody_ask_servers_only() -> None:
    [every, servers] = manifests("keda", "NetworkPolicy")
    assert "ingress" not in every["spec"]
    assert every["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert servers["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "api"
    [deployment] = [found for found in manifests("keda", "Deployment") if found["metadata"]["name"] == "pastiche-api"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for policy in (every, servers):
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    [service] = manifests("keda", "Service")
    assert service["spec"]["selector"].items() <= labels.items()


# What two servers tell: the ledger's figures are the same at both, the engines' are their own.
SERIES = {
    "pastiche_queue_megapixels": {"": (12, 5)},
    "pastiche_jobs_waiting": {"gatys": (3, 3), "stylize": (2, 2), "training": (0, 0)},
    "pastiche_jobs_running": {"gatys": (1, 1), "stylize": (0, 0), "training": (1, 1)},
}
WANTED = {"api": 17, "worker": 6, "trainer": 1}


def series() -> Iterator[dict[str, str]]:
    for metric, kinds in SERIES.items():
        for kind, values in kinds.items():
            for instance, value in zip("ab", values, strict=True):
                labels = f'namespace="art",instance="{instance}"' + (f',kind="{kind}"' if kind else "")
                yield {"series": f"{metric}{{{labels}}}", "values": f"{value}x10"}
            yield {"series": f'{metric}{{namespace="other",instance="c",kind="{kind}"}}', "values": "99x10"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_queues_are_counted_as_prometheus_counts(tmp_path: Path) -> None:
    queries = {
        scaler["metadata"]["name"].rpartition("-")[2]: scaler["spec"]["triggers"][0]["metadata"]["query"]
        for scaler in manifests("keda", "ScaledObject")
    }
    samples = [
        {"expr": query, "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": WANTED[part]}]}
        for part, query in queries.items()
    ]
    tests = {"tests": [{"interval": "1m", "input_series": list(series()), "promql_expr_test": samples}]}
    file = tmp_path / "tests.yaml"
    file.write_text(json.dumps(tests))  # which is YAML
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
