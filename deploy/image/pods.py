"""The chart's pods as `podman kube play` takes them: what is changed on the way, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from containers import REPOSITORY

RELEASE = "pastiche-test"
BLOBS = "pastiche-test-blobs"
# The network is the host's, which maps no ports; and podman's probes need systemd, and curl in the image.
LEFT_OUT = ("ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle")
Manifest = dict[str, Any]


def rendered(values: Path) -> list[Manifest]:
    command = [sys.executable, REPOSITORY / "deploy" / "render.py", "--release", RELEASE, values]
    return list(yaml.safe_load_all(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def pod_of(owner: Manifest) -> Manifest:
    """Of a Deployment or Job: podman 4.3 knows no Jobs, and has another name for a Deployment's pod."""
    template = owner["spec"]["template"]
    metadata = {"name": owner["metadata"]["name"], "labels": template["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def playable(pod: Manifest, secret: dict[str, str]) -> list[Manifest]:
    """What its pod needs beside itself, and the pod."""
    name = pod["metadata"]["name"]
    [container] = pod["spec"]["containers"]
    for part in LEFT_OUT:
        container.pop(part, None)
    renamed = {}
    for volume in pod["spec"]["volumes"]:
        # podman 4.3 makes an emptyDir a volume of that name, which is one for all pods.
        renamed[volume["name"]] = f"{name}-{volume['name']}"
        volume["name"] = renamed[volume["name"]]
        if "secret" in volume:
            # It mounts a Secret as it is written, in base64.
            volume["configMap"] = {"name": f"{name}-secret", "items": volume.pop("secret")["items"]}
    for mount in container["volumeMounts"]:
        mount["name"] = renamed[mount["name"]]
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-secret"}, "data": secret}, pod]


def claim() -> Manifest:
    """Of the blobs, which the chart takes for given. Owned as Kubernetes' fsGroup would have it."""
    annotations = {"volume.podman.io/uid": "10001", "volume.podman.io/gid": "10001"}
    wanted = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": BLOBS, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": wanted}
