"""Styles are found by what people call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.registry.manifest import Style
from app.registry.repository import read_manifest
from app.registry.style_search import matching, nearest
from app.settings import SHIPPED_MODELS

STYLES = (
    Style(id="haystacks", title="Haystacks", artist="Claude Monet"),
    Style(id="water_lilies", title="Water Lilies", artist="Claude Monet"),
    Style(id="basket_of_apples", title="The Basket of Apples", artist="Paul Cézanne"),
    Style(id="great_wave", title="The Great Wave off Kanagawa", artist="Katsushika Hokusai"),
    Style(id="untitled", title="Untitled"),
)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ("monet", ["haystacks", "water_lilies"]),
        ("Monet lilies", ["water_lilies"]),
        ("cezanne", ["basket_of_apples"]),
        ("CÉZANNE", ["basket_of_apples"]),
        ("great_wave", ["great_wave"]),
        ("wave off", ["great_wave"]),
        ("monet wave", []),
        ("", []),
        (" ", []),
        ("_", []),
    ],
)
def test_every_word_must_occur(wanted: str, ids: list[str]) -> None:
    assert [style.id for style in matching(wanted, STYLES)] == ids


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ("monet", ["haystacks", "water_lilies"]),
        ("monnet", ["haystacks", "water_lilies"]),
        ("Hokusay", ["great_wave"]),
        ("hay_stack", ["haystacks"]),
        ("the great wave", ["great_wave"]),
        ("x" * 1000, []),
        ("\0", []),
        ("", []),
    ],
)
def test_the_nearest(wanted: str, ids: list[str]) -> None:
    assert nearest(wanted, STYLES) == ids


def test_both_monets_that_ship_are_found() -> None:
    newest = max((SHIPPED_MODELS / "compact").iterdir(), key=lambda folder: int(folder.name))
    assert nearest("monet", read_manifest(newest).styles) == ["haystacks", "water_lilies"]


@pytest.mark.parametrize("folder", sorted(SHIPPED_MODELS.glob("*/*/manifest.json")), ids=lambda file: file.parts[-3])
def test_every_style_that_ships_says_what_allows_its_use(folder: Path) -> None:
    assert [style.id for style in read_manifest(folder.parent).styles if not style.licence] == []
