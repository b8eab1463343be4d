"""The training loop: its arithmetic by hand, and what it does when a step goes wrong."""

import math
from dataclasses import replace

import pytest
import torch
from tiny_training import MEMBERS, make_trainer, same

import app.training.trainer
from app.training.photos import Sample
from app.training.recipe import Recipe
from app.training.style_trainer import evaluate
from app.training.trainer import MAX_RETREATS, TrainingDiverged


class Poisoned(torch.nn.Module):
    """An objective whose losses are not finite in the calls of the given numbers."""

    def __init__(self, objective, calls):
        super().__init__()
        self.objective = objective
        self.calls = calls
        self.called = 0

    def forward(self, *inputs):
        losses = self.objective(*inputs)
        self.called += 1
        if self.calls is not None and self.called not in self.calls:
            return losses
        return replace(losses, total=losses.total * float("nan"))


def test_training_lowers_the_loss(inputs):
    trainer = make_trainer(inputs, steps=160, learning_rate=2e-2, content_weight=0.01)
    totals = [step.losses["total"] for step in trainer.run()]
    # The balanced loss of a random generator is near a half; 0 would be the painting itself.
    assert sum(totals[-40:]) / 40 < 0.5 * sum(totals[:10]) / 10


def test_a_step_reports_the_means_of_its_losses(inputs):
    trainer = make_trainer(inputs)
    sample = trainer.photos.sample(0)
    losses = trainer.objective(
        trainer.generator(sample.photos, *trainer.rows(sample.styles)), sample.photos, sample.styles
    )
    step = next(trainer.run())
    assert step.step == 1
    assert step.losses["total"] == pytest.approx(losses.total.mean().item(), rel=1e-5)
    assert step.losses["style"] == pytest.approx(losses.style.mean().item(), rel=1e-5)
    assert step.losses["content"] == pytest.approx(losses.content.mean().item(), rel=1e-5)


def test_two_trainings_with_equal_recipes_are_equal(inputs):
    one, other = make_trainer(inputs), make_trainer(inputs)
    assert list(one.run()) == list(other.run())
    assert same(one.checkpoint(), other.checkpoint())


@pytest.mark.parametrize(("step", "share"), [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (50, 1.0), (99, 1.0)])
def test_the_learning_rate_warms_up_linearly_and_falls_by_a_cosine(inputs, step, share):
    trainer = make_trainer(inputs, steps=100, warmup_steps=4, learning_rate=0.1)
    trainer.step = step
    cosine = (1 + math.cos(math.pi * step / 100)) / 2
    assert trainer.learning_rate() == pytest.approx(0.1 * share * (0.01 + 0.99 * cosine))
    trainer.retreats = 2
    assert trainer.learning_rate() == pytest.approx(0.1 * share * (0.01 + 0.99 * cosine) / 4)


def test_gradients_are_clipped_to_their_joint_norm(inputs):
    norms = {}
    for clip in (1e-3, 1e6):
        trainer = make_trainer(inputs, gradient_clip=clip)
        next(trainer.run())
        # The first moment after one step is (1 - beta_1) times the gradient that Adam has seen.
        tensors = trainer.checkpoint().tensors
        squares = (t.double().square().sum() for name, t in tensors.items() if name.startswith("exp_avg."))
        norms[clip] = math.sqrt(sum(squares)) / (1 - trainer.recipe.betas[0])
    assert norms[1e6] > 1e-2
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-3)


def test_the_average_follows_its_formula(inputs):
    trainer = make_trainer(inputs, average=0.3, steps=6)
    expected = {name: p.detach().double().clone() for name, p in trainer.parameters.items()}
    for step in trainer.run():
        decay = min(0.3, (1 + step.step) / (10 + step.step))
        for name, p in trainer.parameters.items():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach().double()
            torch.testing.assert_close(trainer.average[name].double(), expected[name], atol=1e-6, rtol=1e-5)
    generator, rows = trainer.averaged()
    torch.testing.assert_close(rows.gamma.double(), expected["rows.gamma"], atol=1e-6, rtol=1e-5)
    assert not torch.equal(rows.gamma, trainer.rows.gamma)
    assert generator is not trainer.generator


