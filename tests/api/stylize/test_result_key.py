import asyncio
from dataclasses import replace
from importlib.metadata import version

import pytest
import torch

from app.api.schemas import OptionFields
from app.api.stylize.options import read_fields, read_options
from app.api.stylize.result_key import HASHED_AT_ONCE, PACKAGES, digest, etag_of, makers, result_key
from app.engine.device import Device
from app.engine.stylizer import Stylizer
from app.nets.norm import StyleRows
from app.registry.manifest import Style
from app.registry.repository import Repository
from app.serving.catalogue import Catalogue, load_served_model

EDGES = (4096, 2048)
PHOTO = "0" * 64
CPU = Device(torch.device("cpu"), torch.float32, "cpu")
GPU = Device(torch.device("cpu"), torch.float32, "a pretended GPU")


class Batching(Stylizer):
    gains_from_batches = True


def catalogue(models, device=CPU):
    kind = Batching if device is GPU else Stylizer
    return Catalogue(
        [load_served_model(each, kind(each.generator, each.rows, each.manifest.style_ids, device)) for each in models]
    )


def read(query, accept, offered):
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")]
    return read_options(read_fields(OptionFields, pairs, *EDGES), accept, offered)


@pytest.fixture(scope="module")
def options(models_dir):
    """options(query, accept) as a server on a processor reads them."""
    repository = Repository(models_dir)
    offered = {device: catalogue(map(repository.load, ("compact", "sketch")), device) for device in (CPU, GPU)}
    return lambda query, accept="", device=CPU: read(query, accept, offered[device])


@pytest.fixture
def key(options):
    return lambda query, accept="": result_key(PHOTO, options(query, accept), EDGES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            ("styles=great_wave",),
            ("styles=great_wave:7&strength=1&color=style&stroke=auto&quality=90&model=compact@1",),
        ),
        (("styles=great_wave:1,the_scream:3",), ("styles=the_scream:0.75,great_wave:0.25",)),
        (
            ("styles=great_wave:0.1,the_scream:0.2,starry_night:0.3",),
            ("styles=starry_night:0.3,the_scream:0.2,great_wave:0.1",),
        ),
        (("styles=great_wave&format=webp",), ("styles=great_wave", "image/webp, image/jpeg;q=0.5")),
        (("styles=great_wave", "*/*"), ("styles=great_wave", "image/jpeg")),
        (("styles=great_wave&format=png&quality=10",), ("styles=great_wave&format=png",)),
    ],
)
def test_the_same_in_other_words_is_the_same(key, one, other):
    assert key(*one) == key(*other)


def test_whatever_changes_the_answer_changes_the_key(options, key):
    plain = "styles=great_wave"
    keys = [
        key(plain),
        key("styles=the_scream"),
        key("styles=great_wave,the_scream"),
        key("styles=great_wave:2,the_scream"),
        *(
            key(f"{plain}&{more}")
            for more in (
                "strength=0.5",
                "boldness=0.5",
                "color=keep",
                "stroke=1",
                "stroke=2",
                "size=512",
                "model=sketch",
            )
        ),
        *(key(f"{plain}&{more}") for more in ("quality=80", "format=png", "format=webp", "format=avif")),
        key(plain, "image/webp"),
        result_key("1" * 64, options(plain), EDGES),
        result_key(PHOTO, options(plain), (1024, 2048)),
        result_key(PHOTO, options(plain), (4096, 1024)),
        result_key(PHOTO, options(plain, "", GPU), EDGES),
    ]
    same = keys.pop(keys.index(key(plain, "image/webp")))
    assert same in keys
    assert len(set(keys)) == len(keys)


def appended(model, version, styles):
    """The next version of a model: the same, with more rows."""
    rows = StyleRows(len(model.manifest.styles) + len(styles), model.generator.features)
    with torch.no_grad():
        rows.gamma[: len(model.manifest.styles)] = model.rows.gamma
        rows.beta[: len(model.manifest.styles)] = model.rows.beta
    manifest = model.manifest.model_copy(
        update={"version": version, "styles": (*model.manifest.styles, *(Style(id=id, title=id) for id in styles))}
    )
    return replace(model, manifest=manifest, rows=rows)


def test_a_version_with_one_more_style_leaves_the_keys_of_the_others_alone(models_dir):
    model = Repository(models_dir).load("compact")
    now, then = catalogue([model]), catalogue([appended(model, 2, ["new"])])
    for query in ("styles=great_wave", "styles=great_wave:1,the_scream:3&strength=0.5"):
        assert result_key(PHOTO, read(query, "", now), EDGES) == result_key(PHOTO, read(query, "", then), EDGES)
    assert read("styles=great_wave", "", then).model == "compact@2"


@pytest.mark.parametrize("changed", ["gamma", "beta", "generator"])
def test_other_weights_have_another_key(models_dir, changed):
    key = {}
    for step in (0.0, 1e-6):
        model = Repository(models_dir).load("compact")
        with torch.no_grad():
            if changed == "generator":
                next(model.generator.parameters()).flatten()[0] += step
            else:
                getattr(model.rows, changed)[1, 0] += step
        key[step] = [
            result_key(PHOTO, read(f"styles={style}", "", catalogue([model])), EDGES)
            for style in ("great_wave", "the_scream")
        ]
    assert key[0.0][0] != key[1e-6][0]
    assert (key[0.0][1] == key[1e-6][1]) is (changed != "generator")


@pytest.mark.parametrize("package", PACKAGES)
def test_another_version_of_what_computes_it_has_another_key(options, monkeypatch, package):
    plain = options("styles=great_wave")
    before = result_key(PHOTO, plain, EDGES)
    monkeypatch.setattr("app.api.stylize.result_key.version", lambda name: "9" if name == package else version(name))
    monkeypatch.setattr("app.api.stylize.result_key.MAKERS", makers())
    assert result_key(PHOTO, plain, EDGES) != before


def test_a_package_that_is_not_there_stops_nothing():
    assert makers(["no-such-package"])[1] == "no-such-package "


def test_it_is_strong_where_equal_requests_have_equal_bytes(options):
    assert etag_of("abc", options("styles=great_wave")) == '"abc"'
    assert etag_of("abc", options("styles=great_wave", "", GPU)) == 'W/"abc"'


@pytest.mark.parametrize("size", [3, HASHED_AT_ONCE + 1])
def test_photos_are_told_apart_by_their_bytes(size):
    one, same, other = (asyncio.run(digest(bytes([byte]) * size)) for byte in (1, 1, 2))
    assert one == same != other
    assert len(one) == 64
