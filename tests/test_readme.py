"""The tables of the README say what the code says, and its links and those of the other pages lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

from app.api.schemas import OptionFields
from app.cli import cli
from app.errors import PasticheError
from app.machine import Machine
from app.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]
DESCRIBED = {
    "api_keys": "none",
    "trusted_proxies": "none",
    "models_dir": "`models` beside `app`",
    "models": "`compact`",
}


def rows(first_column: str) -> list[list[str]]:
    """Cells of the table whose heading begins so."""
    [table] = re.findall(rf"^\| {first_column} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def default_of(name: str) -> str:
    field = Settings.model_fields[name]
    if name in DESCRIBED:
        return DESCRIBED[name]
    if field.default is None:
        return "none"
    if field.default is not PydanticUndefined:
        return f"`{field.default}`"
    usual = field.get_default(call_default_factory=True)
    return "usable cores" if field.annotation is int else f"`{usual:g}`, less with little memory"


def kinds(error: type[PasticheError]) -> Iterator[type[PasticheError]]:
    if error.__module__ == PasticheError.__module__:  # tests may have kinds of their own
        yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


def test_every_setting_is_listed_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.settings.this_machine", lambda: Machine(2, 2, 2, None, None))
    listed = [(name, default) for name, default, _ in rows("variable")]
    assert listed == [(f"`PASTICHE_{name.upper()}`", default_of(name)) for name in Settings.model_fields]


def test_every_option_is_listed_with_its_default() -> None:
    listed = {name.strip("`"): default.strip("`") for name, _, default in rows("option")}
    assert listed.keys() == OptionFields.model_fields.keys()
    for name in ("strength", "color", "stroke", "quality"):
        default = OptionFields.model_fields[name].default
        assert listed[name] == (f"{default:g}" if isinstance(default, float) else str(default))


def test_every_error_is_listed_with_its_status() -> None:
    listed = {(int(status), slug.strip("`")) for status, slug, _ in rows("status")}
    assert listed == {(kind.status, kind.slug) for kind in kinds(PasticheError)}


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
