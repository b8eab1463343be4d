"""The pages that are made from the code say what it says now."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import PasticheError
from app.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"
REFERENCE = runpy.run_path(str(DOCS / "reference.py"))


@pytest.mark.parametrize(("name", "page"), REFERENCE["PAGES"].items())
def test_a_page_that_is_made_from_the_code_is_up_to_date(name: str, page: Callable[[], str]) -> None:
    assert (DOCS / name).read_text() == page(), f"run `make docs`, which writes docs/{name}"


def test_every_setting_is_listed() -> None:
    rows = [line for line in (DOCS / "configuration.md").read_text().splitlines() if line.startswith("| `PASTICHE_")]
    listed = [row.split("`")[1] for row in rows]
    assert sorted(listed) == sorted(f"PASTICHE_{name.upper()}" for name in Settings.model_fields)


def test_every_error_is_listed_with_its_status() -> None:
    rows = [line.split(" | ") for line in (DOCS / "errors.md").read_text().splitlines() if line.startswith("| ")]
    listed = {(int(status.strip("| ")), slug.strip("`")) for status, slug, *_ in rows if "status" not in status}
    assert listed == {(kind.status, kind.slug) for kind in REFERENCE["kinds"](PasticheError)}
