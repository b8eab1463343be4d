"""The chart of deploy/helm as plain manifests, by Helm's own library: for tests, and for `kubectl apply` without helm.

    python deploy/render.py my-values.yaml > manifests.yaml
    python deploy/render.py --lint my-values.yaml

It comes with pip install -e '.[dev]' in the checkout. Later files of values go before earlier ones.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

CHART = Path(__file__).parent / "helm"
# Of the lowest version that the chart allows.
KUBERNETES = "v1.30.0"
# A severity of helm lint: no more than a recommendation.
INFORMATION = 1


def merged(files: list[Path]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for file in files:
        values = over(values, yaml.safe_load(file.read_text()) or {})
    return values


def over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, and `above` where they differ; as Helm merges files of values."""
    both = {
        key: over(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], dict) and isinstance(above[key], dict)
    }
    return below | above | both


def rendered(values: dict[str, Any], release: str, namespace: str) -> str:
    """One YAML document per object, in the order of the templates' names.

    Raises:
        helm.HelmError: if a template or the schema refuses the values.
    """
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name=release, namespace=namespace)
    documents = [part.strip("\n") for text in files.values() for part in text.split("\n---\n")]
    kept = [part.removeprefix("---\n") for part in documents if yaml.safe_load(part) is not None]
    return "".join(f"---\n{part}\n" for part in kept)


def findings(values: dict[str, Any]) -> list[str]:
    """What `helm lint --strict` warns of."""
    report = helm.lint(CHART, values, strict=True, kube_version=KUBERNETES)
    messages = [f"{told['path']}: {told['error']}" for told in report["messages"] if told["severity"] > INFORMATION]
    return messages + report["errors"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("values", type=Path, nargs="*", help="files of values")
    parser.add_argument("--release", default="pastiche", help="name of the release")
    parser.add_argument("--namespace", default="pastiche")
    parser.add_argument(
        "--lint", action="store_true", help="say what helm lint --strict finds; exit with 1 if anything"
    )
    arguments = parser.parse_args()
    values = merged(arguments.values)
    if arguments.lint:
        found = findings(values)
        sys.exit("\n".join(found) or None)
    try:
        sys.stdout.write(rendered(values, arguments.release, arguments.namespace))
    except helm.HelmError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
