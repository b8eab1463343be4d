"""The grammar of blends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.blend import handles_in, parse_blend
from app.errors import InvalidOption, UnknownStyle

KNOWN = ("starry_night", "great_wave", "scream")


@pytest.mark.parametrize(
    ("text", "blend"),
    [
        ("starry_night", {"starry_night": 1.0}),
        ("starry_night:3", {"starry_night": 1.0}),
        ("starry_night:0.75,great_wave:0.25", {"starry_night": 0.75, "great_wave": 0.25}),
        ("starry_night:3,great_wave:1", {"starry_night": 0.75, "great_wave": 0.25}),
        ("starry_night,great_wave", {"starry_night": 0.5, "great_wave": 0.5}),
        ("starry_night,great_wave:3", {"starry_night": 0.25, "great_wave": 0.75}),
        (" starry_night : 3. , great_wave : 1e0 ", {"starry_night": 0.75, "great_wave": 0.25}),
        ("scream:.5", {"scream": 1.0}),
        ("scream:1e99,great_wave:1e99", {"scream": 0.5, "great_wave": 0.5}),
        ("scream:1e-7,great_wave:3E-7", {"scream": 0.25, "great_wave": 0.75}),
    ],
)
def test_weights_are_normalised(text: str, blend: dict[str, float]) -> None:
    assert parse_blend(text, KNOWN) == pytest.approx(blend, rel=1e-12)


HANDLE = "style:0123456789abcdef0123456789abcdef"
OTHER = "style:" + "1" * 32


@pytest.mark.parametrize(
    ("text", "blend"),
    [
        (HANDLE, {HANDLE: 1.0}),
        (f" {HANDLE} : 3 , scream:1 ", {HANDLE: 0.75, "scream": 0.25}),
        (f"{OTHER}:0.5,{HANDLE}:0.5", {OTHER: 0.5, HANDLE: 0.5}),
    ],
)
def test_a_handle_stands_where_a_style_may(text: str, blend: dict[str, float]) -> None:
    assert parse_blend(text, [*KNOWN, HANDLE, OTHER]) == pytest.approx(blend)
    assert set(handles_in(text)) == set(blend) - set(KNOWN)


def test_a_style_called_style_keeps_its_weight() -> None:
    text = "style:12345678901234567890.1234567890,scream:12345678901234567890.1234567890"
    assert parse_blend(text, ["style", *KNOWN]) == {"style": 0.5, "scream": 0.5}
    assert handles_in(text) == []


@pytest.mark.parametrize("text", [HANDLE, HANDLE[:-1], HANDLE + "0", HANDLE.upper(), HANDLE + "::1", "style:"])
def test_what_is_no_known_handle_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        parse_blend(text, KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "scream,",
        ":0.5",
        "scream:",
        "scream:-1",
        "scream:nan",
        "scream:inf",
        "scream:1_0",
        "scream:٣",
        "scream:0x1",
        "scream:1e999",
        "scream:1:2",
        "scream:0",
        "scream:1,great_wave:0",
        "scream:0.0e9",
        "scream,scream",
        "scream:0.5,scream:0.5",
        f"scream:{'9' * 400}",
    ],
)
def test_what_is_no_blend_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        parse_blend(text, KNOWN)
    assert not isinstance(refusal.value, UnknownStyle)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("stary_night", ["starry_night"]), ("Great_Wave", ["great_wave"]), ("scream:1,wave", []), ("mona_lisa", [])],
)
def test_an_unknown_style_names_the_nearest(text: str, nearest: list[str]) -> None:
    with pytest.raises(UnknownStyle) as refusal:
        parse_blend(text, KNOWN)
    assert refusal.value.extra == {"nearest": nearest}
    assert all(style in refusal.value.detail for style in nearest[:1])


def test_a_long_unknown_style_is_said_back_cut_short() -> None:
    with pytest.raises(UnknownStyle) as refusal:
        parse_blend("x" * 100_000, KNOWN)
    assert len(refusal.value.detail) < 100


@given(st.text(alphabet="scream:,.0123456789eE+- \nx"))
def test_any_text_is_a_blend_or_an_invalid_option(text: str) -> None:
    try:
        blend = parse_blend(text, KNOWN)
    except InvalidOption:
        return
    assert blend
    assert set(blend) <= set(KNOWN)
    assert all(weight > 0 for weight in blend.values())
    assert sum(blend.values()) == pytest.approx(1)


def test_an_unknown_style_is_said_back_without_control_characters() -> None:
    with pytest.raises(UnknownStyle) as refusal:
        parse_blend("\x1b[2J\u202e", KNOWN)
    assert refusal.value.detail == r"There is no style '\x1b[2J\u202e'."
