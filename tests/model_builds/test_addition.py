"""From a painting to a gated version: only rows are added, whatever interrupts it."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from app.model_builds.addition import (
    Addition,
    UnusableAddition,
    add_styles,
    build_trainer,
    encoded_rows,
    steps_within,
)
from app.model_builds.pictures import gather
from app.model_builds.progress import TrainingStopped
from app.model_builds.sample_photos import SAMPLE_PHOTOS
from app.nets.descriptor import load_descriptor
from app.nets.generators import Johnson
from app.nets.style_encoder import StyleEncoder
from app.registry.encoders import Encoder
from app.registry.repository import Repository
from app.training.inspection import UnusablePhotos
from app.training.paintings import StyleImage
from app.training.recipe import UnusableRecipe, add_recipe
from app.training.run import CHECKPOINT, UnusableRun

pytestmark = pytest.mark.usefixtures("one_thread")  # around the fixtures of the module, too

MEMBERS = {"steps": 6, "batch": 1, "crop": 64, "stroke": 64}


def picture(seed: int, size: tuple[int, int] = (160, 140)) -> Image.Image:
    rng = np.random.default_rng(seed)
    tiles = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(tiles).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def painting(tmp_path_factory) -> StyleImage:
    path = tmp_path_factory.mktemp("paintings") / "1.png"
    picture(1).save(path)
    return StyleImage("harbour", path, "Harbour", "A. Painter", 1901, "public domain")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(12):
        picture(10 + number).save(folder / f"{number:02d}.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def addition(models_dir, random_descriptor, painting) -> Addition:
    base = Repository(models_dir).load("compact")
    descriptor = load_descriptor(load_file(random_descriptor))
    return Addition(base, (painting,), descriptor, "random", add_recipe({}, MEMBERS))


def watched(addition, folder, stop=lambda: False):
    told = []
    return add_styles(addition, folder, told.append, stop), told


@pytest.fixture(scope="module")
def added(addition, tmp_path_factory):
    """The candidate, what was told on the way, and the folder of the run."""
    folder = tmp_path_factory.mktemp("added")
    return *watched(addition, folder), folder


def weights(candidate):
    return {name: tensor.clone() for name, tensor in candidate.draft.tensors.items()}


def test_the_version_has_the_old_styles_to_the_bit_and_the_new_one(added, addition, tmp_path):
    candidate, _, _ = added
    folder = candidate.publish(tmp_path, version=7)
    assert folder == tmp_path / "compact" / "7"
    model = Repository(tmp_path).load("compact@7")
    base = addition.base
    assert model.manifest.style_ids == (*base.manifest.style_ids, "harbour")
    before, after = (load_file(f / "model.safetensors") for f in (base.folder, folder))
    for name, tensor in before.items():
        assert torch.equal(after[name][: len(tensor)], tensor), name
    assert model.preview("starry_night").read_bytes() == base.preview("starry_night").read_bytes()


def test_the_version_tells_where_its_style_comes_from(added, addition, painting):
    candidate, _, _ = added
    style = candidate.manifest.styles[-1]
    assert (style.title, style.artist, style.year, style.licence) == ("Harbour", "A. Painter", 1901, "public domain")
    [appended] = candidate.manifest.additions
    assert appended.base == "compact@1"
    assert appended.base_sha256 == addition.base.manifest.files["model.safetensors"].sha256
    origin = appended.styles["harbour"]
    assert origin.painting_sha256 == hashlib.sha256(painting.path.read_bytes()).hexdigest()
    assert origin.started_from in addition.base.manifest.style_ids
    assert (appended.descriptor, appended.pictures) == ("random", "the built-in pictures")
    assert appended.recipe["steps"] == 6
    card = candidate.draft.contents["card.md"].decode()
    assert "## Added to compact@1" in card
    assert "Harbour, A. Painter, 1901" in card


def test_a_style_starts_from_what_an_encoder_reads(addition, random_descriptor, tmp_path):
    """Whichever styles the model has, and however many."""
    torch.manual_seed(0)
    features = addition.base.generator.features
    encoder = StyleEncoder({"relu1_1": 6}, features, rank=2, hidden=8, bottleneck=3).requires_grad_(False)
    manifest = SimpleNamespace(label="encoder@3", stroke=64)
    found = Encoder(manifest, load_descriptor(load_file(random_descriptor)), encoder)
    changed = replace(addition, encoder=found)
    gamma, beta = encoded_rows(changed)
    assert gamma.shape == beta.shape == (1, features)
    trainer = build_trainer(changed, gather(None, (), 1, changed.recipe), lambda _: None)
    assert torch.equal(trainer.rows.gamma, gamma)
    assert torch.equal(trainer.rows.beta, beta)
    candidate = add_styles(changed, tmp_path, lambda _: None)
    origin = candidate.manifest.additions[-1].styles["harbour"]
    assert (origin.started_from, origin.encoder) == (None, "encoder@3")
    assert "what encoder@3 read from the style image" in candidate.draft.contents["card.md"].decode()
    nearest = replace(changed, recipe=changed.recipe.model_copy(update={"start": "nearest"}))
    assert encoded_rows(nearest) is None


def test_the_report_is_in_the_manifest(added):
    candidate, _, _ = added
    assert candidate.report.passed
    gates = candidate.manifest.metrics["gates"]
    assert gates == candidate.report.as_json()
    json.dumps(gates, allow_nan=False)
    assert gates["figures"]["golden_styles"] == 4
    assert len(gates["figures"]["gatys_equivalents"]["harbour"]) == 3
    files = gates["figures"]["files"]
    assert files["model.safetensors"]["sha256"] == candidate.manifest.files["model.safetensors"].sha256


def test_progress_is_told_step_by_step(added):
    _, told, folder = added
    assert list(dict.fromkeys(progress.stage for progress in told)) == ["start", "train", "gates"]
    assert len([progress for progress in told if progress.stage == "start"]) > 1
    assert [progress.step for progress in told if progress.stage == "train"] == [1, 2, 3, 4, 5, 6]
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert all(progress.run.folder == folder for progress in told if progress.stage == "train")
    assert all({"total", "style", "content"} <= p.losses.keys() for p in told if p.stage == "train")
    assert len((folder / "losses.jsonl").read_text().splitlines()) == 6
    assert list((folder / "sheets").glob("*.jpg"))


def test_an_addition_that_is_stopped_goes_on_elsewhere_to_the_same_version(added, addition, tmp_path):
    candidate, _, _ = added
    told = []
    with pytest.raises(TrainingStopped):
        add_styles(addition, tmp_path / "first", told.append, lambda: told[-1].step == 3)
    assert told[-1].step == 3
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / CHECKPOINT).write_bytes((tmp_path / "first" / CHECKPOINT).read_bytes())
    again, told = watched(addition, tmp_path / "second")
    assert [progress.step for progress in told if progress.stage == "train"] == [4, 5, 6]
    assert again.draft.contents["model.safetensors"] == candidate.draft.contents["model.safetensors"]


def test_an_exception_of_the_watch_leaves_a_checkpoint_behind(addition, tmp_path):
    class Cancelled(Exception):
        pass

    def watch(progress):
        if progress.step == 2 and progress.stage == "train":
            raise Cancelled

    with pytest.raises(Cancelled):
        add_styles(addition, tmp_path, watch)
    _, told = watched(addition, tmp_path)
    assert [progress.step for progress in told if progress.stage == "train"] == [3, 4, 5, 6]


def test_it_can_be_stopped_while_the_gates_are_passed(added, addition, tmp_path):
    candidate, _, folder = added
    (tmp_path / CHECKPOINT).write_bytes((folder / CHECKPOINT).read_bytes())
    told = []
    with pytest.raises(TrainingStopped):
        add_styles(addition, tmp_path, told.append, lambda: told[-1].stage == "gates")
    again, _ = watched(addition, tmp_path)
    assert again.draft.contents["model.safetensors"] == candidate.draft.contents["model.safetensors"]


@pytest.mark.parametrize(
    ("seconds", "pace", "spent", "expected"), [(60, 0.25, 5, 195), (60, 0.25, 59, 40), (600, 2.0, 30, 260)]
)
def test_the_start_and_the_gates_are_part_of_the_minutes(seconds, pace, spent, expected):
    assert steps_within(seconds, pace, lambda: spent) == expected


def test_minutes_become_steps_that_a_continued_run_keeps(addition, tmp_path):
    timed = replace(addition, recipe=add_recipe({}, MEMBERS | {"minutes": 1e-6}))
    told = []
    with pytest.raises(TrainingStopped):
        add_styles(timed, tmp_path, told.append, lambda: told[-1].step == 1)
    assert told[-1].steps == 40  # the fewest
    longer = replace(addition, recipe=timed.recipe.model_copy(update={"steps": 9}))
    told.clear()
    with pytest.raises(TrainingStopped):
        add_styles(longer, tmp_path, told.append, lambda: told[-1].step == 2)
    assert (told[-1].step, told[-1].steps) == (2, 40)


def test_photos_that_are_kept_out_are_scored_on(addition, photos, tmp_path):
    """Three at the least, since the gates want three."""
    candidate, _ = watched(replace(addition, photos=photos, exclude=["03.jpg", "nowhere.jpg"]), tmp_path)
    style = candidate.manifest.styles[-1]
    assert style.losses.style > 0
    assert candidate.manifest.additions[0].pictures == "9 photos"
    assert "Photos: 03.jpg, 00.jpg, 06.jpg." in candidate.draft.contents["card.md"].decode()


def size_of(jpeg):
    return Image.open(io.BytesIO(jpeg)).size


def test_the_preview_of_a_new_style_is_painted_from_a_photo_that_ships(added):
    candidate, _, folder = added
    assert candidate.manifest.styles[-1].preview == "previews/harbour.jpg"
    assert size_of(candidate.draft.contents["previews/harbour.jpg"]) == (384, 255)  # the cat's shape
    # And so are the sheets where the training has no photos of its own: photos in one line, the style in the next.
    [*_, sheet] = sorted((folder / "sheets").glob("*.jpg"))
    shown = np.asarray(Image.open(sheet))[:170, :256].astype(int)
    with Image.open(SAMPLE_PHOTOS[0]) as cat:
        expected = np.asarray(cat.convert("RGB").resize((256, 170), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(shown - expected).mean() < 3  # JPEG's loss


def test_a_preview_is_painted_from_the_photo_that_is_given(addition, tmp_path):
    candidate, _ = watched(replace(addition, preview=torch.rand(1, 3, 48, 64)), tmp_path)
    assert size_of(candidate.draft.contents["previews/harbour.jpg"]) == (64, 48)


def test_what_cannot_be_added_is_explained(addition, painting, photos, tmp_path):
    known = replace(painting, id="starry_night")
    weighed = addition.recipe.model_copy(update={"style_weights": {"waves": 2.0}})
    few = tmp_path / "few"
    few.mkdir()
    for changed, error, words in (
        ({"works": (known,)}, UnusableAddition, "compact@1 has a style starry_night already"),
        ({"works": ()}, UnusableAddition, "no style image"),
        ({"base": replace(addition.base, generator=Johnson((4,), 0))}, UnusableAddition, "network for one style"),
        ({"recipe": weighed}, UnusableRecipe, "waves"),
        ({"photos": few}, UnusablePhotos, "There are 0 photos"),
    ):
        with pytest.raises(error, match=words):
            add_styles(replace(addition, **changed), tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_painting_is_not_continued(added, addition, painting, tmp_path):
    _, _, folder = added
    picture(2).save(tmp_path / "other.png")
    other = replace(painting, path=tmp_path / "other.png")
    with pytest.raises(UnusableRun, match=r"another recipe \(paintings\)"):
        add_styles(replace(addition, works=(other,)), folder, lambda _: None)
