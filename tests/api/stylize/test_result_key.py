import asyncio
from types import SimpleNamespace

import pytest

from app.api.stylize.options import read_options
from app.api.stylize.result_key import HASHED_AT_ONCE, digest, etag_of, result_key
from app.registry.repository import Repository
from app.serving.catalogue import Catalogue, load_served_model

CPU = SimpleNamespace(device="cpu", gains_from_batches=False)
GPU = SimpleNamespace(device="cuda", gains_from_batches=True)
PHOTO = "0" * 64


@pytest.fixture(scope="module")
def options(models_dir):
    """options(query, accept) as a server on a processor reads them."""
    repository = Repository(models_dir)

    def read(query, accept="", stylizer=CPU):
        catalogue = Catalogue([load_served_model(repository.load(name), stylizer) for name in ("compact", "sketch")])
        return read_options([tuple(pair.split("=", 1)) for pair in query.split("&")], accept, catalogue, 2048)

    return read


@pytest.fixture
def key(options):
    return lambda query, accept="": result_key(PHOTO, options(query, accept), 2048)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("styles=great_wave",), ("styles=great_wave:7&strength=1&color=style&stroke=1.0&quality=90&model=compact@1",)),
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
        *(key(f"{plain}&{more}") for more in ("strength=0.5", "color=keep", "stroke=2", "size=512", "model=sketch")),
        *(key(f"{plain}&{more}") for more in ("quality=80", "format=png", "format=webp", "format=avif")),
        key(plain, "image/webp"),
        result_key("1" * 64, options(plain), 2048),
        result_key(PHOTO, options(plain), 1024),
        result_key(PHOTO, options(plain, "", GPU), 2048),
    ]
    same = keys.pop(keys.index(key(plain, "image/webp")))
    assert same in keys
    assert len(set(keys)) == len(keys)


def test_it_is_strong_where_equal_requests_have_equal_bytes(options):
    assert etag_of("abc", options("styles=great_wave")) == '"abc"'
    assert etag_of("abc", options("styles=great_wave", "", GPU)) == 'W/"abc"'


@pytest.mark.parametrize("size", [3, HASHED_AT_ONCE + 1])
def test_photos_are_told_apart_by_their_bytes(size):
    one, same, other = (asyncio.run(digest(bytes([byte]) * size)) for byte in (1, 1, 2))
    assert one == same != other
    assert len(one) == 64
