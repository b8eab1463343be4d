"""A model that is quick to load and paints something: random weights, two styles that differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import skimage
import torch

from app.nets.generators import Compact
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture, Style
from app.registry.publish import publish

OPTIONS = {"widths": (8, 16), "blocks": 1, "fine": 4}
STYLES = ("great_wave", "starry_night")


@pytest.fixture(scope="session")
def cli_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the one version compact@1."""
    root = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        generator = Compact(**OPTIONS)
        rows = StyleRows(len(STYLES), generator.features)
        with torch.no_grad():
            rows.gamma.uniform_(0.5, 1.5)
            rows.beta.normal_(0, 0.3)
    publish(
        root,
        "compact",
        generator,
        rows,
        architecture=Architecture(name="compact", options=OPTIONS),
        styles=tuple(Style(id=style, title=style) for style in STYLES),
        descriptor="none",
        recipe={},
        metrics={},
        extras={},
    )
    return root


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of freely licensed photographs in scikit-image's wheel."""
    return Path(skimage.__file__).parent / "data"


@pytest.fixture
def shell(cli_models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs `pastiche` as a process in an empty folder, the model at hand."""
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(cli_models))
    monkeypatch.setenv("PASTICHE_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)

    return run
