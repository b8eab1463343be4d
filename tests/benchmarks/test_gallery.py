"""The picture of the catalogue: which photos it takes, and what it says where they are missing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from benchmarks.quality import gallery


def test_the_photos_are_scikit_images() -> None:
    assert [path.name for path in gallery.free_photos() if path.is_file()] == list(gallery.FREE)


def test_without_scikit_image_it_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["gallery", str(tmp_path / "gallery.jpg")])
    with pytest.raises(SystemExit) as ended:
        gallery.main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2
    assert said.endswith(
        "scikit-image is not installed: `make test` installs it, or name photos of your own by --photos"
    )
