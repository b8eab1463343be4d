"""Clips to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import MakeClip, panned
from numpy.typing import NDArray

from app.video.writing import write_clip


@pytest.fixture
def make_clip(astronaut: NDArray[np.uint8], tmp_path: Path) -> MakeClip:
    """A clip of six frames in that format."""

    def make(format: str, name: str = "clip") -> Path:
        path = tmp_path / f"{name}.{format}"
        write_clip(path, format, panned(astronaut), 100)
        return path

    return make
