"""Inputs small enough to measure in a test: four pictures under the names of unseen photos, four paintings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PHOTOS = ("lakeside.jpg", "golden_retriever.jpg", "airliner.jpg", "zebra.jpg")
STYLES = ("starry_night", "great_wave", "the_scream", "composition_vii")


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("inputs")
    y, x = np.mgrid[:48, :64]
    for folder, names in (("photos", PHOTOS), ("paintings", [f"{style}.png" for style in STYLES])):
        (root / folder).mkdir()
        for number, name in enumerate(names):
            rng = np.random.default_rng(number)
            waves = [np.sin(x * rng.uniform(0.05, 1) + y * rng.uniform(0.05, 1)) for _ in range(3)]
            pixels = np.stack(waves, axis=2) * 90 + 128 + rng.normal(0, 5, (48, 64, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / folder / name)
    return root


@pytest.fixture
def options(inputs: Path, models_dir: Path, random_descriptor: Path) -> list[str]:
    """What every benchmark of pictures takes."""
    given = {"photos": inputs / "photos", "paintings": inputs / "paintings", "descriptor": random_descriptor}
    return [part for name, value in (given | {"models": models_dir}).items() for part in (f"--{name}", str(value))]
