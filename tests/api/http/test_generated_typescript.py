"""Types that are generated from the OpenAPI document, and the example that is compiled with them, run by Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SOURCE = Path(__file__).parents[3] / "clients" / "typescript"


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    folder = tmp_path_factory.mktemp("typescript") / "client"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules", "built", "schema.d.ts"))
    installed = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
    if installed.returncode and "network" in installed.stderr:
        pytest.skip("npm's registry cannot be reached")
    assert installed.returncode == 0, installed.stderr
    return folder


def test_the_example_is_compiled_strictly_and_does_what_it_says(package, client, photo):
    service = str(client.base_url)
    (package / "photo.png").write_bytes(photo)
    for command in (["node", "generate.mjs", service], ["node", "node_modules/typescript/bin/tsc"]):
        subprocess.run(command, cwd=package, check=True)
    command = ["node", "built/example.js", service, "photo.png", "photo.png"]
    told = json.loads(subprocess.run(command, cwd=package, check=True, stdout=subprocess.PIPE).stdout)
    styles = [style["id"] for style in client.get("/v1/styles").json()["styles"]]
    expected = client.post(
        "/v1/stylize", params={"styles": styles[0], "size": 64, "format": "png"}, content=photo
    ).content
    assert told == {
        "styles": styles,
        "stylized": {"type": "image/png", "bytes": len(expected)},
        "misspelt": "/problems/unknown-style",
        "created": {"kind": "gatys", "status": "queued"},
        "cancelled": "cancelled",
    }
