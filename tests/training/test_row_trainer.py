"""Rows of new styles learn; the generator and the rows that were there do not."""

import numpy as np
import pytest
import torch
from tiny_training import MEMBERS, random_vgg, same

from app.nets.descriptor import load_descriptor
from app.nets.generators import Compact
from app.nets.norm import StyleRows
from app.training.objective import Objective
from app.training.paintings import list_paintings
from app.training.photos import Photos, list_photos, read_picture
from app.training.recipe import AddRecipe, add_recipe
from app.training.row_trainer import RowTrainer

STYLES = ("dots", "stripes")


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        generator = Compact(**MEMBERS["options"]).requires_grad_(False)
        rows = StyleRows(3, generator.features).requires_grad_(False)
        rows.gamma.normal_(1, 0.3)
        rows.beta.normal_(0, 0.3)
    return generator, rows


def recipe(**members):
    shared = {name: MEMBERS[name] for name in AddRecipe.model_fields if name in MEMBERS}
    return AddRecipe.model_validate(shared | {"steps": 6} | members)


def make_row_trainer(inputs, model, given=None, **members):
    chosen = recipe(**members)
    works = list_paintings(inputs / "paintings")
    targets = [read_picture(work.path, chosen.stroke) for work in works]
    objective = Objective(load_descriptor(random_vgg()), targets, [1.0] * len(works), chosen)
    photos = Photos(list_photos(inputs / "photos"), len(works), chosen)
    return RowTrainer(chosen, STYLES, *model, objective, photos, torch.device("cpu"), given=given)


def train(trainer, steps=None):
    losses = []
    for step in trainer.run():
        losses.append(step.losses["total"])
        if len(losses) == steps:
            trainer.stop()
    return losses


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_only_the_new_rows_learn(inputs, model, precision):
    before = [tensor.clone() for module in model for tensor in module.state_dict().values()]
    trainer = make_row_trainer(inputs, model, precision=precision)
    assert trainer.parameters.keys() == {"rows.gamma", "rows.beta"}
    begun = trainer.rows.gamma.detach().clone()
    train(trainer)
    after = [tensor for module in model for tensor in module.state_dict().values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert all(p.grad is None for p in trainer.generator.parameters())
    assert not torch.equal(trainer.rows.gamma, begun)
    assert trainer.averaged().gamma.shape == (2, model[0].features)
    assert trainer.averaged().gamma.dtype == torch.float32


def test_the_losses_fall(inputs, model):
    trainer = make_row_trainer(inputs, model, steps=60, batch=4, plain=0)
    losses = train(trainer)
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_a_row_starts_from_the_one_whose_pictures_are_nearest_to_the_painting(inputs, model):
    trainer = make_row_trainer(inputs, model)
    photos = trainer.photos.sample(0, 1_000_000).photos
    for place, start in enumerate(trainer.starts):
        totals = [mean_total(trainer, photos, model[1], row, place) for row in range(3)]
        assert start.row == int(np.argmin(totals))
        assert start.total == pytest.approx(min(totals), rel=1e-4)
        assert torch.equal(trainer.rows.gamma[place], model[1].gamma[start.row])
        assert torch.equal(trainer.rows.beta[place], model[1].beta[start.row])


def mean_total(trainer, photos, rows, row, place):
    count = len(photos)
    painted = trainer.generator(photos, rows.gamma[row].expand(count, -1), rows.beta[row].expand(count, -1))
    return trainer.objective(painted, photos, torch.full((count,), place)).total.mean().item()


def test_a_row_starts_from_the_mean_where_it_is_told_to(inputs, model):
    trainer = make_row_trainer(inputs, model, start="mean")
    assert [start.row for start in trainer.starts] == [None, None]
    torch.testing.assert_close(trainer.rows.beta[1], model[1].beta.mean(dim=0))


def test_a_row_starts_from_the_one_that_is_given(inputs, model):
    given = (torch.full((2, model[0].features), 0.5), torch.full((2, model[0].features), 0.25))
    trainer = make_row_trainer(inputs, model, given=given)
    assert [(start.row, start.given) for start in trainer.starts] == [(None, True)] * 2
    assert torch.equal(trainer.rows.gamma, given[0])
    photos = trainer.photos.sample(0, 1_000_000).photos
    rows = trainer.rows.requires_grad_(False)
    assert trainer.starts[1].total == pytest.approx(mean_total(trainer, photos, rows, 1, 1), rel=1e-4)


def test_an_interrupted_training_ends_as_an_undisturbed_one(inputs, model):
    whole = make_row_trainer(inputs, model)
    train(whole)
    first = make_row_trainer(inputs, model)
    train(first, steps=3)
    second = make_row_trainer(inputs, model)
    second.restore(first.checkpoint())
    train(second)
    assert same(second.checkpoint(), whole.checkpoint())


def test_a_gradient_that_is_not_finite_changes_nothing(inputs, model):
    trainer = make_row_trainer(inputs, model)
    before = trainer.checkpoint()
    sample = trainer.photos.sample(0)
    sample.photos.fill_(float("nan"))
    assert trainer.advance(sample) is None
    assert same(trainer.checkpoint(), before)


def test_a_rehearsal_tells_the_time_of_a_step_and_learns_nothing(inputs, model):
    trainer = make_row_trainer(inputs, model)
    before = trainer.checkpoint()
    assert trainer.seconds_per_step() > 0
    assert same(trainer.checkpoint(), before)


def test_a_new_schedule_is_that_of_the_photos_too(inputs, model):
    trainer = make_row_trainer(inputs, model)
    trainer.reschedule(3)
    assert len(train(trainer)) == 3


def test_an_addition_aims_at_what_its_base_aimed_at():
    base = {"stroke": 384, "style_layers": ["relu2_1"], "steps": 9000, "learning_rate": 1e-3, "content_weight": 0.3}
    chosen = add_recipe(base, {"content_weight": 0.2, "steps": None, "seed": 4})
    assert (chosen.stroke, chosen.style_layers, chosen.content_weight, chosen.seed) == (384, ("relu2_1",), 0.2, 4)
    assert (chosen.steps, chosen.learning_rate) == (AddRecipe().steps, AddRecipe().learning_rate)


@pytest.mark.parametrize(
    "members", [{"steps": 0}, {"minutes": 0}, {"batch": 17}, {"crop": 1024}, {"start": "far"}, {"learning_rate": 1}]
)
def test_an_addition_out_of_bounds_is_refused(members):
    with pytest.raises(ValueError, match=next(iter(members))):
        add_recipe({}, members)
