"""The README is short, and its tables and commands say what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from app.api.schemas import OptionFields

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def rows(first_column: str) -> list[list[str]]:
    """Cells of the table whose heading begins so."""
    [table] = re.findall(rf"^\| {first_column} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def test_it_can_be_read_in_one_go() -> None:
    assert len(README.splitlines()) < 200


def test_every_option_is_listed_with_its_default() -> None:
    listed = {name.strip("`"): default.strip("`") for name, _, default in rows("option")}
    assert listed.keys() == OptionFields.model_fields.keys()
    for name in ("strength", "color", "stroke", "quality"):
        default = OptionFields.model_fields[name].default
        assert listed[name] == (f"{default:g}" if isinstance(default, float) else str(default))


def test_nothing_tells_to_install_the_stranger_of_our_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "pastiche-service"
    assert project["scripts"].keys() == {"pastiche"}
    deployed = [path for path in ROOT.glob("deploy/**/*.*") if path.suffix != ".pyc"]
    sources = [*PAGES, ROOT / "Makefile", ROOT / "Dockerfile", *ROOT.glob("app/**/*.py"), *deployed]
    told = [line for source in sources for line in source.read_text().splitlines() if "pip install" in line]
    # From the checkout only: `.`, with extras.
    assert [line for line in told if re.search(r"install .*\bpastiche\b(?!-)", line)] == []