def test_the_guard_steps_back_to_the_last_good_state_and_halves_the_rate(inputs, monkeypatch):
    monkeypatch.setattr(app.training.trainer, "GOOD_STATE_STEPS", 3)
    trainer = make_trainer(inputs, steps=12)
    undisturbed = make_trainer(inputs, steps=12)
    trainer.objective = Poisoned(trainer.objective, calls={8})
    run = trainer.run()
    assert [next(run).step for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    steady = undisturbed.run()
    for _ in range(6):
        next(steady)
    assert same(trainer.good, undisturbed.checkpoint())
    assert next(run).step == 7  # step 8 failed: 7 again, on other photos
    assert trainer.retreats == 1
    before = trainer.learning_rate()
    trainer.retreats = 0
    assert trainer.learning_rate() == 2 * before
    trainer.retreats = 1
    assert [step.step for step in run] == [8, 9, 10, 11, 12]
    assert all(p.isfinite().all() for p in trainer.parameters.values())


def test_a_step_that_fails_changes_nothing(inputs):
    trainer = make_trainer(inputs)
    trainer.objective = Poisoned(trainer.objective, calls={3})
    next(run := trainer.run())
    next(run)
    before = trainer.checkpoint()
    assert trainer.advance(trainer.photos.sample(2)) is None
    assert same(trainer.checkpoint(), before)


def test_a_retreat_takes_other_photos(inputs):
    trainer = make_trainer(inputs)
    seen = []
    advance = trainer.advance
    trainer.advance = lambda sample: seen.append(sample.photos) or advance(sample)
    trainer.objective = Poisoned(trainer.objective, calls={1})
    next(trainer.run())
    assert not torch.equal(seen[0], seen[1])


def test_it_gives_up_after_too_many_retreats(inputs):
    trainer = make_trainer(inputs)
    trainer.objective = Poisoned(trainer.objective, calls=None)
    with pytest.raises(TrainingDiverged, match="not finite 9 times; last at step 1"):
        list(trainer.run())
    assert trainer.objective.called == MAX_RETREATS + 1
    assert all(p.isfinite().all() for p in trainer.parameters.values())


def test_stop_ends_it_after_the_step_under_way(inputs):
    trainer = make_trainer(inputs)
    steps = []
    for step in trainer.run():
        steps.append(step.step)
        if step.step == 3:
            trainer.stop()
    assert steps == [1, 2, 3]
    assert trainer.step == 3


def test_bfloat16_trains_float32_weights(inputs):
    trainer = make_trainer(inputs, precision="bfloat16", steps=3)
    wide = make_trainer(inputs, steps=3)
    for narrow_step, wide_step in zip(trainer.run(), wide.run(), strict=True):
        assert narrow_step.losses["total"] == pytest.approx(wide_step.losses["total"], rel=0.1)
    assert {tensor.dtype for tensor in trainer.checkpoint().tensors.values()} == {torch.float32}
    assert trainer.objective.descriptor.dtype == torch.bfloat16


def test_rows_have_a_rate_of_their_own_and_change_only_when_drawn(inputs):
    trainer = make_trainer(inputs, warmup_steps=0, row_rate=10, learning_rate=0.01)
    before = trainer.rows.gamma.detach().clone()
    sample = trainer.photos.sample(0)
    trainer.advance(Sample(sample.photos, torch.ones_like(sample.styles)))
    assert torch.equal(trainer.rows.gamma[0], before[0])
    # A first step of Adam goes by the learning rate in each value, whatever the gradient.
    moved = (trainer.rows.gamma[1] - before[1]).abs()
    assert moved.max().item() == pytest.approx(0.1, rel=1e-3)
    assert trainer.checkpoint().tensors["draws.rows.gamma"].squeeze(1).tolist() == [0, 1]


def test_a_state_of_other_styles_is_not_restored(inputs):
    trainer = make_trainer(inputs)
    state = trainer.checkpoint()
    trainer.targets = ("another",)
    with pytest.raises(ValueError, match="other targets"):
        trainer.restore(state)


def test_scores_are_means_over_photos_by_style(inputs):
    trainer = make_trainer(inputs)
    photos = [trainer.photos.sample(0).photos[:1], trainer.photos.sample(1).photos[:1, :, :40]]
    scores = list(evaluate(trainer.objective, trainer.generator, trainer.rows, photos))
    assert len(scores) == 2
    for style, score in enumerate(scores):
        index = torch.tensor([style])
        losses = [trainer.objective(trainer.generator(p, *trainer.rows(index)), p, index) for p in photos]
        assert score[0].item() == pytest.approx(sum(loss.style.item() for loss in losses) / 2, rel=1e-5)
        assert score[1].item() == pytest.approx(sum(loss.content.item() for loss in losses) / 2, rel=1e-5)


@pytest.mark.parametrize(
    "members",
    [
        {"stepz": 3},
        {"steps": 0},
        {"zoom": (2.0, 1.0)},
        {"zoom": (0.0, 1.0)},
        {"betas": (0.9, 1.0)},
        {"average": 1.0},
        {"style_layers": ()},
        {"architecture": "vgg"},
        {"options": {"depth": 3}},
        {"options": {"widths": (10**6, 10**6)}},
        {"options": {"blocks": 10**9}},
        {"precision": "float16"},
        {"batch": 6, "styles_per_photo": 4},
        {"style_weights": {"Not An Id": 1.0}},
        {"style_weights": {"dots": 0}},
    ],
)
def test_a_recipe_with_something_wrong_in_it_is_refused(members):
    with pytest.raises(ValueError, match="validation error"):
        Recipe.model_validate(MEMBERS | members)


def test_a_training_from_a_base_begins_with_its_weights_and_rows(inputs):
    base = make_trainer(inputs)
    list(base.run())
    generator, rows = base.averaged()
    trainer = make_trainer(inputs, seed=9)
    trainer.start_from(generator, rows, ("stripes", "waves"))  # the base's rows under other names
    assert trainer.targets == ("dots", "stripes")
    for name, weight in generator.state_dict().items():
        assert torch.equal(trainer.average[f"generator.{name}"], weight)
        assert torch.equal(trainer.parameters[f"generator.{name}"], weight)
    assert torch.equal(trainer.rows.gamma[1], rows.gamma[0])
    torch.testing.assert_close(trainer.rows.beta[0], rows.beta.mean(dim=0))  # dots are new to it
    assert next(trainer.run()).losses["total"] < next(make_trainer(inputs, seed=9).run()).losses["total"]


def test_an_hourglass_that_the_base_lacks_changes_nothing_at_first_and_learns(inputs):
    base = make_trainer(inputs)
    list(base.run())
    generator, rows = base.averaged()
    trainer = make_trainer(inputs, options={**MEMBERS["options"], "deep": (6, 10)})
    trainer.start_from(generator, rows, base.targets)
    photo, style = torch.rand(1, 3, 64, 64), torch.tensor([1])
    grown, grown_rows = trainer.averaged()
    torch.testing.assert_close(grown(photo, *grown_rows(style)), generator(photo, *rows(style)))
    before = {name: weight.clone() for name, weight in trainer.parameters.items()}
    list(trainer.run())
    # With a gamma of 0 behind them, its convolutions learn from the second step on.
    assert all(not torch.equal(weight, before[name]) for name, weight in trainer.parameters.items())


def test_an_hourglass_that_both_have_is_taken_over(inputs):
    options = {**MEMBERS["options"], "deep": (6, 10)}
    base = make_trainer(inputs, options=options)
    list(base.run())
    generator, rows = base.averaged()
    trainer = make_trainer(inputs, options=options, seed=9)
    trainer.start_from(generator, rows, base.targets)
    assert torch.equal(trainer.rows.gamma, rows.gamma)
    assert all(torch.equal(w, trainer.average[f"generator.{name}"]) for name, w in generator.state_dict().items())


def test_a_base_of_another_architecture_is_refused(inputs):
    wider = make_trainer(inputs, options={"widths": (4, 12), "blocks": 1, "fine": 4})
    generator, rows = wider.averaged()
    with pytest.raises(ValueError, match="another architecture"):
        make_trainer(inputs).start_from(generator, rows, wider.targets)
