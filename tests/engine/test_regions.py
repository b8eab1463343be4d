"""Regions: their grammar, and how they are laid over the rest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.engine.region import (
    FEATHER,
    MAX_POINTS,
    MAX_REGIONS,
    Manner,
    Paintings,
    Region,
    blends_of,
    parse_regions,
    read_regions,
)
from app.errors import InvalidOption, UnknownStyle
from app.imaging.colour import lay_over
from app.imaging.picture import Picture
from app.imaging.polygon import Polygon

TRIANGLE = [[0, 0], [1, 0], [0.5, 1]]
REST = Manner({"udnie": 1.0}, 0.5, "keep")


def read(*regions, masks=None):
    def blend_of(styles):
        if styles == "unknown":
            raise UnknownStyle("There is no style 'unknown'.")
        return {styles: 1.0}

    return read_regions(parse_regions(json.dumps(regions)), REST, blend_of, masks or {})


def test_what_is_left_out_is_that_of_the_rest():
    area = Polygon(((0.0, 0.0), (1.0, 0.0), (0.5, 1.0)), FEATHER)
    assert read({"polygon": TRIANGLE}) == (Region(area, REST),)
    given = {"polygon": TRIANGLE, "feather": 0.2, "styles": "woodcut", "strength": 0, "color": "style"}
    assert read(given) == (Region(Polygon(area.points, 0.2), Manner({"woodcut": 1.0}, 0.0, "style")),)
    masked = read({"mask": "sky.png", "strength": 1}, masks={"sky.png": "region_mask-0"})
    assert masked == (Region("region_mask-0", Manner(REST.blend, 1.0, REST.color)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not valid JSON"),
        ("[" * 50_000, "not valid JSON"),
        ("{}", "`regions` should be a valid array"),
        ("[null]", "`regions[0]` should be an object"),
        ('[{"mask": "a", "mask": "b"}]', "twice"),
        ('[{"polygon": [[0, 0], [NaN, 0], [1, 1]]}]', "NaN, which is not a JSON number"),
        ('[{"polygon": [[0, 0], [1e999, 0], [1, 1]]}]', "`regions[0].polygon[1][0]`"),
        ("[{}]", "`regions[0]` has a `polygon` or a `mask`, and not both"),
        (json.dumps([{"polygon": TRIANGLE, "mask": "a"}]), "not both"),
        (json.dumps([{"polygon": TRIANGLE}, {"polygon": TRIANGLE[:2]}]), "`regions[1].polygon`"),
        (json.dumps([{"polygon": [[0, 0], [1, 0], [1, 1.01]]}]), "`regions[0].polygon[2][1]`"),
        (json.dumps([{"polygon": [[0, 0], [1, 0], [1, 1, 1]]}]), "`regions[0].polygon[2]`"),
        (json.dumps([{"polygon": [[0, 0], [1, 0], [True, 1]]}]), "`regions[0].polygon[2][0]`"),
        (json.dumps([{"polygon": [[0.5, 0.5]] * (MAX_POINTS + 1)}]), f"at most {MAX_POINTS} items"),
        (json.dumps([{"polygon": TRIANGLE}] * (MAX_REGIONS + 1)), f"at most {MAX_REGIONS} items"),
        (json.dumps([{"polygon": TRIANGLE, "strength": "1"}]), "`regions[0].strength`"),
        (json.dumps([{"polygon": TRIANGLE, "strength": 1.1}]), "`regions[0].strength`"),
        (json.dumps([{"polygon": TRIANGLE, "feather": 0.6}]), "`regions[0].feather`"),
        (json.dumps([{"mask": "a", "feather": 0.1}]), "with a `polygon` only"),
        (json.dumps([{"mask": ""}]), "`regions[0].mask`"),
        (json.dumps([{"polygon": TRIANGLE, "color": "red"}]), "`regions[0].color`"),
        (json.dumps([{"polygon": TRIANGLE, "stroke": 2}]), "`regions[0].stroke` is no member"),
        (json.dumps([{"mask": "sky.png"}]), "names the mask 'sky.png'"),
    ],
)
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(InvalidOption) as caught:
        read_regions(parse_regions(text), REST, lambda styles: {styles: 1.0}, {})
    assert said in str(caught.value)


def test_few_of_many_problems_are_told():
    with pytest.raises(InvalidOption) as caught:
        parse_regions(json.dumps([{"polygon": [[2, 2]] * MAX_POINTS}]))
    assert len(str(caught.value)) < 300


def test_a_mask_that_no_region_names_is_refused():
    with pytest.raises(InvalidOption, match=r"No region names .* 'ground.png'"):
        read({"mask": "sky.png"}, masks={"sky.png": "region_mask-0", "ground.png": "region_mask-1"})


def test_the_problem_with_a_style_has_the_number_of_its_region():
    with pytest.raises(UnknownStyle) as caught:
        read({"polygon": TRIANGLE}, {"polygon": TRIANGLE, "styles": "unknown"})
    assert caught.value.extra["region"] == 1


def test_each_blend_is_painted_once_and_only_where_it_has_strength():
    regions = [
        Region("a", Manner({"woodcut": 1.0}, 1.0, "style")),
        Region("b", Manner({"woodcut": 1.0}, 0.5, "keep")),
        Region("c", Manner({"udnie": 1.0}, 1.0, "style")),
        Region("d", Manner({"great_wave": 1.0}, 0.0, "style")),
    ]
    assert blends_of(REST, regions) == [{"udnie": 1.0}, {"woodcut": 1.0}]
    assert blends_of(Manner({"red_chalk": 1.0}, 0.0, "style"), regions) == [{"woodcut": 1.0}, {"udnie": 1.0}]
    assert blends_of(Manner({"red_chalk": 1.0}, 0.0, "style"), regions[3:]) == []


def test_regions_lie_over_the_rest_and_over_those_before_them():
    rng = np.random.default_rng(0)
    content, rest, first, second = (rng.integers(0, 256, (8, 12, 3), dtype=np.uint8) for _ in range(4))
    alpha = np.full((8, 12), 200, np.uint8)
    masks = {"left": np.zeros((8, 12), np.uint8), "middle": np.zeros((8, 12), np.uint8)}
    masks["left"][:, :6] = 255
    masks["middle"][2:6, 4:8] = 128
    paintings = Paintings([{"udnie": 1.0}, {"woodcut": 1.0}, {"great_wave": 1.0}], [rest, first, second])
    regions = [
        Region("left", Manner({"woodcut": 1.0}, 1.0, "style")),
        Region("middle", Manner({"great_wave": 1.0}, 0.5, "style")),
    ]
    before = [pixels.copy() for pixels in (content, rest, first, second)]
    manner = Manner({"udnie": 1.0}, 1.0, "style")
    result = paintings.composed(Picture(content, alpha), manner, regions, masks.__getitem__)

    expected = rest.copy()
    expected[:, :6] = first[:, :6]
    expected = lay_over(expected, lay_over(content, second, 0.5), 1.0, masks["middle"])
    np.testing.assert_array_equal(result.rgb, expected)
    np.testing.assert_array_equal(result.alpha, alpha)
    for pixels, kept in zip((content, rest, first, second), before, strict=True):
        np.testing.assert_array_equal(pixels, kept)
