"""The tables of the README say what the code says, and its links and those of the other pages lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.api.schemas import OptionFields
from app.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]


def rows(first_column: str) -> list[list[str]]:
    """Cells of the table whose heading begins so."""
    [table] = re.findall(rf"^\| {first_column} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def test_every_option_is_listed_with_its_default() -> None:
    listed = {name.strip("`"): default.strip("`") for name, _, default in rows("option")}
    assert listed.keys() == OptionFields.model_fields.keys()
    for name in ("strength", "color", "stroke", "quality"):
        default = OptionFields.model_fields[name].default
        assert listed[name] == (f"{default:g}" if isinstance(default, float) else str(default))


COMMANDS = re.findall(r"(?:^|\| )pastiche ((?:models|train) \w+|\w+)", README, flags=re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_shown_exist(command: str) -> None:
    assert CliRunner().invoke(cli, [*command.split(), "--help"]).exit_code == 0


def test_the_options_shown_are_those_of_the_command() -> None:
    shown = set(re.findall(r"(--\w+|-[so]\b)", "".join(re.findall(r"pastiche (?:stylize|train) .*", README))))
    commands = (["stylize"], ["train", "full"], ["train", "add"])
    helps = "".join(CliRunner().invoke(cli, [*command, "--help"]).output for command in commands)
    assert shown <= set(re.findall(r"--\w+|-\w\b", helps))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_links_to_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_nothing_tells_to_install_the_stranger_of_our_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "pastiche-service"
    assert project["scripts"].keys() == {"pastiche"}
    sources = [*PAGES, ROOT / "Makefile", ROOT / "Dockerfile", *ROOT.glob("app/**/*.py"), *ROOT.glob("deploy/**/*.*")]
    told = [line for source in sources for line in source.read_text().splitlines() if "pip install" in line]
    # From the checkout only: `.`, with extras.
    assert [line for line in told if re.search(r"install .*\bpastiche\b(?!-)", line)] == []
