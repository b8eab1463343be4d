"""The pages of the documentation: their links lead somewhere, and the commands that they show exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from app.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for pattern in ("*.md", *(f"{top}/**/*.md" for top in ("docs", "app", "models")))
    for page in ROOT.glob(pattern)
)
# What these tell is of its day.
LOG = ROOT / "docs" / "log"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The text without blocks of code."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them: letters, digits, hyphens and underscores, in lower case."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = name = re.sub(r"[^\w -]", "", text).replace(" ", "-")
        number = 0
        while anchor in found:
            number += 1
            anchor = f"{name}-{number}"
        found.add(anchor)
    return found


def broken_links(page: Path) -> Iterator[str]:
    """Relative ones to a file that is not there, and to a heading that is not in it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `two`: three\n\n## Again\n\n## Again\n\n```sh\n# no heading\n```\n")
    links = ("#one-two-three", "page.md#again-1", "#no-heading", "page.md#again-2", "other.md", "https://example.org/x")
    page.write_text(page.read_text() + "".join(f"[link]({link})\n" for link in links))
    assert list(broken_links(page)) == ["#no-heading", "page.md#again-2", "other.md"]


def test_the_pages_that_the_code_names_exist() -> None:
    sources = [*ROOT.glob("app/**/*.py"), *ROOT.glob("benchmarks/**/*.py"), *PAGES, ROOT / "Makefile"]
    named = {(name, source) for source in sources for name in re.findall(r"\bdocs/[\w/-]+\.md\b", source.read_text())}
    assert [pair for pair in named if not (ROOT / pair[0]).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in ROOT.glob("docs/*.md")} - {"README.md"}
    assert [page for page in sorted(pages) if f"]({page})" not in index] == []


def shown_commands() -> Iterator[tuple[str, str]]:
    """Page and command, of all blocks for a shell, continued lines joined and comments left out."""
    for page in PAGES:
        for language, block in FENCE.findall(page.read_text()):
            if language == "sh" and LOG not in page.parents:
                for line in block.replace("\\\n", " ").splitlines():
                    yield from (
                        (page.name, part.strip()) for part in re.split(r"\s# | \| ", f" {line}")[:2] if part.strip()
                    )


def options_of(command: str) -> set[str]:
    return set(re.findall(r"(?<=\s)--?[a-z][\w-]*", command))


def known_commands(command: typer.core.TyperCommand, path: str) -> Iterator[tuple[str, set[str]]]:
    """Every command without commands of its own, with its options."""
    if isinstance(command, typer.core.TyperGroup):
        for name, child in command.commands.items():
            yield from known_commands(child, f"{path} {name}")
    else:
        yield path, {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_the_commands_shown_exist_with_their_options() -> None:
    known = dict(known_commands(typer.main.get_command(cli), "pastiche"))
    wrong, seen = [], 0
    for page, command in shown_commands():
        if (
            called := re.match(r"(?:torchrun .* -m app\.cli -- |pastiche )((?:train|models) \w+|\w+)", command)
        ) is None:
            continue
        seen += 1
        name = f"pastiche {called[1]}"
        given = options_of(command[called.end() :])
        if name not in known or given - known[name]:
            wrong.append((page, command))
    assert wrong == []
    assert seen > 20


def test_the_programs_shown_exist_with_their_options() -> None:
    wrong = []
    for page, command in shown_commands():
        if (called := re.match(r"python -m (benchmarks[.\w]*)", command)) is None:
            continue
        path = ROOT.joinpath(*called[1].split("."))
        files = [file for file in (path.with_suffix(".py"), path / "__main__.py") if file.exists()]
        # Its options are read from the whole of benchmarks: some programs share them.
        if not files or any(f'"{option}"' not in BENCHMARKS for option in options_of(command) - {"-m"}):
            wrong.append((page, command))
    assert wrong == []


BENCHMARKS = "".join(file.read_text() for file in ROOT.glob("benchmarks/**/*.py"))


def test_the_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", page.read_text(), flags=re.MULTILINE)
    }
    assert [(page, *names) for page, names in named if not {*names} - {""} <= targets] == []


def test_the_modules_and_names_of_the_map_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = {name: [ROOT / "app" / name, ROOT / name] for name in re.findall(r"`([\w/]+(?:\.py|/))`", text)}
    below = ("http/", "stylize/", "live/", "style_images/", "videos/", "jobs/", "admin/")  # of api/
    assert [name for name, places in modules.items() if name not in below and not any(p.exists() for p in places)] == []
    found = re.findall(r"`([\w/]+\.py)`: `(\w+)`", text)
    assert len(found) == 17
    for module, name in found:
        assert re.search(rf"^\s*(?:def|class) {name}\b", (ROOT / "app" / module).read_text(), flags=re.MULTILINE), name
