"""The photographs that ship: for the page, for previews and for sample sheets."""

from __future__ import annotations

from pathlib import Path

# Freely licensed; the folder's README.md says who took them.
FOLDER = Path(__file__).parents[1] / "web" / "samples"
SAMPLE_PHOTOS = tuple(FOLDER / f"{name}.jpg" for name in ("cat", "coffee", "rocket", "astronaut"))
