"""The gates: what is allowed to pass, what is warned of, and what is refused, with figures that are JSON."""

import copy
import json
from types import SimpleNamespace

import pytest
import torch
from tiny_training import make_trainer

from app.nets.generators import Compact
from app.nets.norm import StyleRows
from app.training.gates import (
    EVALUATIONS,
    Findings,
    JudgedStyles,
    golden_pictures,
    judge_files,
    judge_golden,
    judge_losses,
    judge_paintings,
    judge_tensors,
)


def losses(style, content=0.5):
    return SimpleNamespace(style=style, content=content)


@pytest.fixture
def tensors():
    return {"generator.w": torch.randn(2, 3).half(), "rows.gamma": torch.randn(2, 4), "rows.beta": torch.randn(2, 4)}


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = Compact(widths=(4, 8), blocks=1, fine=4).requires_grad_(False)
        rows = StyleRows(2, generator.features).requires_grad_(False)
        rows.gamma.normal_(1, 0.3)
    return generator, rows


def test_finite_losses_pass():
    findings = Findings()
    judge_losses(findings, {"dots": losses(0.02)})
    assert findings.report().passed
    assert findings.figures["losses"] == {"dots": {"style": 0.02, "content": 0.5}}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_losses_that_are_not_finite_are_a_reason_and_the_report_stays_json(value):
    findings = Findings()
    judge_losses(findings, {"dots": losses(0.02), "waves": losses(value)})
    report = findings.report()
    assert report.reasons == ("The losses of waves are not finite.",)
    assert not report.passed
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["figures"]["losses"]["waves"]["style"] is None


def test_appended_rows_pass(tensors):
    after = {
        name: torch.cat([tensor, torch.zeros(1, 4)]) if name.startswith("rows.") else tensor.clone()
        for name, tensor in tensors.items()
    }
    findings = Findings()
    judge_tensors(findings, tensors, after)
    assert findings.report().passed


def bit(tensors):
    tensors["rows.gamma"].view(torch.int32)[1, 2] ^= 1


def sign_of_nothing(tensors):
    tensors["rows.gamma"][0, 0] = -0.0


def other_type(tensors):
    tensors["rows.gamma"] = tensors["rows.gamma"].double()


def fewer_rows(tensors):
    tensors["rows.gamma"] = tensors["rows.gamma"][:1]


def missing(tensors):
    del tensors["rows.gamma"]


@pytest.mark.parametrize("change", [bit, sign_of_nothing, other_type, fewer_rows, missing])
def test_a_value_that_has_changed_in_any_way_is_a_reason(tensors, change):
    tensors["rows.gamma"][0, 0] = 0.0
    after = copy.deepcopy(tensors)
    change(after)
    findings = Findings()
    judge_tensors(findings, tensors, after)
    assert findings.reasons == ["Values of the styles that were there have changed: rows.gamma."]


def test_weights_may_not_grow_like_rows(tensors):
    findings = Findings()
    judge_tensors(findings, tensors, tensors | {"generator.w": torch.cat([tensors["generator.w"]] * 2)})
    assert findings.reasons == ["Values of the styles that were there have changed: generator.w."]


def test_golden_pictures_of_the_same_model_are_the_same(model):
    findings = Findings()
    judge_golden(findings, model, copy.deepcopy(model), ("dots", "waves"))
    assert findings.report().passed
    assert findings.figures["golden_styles"] == 2


def test_a_style_that_paints_otherwise_is_named(model):
    generator, rows = copy.deepcopy(model)
    rows.gamma[1, 0] += 1e-3
    findings = Findings()
    judge_golden(findings, model, (generator, rows), ("dots", "waves"))
    assert findings.reasons == ["Golden pictures have changed in waves."]


def test_golden_pictures_are_always_the_same():
    for one, other in zip(golden_pictures(), golden_pictures(), strict=True):
        assert torch.equal(one, other)
        assert 0 <= one.min() < one.max() <= 1


def test_files_are_written_down(tmp_path):
    findings = Findings()
    judge_files(findings, {"card.md": ("ab" * 32, 5)})
    assert findings.report().passed
    assert findings.figures["files"] == {"card.md": {"sha256": "ab" * 32, "bytes": 5}}
    judge_files(findings, {"card.md": ("ab" * 32, 0)})
    assert findings.reasons == ["Files are empty: card.md."]


def test_a_picture_that_little_gatys_would_have_made_is_warned_of(inputs):
    trainer = make_trainer(inputs)
    pictures = [torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    painted = JudgedStyles(trainer.generator, trainer.rows, trainer.objective, {"stripes": (1, 1)}, pictures)
    findings, told = Findings(), []
    judge_paintings(findings, painted, told.append)
    counts = findings.figures["gatys_equivalents"]["stripes"]
    assert len(counts) == 3
    assert max(counts) < 15
    assert findings.report().passed
    assert findings.warnings == [
        f"The style stripes may look weak: its pictures are worth {min(counts)} iterations of Gatys from noise at the "
        f"least and {sorted(counts)[1]} in the median, where 15 are wanted. That does not keep it from being served; "
        "look at its pictures, and if they have too little of the style, train it longer or on more photos."
    ]
    assert told == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_picture_that_gatys_does_not_reach_counts_all_evaluations(inputs):
    """The painting itself, of a photo that is the painting: nothing is left to gain."""
    trainer = make_trainer(inputs, content_weight=0.0)
    painting = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(7))
    features = trainer.objective.grams(trainer.objective.descriptor(painting, trainer.objective.style_layers))
    for layer, gram in features.items():
        trainer.objective.get_buffer(f"target_{layer}")[1] = gram[0]

    class Copying(torch.nn.Module):
        def forward(self, photo, _gamma, _beta):
            return photo

    painted = JudgedStyles(Copying(), trainer.rows, trainer.objective, {"stripes": (1, 1)}, [painting])
    findings = Findings()
    judge_paintings(findings, painted, lambda _fraction: None)
    assert findings.figures["gatys_equivalents"] == {"stripes": [EVALUATIONS]}
    assert findings.warnings == []
