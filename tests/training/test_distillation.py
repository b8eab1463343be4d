import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from tiny_training import write_pictures

from app.nets.descriptor import VGG19, load_descriptor
from app.registry.descriptors import load_published, publish_descriptor
from app.registry.error import InvalidModel
from app.registry.repository import Repository
from app.training.distillation import (
    LAYERS,
    DistillRecipe,
    DistillTrainer,
    compare,
    rank_correlation,
    spoil,
    unexplained,
    unit_teacher,
    untrained_slim,
)
from app.training.photos import Photos, list_photos

MEMBERS = {"widths": (4, 4, 6, 6, 8), "steps": 60, "batch": 2, "crop": 64, "warmup_steps": 2, "learning_rate": 0.01}


def network(widths, heads=(), seed=0):
    """A random VGG-19 up to relu5_1 in the layout of the slim network, with heads to 10 channels."""
    return untrained_slim(widths, dict.fromkeys(heads, 10), seed).requires_grad_(False)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distillation") / "photos"
    write_pictures(folder, 6)
    return list_photos(folder)


@pytest.fixture
def trainer(photos):
    recipe = DistillRecipe.model_validate(MEMBERS)
    pool = Photos(photos, 1, recipe)
    exact = network((5, 5, 7, 7, 7), seed=1)
    deep = network((4, 4, 4, 4, 4), ("relu4_1", "relu5_1"), seed=2)
    return DistillTrainer(recipe, unit_teacher(exact, deep, pool.sample(0).photos), pool, torch.device("cpu"))


def test_unexplained_is_one_less_the_centred_r2():
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 3, 4, 5)), rng.normal(1, 2, size=(2, 3, 4, 5))
    centred = teacher - teacher.mean(axis=(0, 2, 3), keepdims=True)
    expected = ((student - teacher) ** 2).sum() / (centred**2).sum()
    assert unexplained(torch.tensor(student), torch.tensor(teacher)).item() == pytest.approx(expected)
    assert unexplained(torch.tensor(teacher), torch.tensor(teacher)).item() == 0


def test_rank_correlation_is_spearmans():
    a, b = np.random.default_rng(1).normal(size=(2, 40))
    b += a
    assert rank_correlation(torch.tensor(a), torch.tensor(b)) == pytest.approx(spearmanr(a, b).statistic)


def test_slim_has_the_convolutions_of_vgg19_up_to_relu5_1():
    layers = [f"relu{block}_{i}" for block, count in enumerate(VGG19, start=1) for i in range(1, count + 1)]
    assert network((2, 2, 2, 2, 2)).layers == tuple(layers[: layers.index("relu5_1") + 1])


def test_the_default_slim_network_has_under_two_million_values():
    vgg19 = (64, 128, 256, 512, 512)
    slim = untrained_slim(DistillRecipe().widths, {layer: vgg19[int(layer[4]) - 1] for layer in LAYERS}, 0)
    assert sum(p.numel() for p in slim.parameters()) < 2_000_000


def test_the_teachers_layers_have_unit_variance(trainer):
    features = trainer.teacher(trainer.photos.sample(0).photos)
    assert tuple(features) == LAYERS
    for feature in features.values():
        assert feature.std().item() == pytest.approx(1, rel=1e-4)


def test_a_deep_layer_without_a_head_is_taught_as_it_is(trainer):
    teacher, pictures = trainer.teacher, trainer.photos.sample(0).photos
    own = teacher.deep(pictures, ["relu4_2"])["relu4_2"]
    torch.testing.assert_close(teacher(pictures)["relu4_2"], own / own.std())


def test_spoiling_leaves_the_other_pictures_alone():
    pictures = torch.full((400, 3, 2, 2), 0.25)
    spoilt = spoil(pictures, 0.3, torch.Generator().manual_seed(0))
    changed = spoilt.ne(pictures).flatten(1).any(dim=1)
    assert 0.2 < changed.float().mean().item() < 0.4
    assert spoilt.min() >= 0.25 * 0.5
    assert torch.equal(spoil(pictures, 0.0, torch.Generator()), pictures)


def test_distilling_explains_more_of_every_layer(trainer):
    steps = list(trainer.run())
    for layer in ("total", *LAYERS):
        assert steps[-1].losses[layer] < 0.8 * steps[0].losses[layer]


def test_a_distillation_from_a_base_begins_with_its_weights(trainer):
    first = next(trainer.run()).losses["total"]
    list(trainer.run())
    slim = trainer.averaged()
    further = DistillTrainer(trainer.recipe, trainer.teacher, trainer.photos, torch.device("cpu"))
    further.start_from(slim)
    assert all(torch.equal(weight, slim.get_parameter(name[5:])) for name, weight in further.average.items())
    assert next(further.run()).losses["total"] < 0.8 * first


def test_a_base_that_lacks_a_head_is_given_one(trainer):
    state = trainer.averaged().state_dict()
    own = {f"heads.relu4_2.{name}": state.pop(f"heads.relu4_2.{name}") for name in ("weight", "bias")}
    trainer.start_from(load_descriptor({name: weight + 1 for name, weight in state.items()}))
    started = trainer.averaged().state_dict()
    for name, weight in own.items():
        assert torch.equal(started[name], weight)
    assert all(torch.equal(started[name], weight + 1) for name, weight in state.items())


def test_a_base_with_other_widths_is_refused(trainer):
    with pytest.raises(ValueError, match="other widths"):
        trainer.start_from(network((4, 4, 6, 6, 9)))


def test_comparing_a_network_with_itself_gives_perfect_agreement(trainer):
    pictures = [torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    teacher = trainer.teacher

    class Itself(torch.nn.Module):
        def forward(self, picture, layers):
            return teacher(picture)

        def mapped(self, features):
            return features

    for agreement in compare(Itself(), teacher, pictures).values():
        assert agreement.r2 == pytest.approx(1)
        assert agreement.gram_rank == pytest.approx(1)
    strange = compare(trainer.averaged(), teacher, pictures)
    assert tuple(strange) == LAYERS
    assert all(agreement.r2 < 0.9 for agreement in strange.values())


def test_a_published_loss_network_comes_back_and_is_no_model(trainer, tmp_path):
    slim = trainer.averaged()
    made = publish_descriptor(tmp_path, "slim", slim, teachers=("a",), recipe={}, metrics={}, card="# slim\n")
    assert made.label == "slim@1"
    loaded = load_published(tmp_path, "slim")
    published = loaded.state_dict()
    assert published.keys() == slim.state_dict().keys()
    for name, weight in slim.state_dict().items():
        assert torch.equal(published[name], weight.half().float()), name
    assert Repository(tmp_path).names() == []
    assert load_descriptor(loaded.state_dict()).heads.keys() == slim.heads.keys()


def test_a_changed_loss_network_is_refused(trainer, tmp_path):
    publish_descriptor(tmp_path, "slim", trainer.averaged(), teachers=(), recipe={}, metrics={}, card="")
    weights = tmp_path / "slim" / "1" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InvalidModel, match="SHA-256"):
        load_published(tmp_path, "slim")
    with pytest.raises(InvalidModel, match="no loss network"):
        load_published(tmp_path, "other")
