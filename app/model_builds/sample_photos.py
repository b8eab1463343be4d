"""The photographs that ship: the page offers them, previews and sample sheets are painted from them."""

from __future__ import annotations

from pathlib import Path

# Freely licensed; the folder's README.md says who took them.
FOLDER = Path(__file__).parents[1] / "web" / "samples"
SAMPLE_PHOTOS = tuple(FOLDER / f"{name}.jpg" for name in ("cat", "coffee", "rocket", "astronaut"))
