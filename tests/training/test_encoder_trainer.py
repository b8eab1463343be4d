"""A style encoder learns before a frozen generator, on views of many style images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_training import MEMBERS, random_vgg, same

from app.nets.descriptor import load_descriptor
from app.nets.generators import Compact
from app.nets.norm import StyleRows
from app.training.encoder_trainer import EncoderTrainer, shares_of
from app.training.objective import Objective
from app.training.paintings import list_paintings
from app.training.photos import Photos, list_photos, read_picture
from app.training.recipe import EncoderRecipe, inherited
from app.training.style_views import OtherViews, StyleViews, draw_views, inputs_of, measure_views, unlearned

SMALL = {"views": 3, "view_edge": 64, "rank": 3, "hidden": 16, "bottleneck": 4, "steps": 6, "head_start": 150}
CPU = torch.device("cpu")


def recipe(**members):
    shared = {name: MEMBERS[name] for name in EncoderRecipe.model_fields if name in MEMBERS}
    return EncoderRecipe.model_validate(shared | SMALL | members)


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        generator = Compact(**MEMBERS["options"]).requires_grad_(False)
        rows = StyleRows(2, generator.features).requires_grad_(False)
        rows.gamma.normal_(1, 0.3)
        rows.beta.normal_(0, 0.3)
    return generator, rows


@pytest.fixture(scope="module")
def works(inputs):
    return list_paintings(inputs / "paintings")


@pytest.fixture(scope="module")
def views(works):
    network = load_descriptor(random_vgg())
    return measure_views(works, recipe(), network, network)


@pytest.fixture
def make(inputs, works, views, model):
    def build(**members):
        chosen = recipe(**members)
        torch.manual_seed(chosen.seed)
        network = load_descriptor(random_vgg())
        encoder = unlearned(views.directions, model[0].features, chosen)
        count = len(views.statistics)
        objective = Objective(network, views.targets, [1.0] * count, chosen)
        photos = Photos(list_photos(inputs / "photos"), count, chosen)
        ids = tuple(work.id for work in works)
        return EncoderTrainer(chosen, ids, encoder, *model, views, objective, photos, CPU)

    return build


def train(trainer, steps=None):
    losses = []
    for step in trainer.run():
        losses.append(step.losses["total"])
        if len(losses) == steps:
            trainer.stop()
    return losses


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_only_the_encoder_learns(make, model, precision):
    before = [tensor.clone() for module in model for tensor in module.state_dict().values()]
    trainer = make(precision=precision)
    begun = trainer.checkpoint().tensors
    train(trainer)
    after = [tensor for module in model for tensor in module.state_dict().values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert all(p.grad is None for p in trainer.paint.generator.parameters())
    learned = trainer.averaged().state_dict()
    still = {name for name in learned if torch.equal(learned[name], begun[name])}
    assert still == {"centre", "spread", "middle", "directions_relu1_1", "directions_relu2_1"}


def test_the_losses_fall(make):
    losses = train(make(steps=80, batch=4, head_start=0, learning_rate=3e-3))
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])


def test_it_begins_at_the_mean_row(make, model):
    trainer = make()
    gamma, beta = trainer.encoder.row(trainer.encoder.code(trainer.statistics_of_views))
    torch.testing.assert_close(gamma[3], model[1].gamma.mean(dim=0))
    torch.testing.assert_close(beta[0], model[1].beta.mean(dim=0))


def test_a_head_start_gives_a_known_style_its_own_row(make, model):
    trainer = make()
    wholes = torch.tensor([0, 3])
    shares = shares_of(trainer.objective, wholes)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(6))
    assert shares[0, 0] > 0.99
    assert shares[3, 1] > 0.99
    trainer.take_head_start(model[1], shares)
    gamma, _ = trainer.averaged().row(trainer.averaged().code(trainer.statistics_of_views[wholes]))
    apart = (model[1].gamma[0] - model[1].gamma[1]).abs().mean()
    assert (gamma - model[1].gamma).abs().mean() < 0.2 * apart


def test_an_interrupted_training_ends_as_an_undisturbed_one(make, model):
    whole = make()
    whole.take_head_start(model[1], shares_of(whole.objective, torch.tensor([0, 3])))
    train(whole)
    first = make()
    first.take_head_start(model[1], shares_of(first.objective, torch.tensor([0, 3])))
    train(first, steps=3)
    second = make()
    second.restore(first.checkpoint())
    train(second)
    assert same(second.checkpoint(), whole.checkpoint())


def test_another_encoder_is_followed_to_where_its_rows_have_moved(make, model):
    first = make()
    first.take_head_start(model[1], shares_of(first.objective, torch.tensor([0, 3])))
    moved = StyleRows(2, model[0].features).requires_grad_(False)
    moved.gamma.copy_(model[1].gamma + 1)
    moved.beta.copy_(model[1].beta)
    second = make()
    second.start_from(first.averaged().state_dict(), model[1], moved)
    (before, _), (after, _) = (t.encoder.row(t.encoder.code(t.statistics_of_views)) for t in (first, second))
    torch.testing.assert_close(after, before + 1, rtol=1e-4, atol=1e-4)


def test_an_encoder_of_other_sizes_is_no_start(make, model):
    with pytest.raises(ValueError, match="other sizes"):
        make().start_from(make(hidden=8).averaged().state_dict(), model[1], model[1])


def test_the_first_view_is_the_whole_work_at_the_stroke(works):
    chosen = recipe()
    drawn = list(draw_views(works[0].path, chosen, 0))
    assert torch.equal(drawn[0], read_picture(works[0].path, chosen.stroke))
    assert len(drawn) == 3
    assert all(view.shape[2] == view.shape[3] <= 64 for view in drawn[1:])
    assert all(torch.equal(one, other) for one, other in zip(drawn, draw_views(works[0].path, chosen, 0), strict=True))
    assert not torch.equal(drawn[1], list(draw_views(works[0].path, chosen, 1))[1])


def test_an_encoder_aims_at_what_its_generator_aimed_at():
    base = {"stroke": 384, "content_weight": 0.05, "layer_weights": {"relu1_1": 0.5}, "relief_weight": 0.2}
    base |= {"detail_weight": 0.03, "steps": 7, "batch": 6, "style_weights": {"woodcut": 2.0}}
    chosen = EncoderRecipe.model_validate(inherited(base))
    assert (chosen.stroke, chosen.content_weight, chosen.layer_weights) == (384, 0.05, {"relu1_1": 0.5})
    assert (chosen.relief_weight, chosen.detail_weight) == (0.2, 0.03)
    assert (chosen.steps, chosen.batch, chosen.style_weights) == (8000, 4, {})


def test_views_are_kept_in_a_file(tmp_path, works, views):
    inputs = inputs_of(works, recipe(), ("eye", "judge"))
    views.save(tmp_path / "views.safetensors", inputs)
    loaded = StyleViews.load(tmp_path / "views.safetensors", inputs)
    assert torch.equal(loaded.statistics, views.statistics)
    assert torch.equal(loaded.targets.energies, views.targets.energies)
    for layer, grams in views.targets.grams.items():
        torch.testing.assert_close(loaded.targets.grams[layer], grams, rtol=1e-2, atol=1e-6)


def test_views_of_other_inputs_are_refused(tmp_path, works, views):
    views.save(tmp_path / "views.safetensors", inputs_of(works, recipe(), ("eye", "judge")))
    for other in (
        inputs_of(works[:1], recipe(), ("eye", "judge")),
        inputs_of(works, recipe(stroke=80), ("eye", "judge")),
        inputs_of(works, recipe(), ("another", "judge")),
        inputs_of([replace(works[0], id="third"), works[1]], recipe(), ("eye", "judge")),
    ):
        with pytest.raises(OtherViews):
            StyleViews.load(tmp_path / "views.safetensors", other)
