import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.schemas import OptionFields
from app.api.stylize.options import Options, read_fields, read_options
from app.errors import InvalidOption, NotAcceptable, UnknownStyle
from app.registry.repository import Repository
from app.serving.catalogue import Catalogue, load_served_model


@pytest.fixture(scope="module")
def read(models_dir):
    repository = Repository(models_dir)
    catalogue = Catalogue([load_served_model(repository.load(name), stylizer=None) for name in ("compact", "sketch")])

    def read(query, accept=""):
        pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")] if query else []
        return read_options(read_fields(OptionFields, pairs, 2048, 2048), accept, catalogue)

    return read


def test_defaults(read):
    assert read("styles=starry_night") == Options(
        model="compact@1",
        blend={"starry_night": 1.0},
        strength=1.0,
        color="style",
        stroke="auto",
        size=None,
        format="jpeg",
        quality=90,
        stylizer=None,
    )


def test_every_option(read):
    query = (
        "styles=charcoal:3,great_wave&strength=0.25&color=keep&stroke=1.5&size=640&model=sketch&format=png&quality=55"
        "&boldness=0.75"
    )
    assert read(query) == Options(
        model="sketch@1",
        blend={"charcoal": 0.75, "great_wave": 0.25},
        strength=0.25,
        color="keep",
        stroke=1.5,
        size=640,
        format="png",
        quality=55,
        stylizer=None,
        boldness=0.75,
    )


@pytest.mark.parametrize(
    ("option", "attribute", "value"),
    [
        ("strength=0", "strength", 0.0),
        ("strength=1", "strength", 1.0),
        ("strength=1e-3", "strength", 0.001),
        ("boldness=0", "boldness", 0.0),
        ("boldness=1", "boldness", 1.0),
        ("stroke=0.5", "stroke", 0.5),
        ("stroke=16", "stroke", 16.0),
        ("stroke=auto", "stroke", "auto"),
        ("stroke=0.5&size=1024", "size", 1024),
        ("stroke=2&size=2048", "size", 2048),
        ("size=16", "size", 16),
        ("size=2048", "size", 2048),
        ("quality=1", "quality", 1),
        ("quality=100", "quality", 100),
        ("model=compact@1", "model", "compact@1"),
        ("format=webp", "format", "webp"),
        ("format=jpg", "format", "jpeg"),
        ("format=JPG", "format", "jpeg"),
        ("format=image/jpg", "format", "jpeg"),
        ("format=Image/AVIF", "format", "avif"),
    ],
)
def test_the_edges_of_each_range_are_inside(read, option, attribute, value):
    assert getattr(read(f"styles=great_wave&{option}"), attribute) == value


@pytest.mark.parametrize(
    "option",
    [
        *("boldness=" + value for value in ["-0.001", "1.001", "nan", "", "very"]),
        *("strength=" + value for value in ["-0.001", "1.001", "nan", "inf", "-inf", "", "half", "0,5"]),
        *("stroke=" + value for value in ["0.49", "16.01", "0", "-1", "nan", "inf", "", "thick"]),
        *("size=" + value for value in ["15", "2049", "-512", "0", "512.5", "", "1e3", "9" * 400, "large"]),
        *("quality=" + value for value in ["0", "101", "-1", "90.5", "", "best"]),
        *("color=" + value for value in ["", "Keep", "photo"]),
        *("format=" + value for value in ["", "gif", "jpe", "image/", "image/gif"]),
        *("model=" + value for value in ["", "Compact", "compact@2", "compact@", "../compact", "x" * 500]),
    ],
)
def test_the_sentence_about_a_bad_value_names_its_option(read, option):
    with pytest.raises(InvalidOption) as caught:
        read(f"styles=great_wave&{option}")
    assert option.partition("=")[0] in caught.value.detail
    assert len(caught.value.detail) < 200


def test_the_size_with_fine_strokes_is_as_far_below_the_limit_as_they_are_fine(read):
    with pytest.raises(InvalidOption) as caught:
        read("styles=great_wave&size=1025&stroke=0.5")
    assert caught.value.detail == "`size` is at most 1024 pixels here with a `stroke` of 0.5."


def test_all_bad_values_are_told_at_once(read):
    with pytest.raises(InvalidOption) as caught:
        read("strength=2&quality=0")
    assert caught.value.detail == (
        "`styles` is missing. `strength` should be less than or equal to 1. "
        "`quality` should be greater than or equal to 1."
    )


def test_a_misspelt_option_is_not_passed_over(read):
    with pytest.raises(InvalidOption) as caught:
        read("styles=great_wave&strenght=0.5")
    assert caught.value.detail == "There is no option 'strenght'."
    assert caught.value.extra == {"nearest": ["strength", "stroke", "weights"]}


def test_an_option_given_twice_is_an_error_even_with_one_value(read):
    with pytest.raises(InvalidOption, match="`size` is given twice"):
        read("styles=great_wave&size=64&size=64")


def test_an_unknown_style_comes_with_the_nearest_names(read):
    with pytest.raises(UnknownStyle) as caught:
        read("styles=starry_nigth")
    assert caught.value.extra["nearest"][0] == "starry_night"


def test_a_style_of_another_model_is_unknown(read):
    with pytest.raises(UnknownStyle):
        read("styles=charcoal&model=compact")


def test_an_unknown_model_comes_with_those_there_are(read):
    with pytest.raises(InvalidOption) as caught:
        read("styles=great_wave&model=paper")
    assert caught.value.extra == {"models": ["compact@1", "sketch@1"]}


def test_accept_decides_only_where_format_does_not(read):
    assert read("styles=great_wave", "image/webp").format == "webp"
    assert read("styles=great_wave&format=png", "image/webp").format == "png"
    assert read("styles=great_wave&format=png", "application/json").format == "png"
    with pytest.raises(NotAcceptable):
        read("styles=great_wave", "application/json")


@given(name=st.text(), value=st.text())
def test_any_pair_of_words_gives_options_or_a_problem(read, name, value):
    for pairs in (f"styles=great_wave&{name}={value}", f"{name}={value}", f"styles={value}"):
        try:
            options = read(pairs.replace("&&", "&"))
        except (InvalidOption, ValueError):
            continue
        assert math.isclose(sum(options.blend.values()), 1)
