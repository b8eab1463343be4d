"""Adding styles to a model: from style images to a candidate version, for the command line and the jobs.

    recipe = add_recipe(base.manifest.recipe, {"minutes": 1, "precision": fitting_precision(device)})
    addition = Addition(base, works, descriptor, "slim", recipe, photos=None)
    candidate = add_styles(addition, folder, watch=lambda progress: ..., stop=lambda: False)
    if candidate.report.passed:
        folder = candidate.publish(models_root)          # or publish(scratch, version=7)

`add_styles` raises TrainingStopped when `stop` said so. Called again with the same addition and folder, here or
wherever the folder's `checkpoint.safetensors` was copied to, it continues from there to the same result.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from app.engine.style_reader import StyleReader
from app.model_builds.candidate import Candidate, pass_gates
from app.model_builds.card import append_to_card
from app.model_builds.catalogued import catalogued
from app.model_builds.pictures import Pictures, gather
from app.model_builds.previews import draw_previews, preview_photo
from app.model_builds.progress import STEPS_BEGIN, BuildProgress, GatesWatch, Stop, Watch, train_to_the_end
from app.model_builds.scores import Scores, score
from app.nets.descriptor import Descriptor
from app.nets.norm import StyleRows
from app.nets.precision import supports_bfloat16
from app.registry.encoders import Encoder
from app.registry.manifest import Appended, Origin
from app.registry.publish import Draft, draft_addition, now
from app.registry.repository import WEIGHTS, Model, read_verified
from app.training.checkpoint import Checkpoint
from app.training.gates import Findings, JudgedStyles, judge_golden, judge_tensors
from app.training.objective import Objective
from app.training.paintings import StyleImage
from app.training.photos import open_rgb, read_picture
from app.training.recipe import MIN_STEPS, AddRecipe, UnusableRecipe
from app.training.row_trainer import RowTrainer
from app.training.run import CHECKPOINT, Run
from app.training.sheet import draw_sheet

CPU = torch.device("cpu")
CARD = "card.md"
CHECKPOINT_SECONDS, SHEET_SECONDS = 10, 15
# The gates take about as long as so many steps (18 to 29 were measured, of two crops of 256 pixels).
STEPS_OF_GATES = 25


class UnusableAddition(Exception):
    """The styles cannot be added to that model; the sentence says why."""


@dataclass(frozen=True)
class Addition:
    """What is added to which model, and how.

    Attributes:
        base: the model that the styles are appended to, with its verified files.
        works: the style images; their ids are new to the base.
        descriptor, descriptor_name: the loss network; best the one that the base was trained with.
        photos: a folder of photos; None: the built-in pictures.
        exclude: file names in it that are kept out of the training, and scored on.
        preview: the photo (1, 3, H, W) in 0..1 for the previews of the new styles.
        encoder: for the base's generator, where there is one.
    """

    base: Model
    works: tuple[StyleImage, ...]
    descriptor: Descriptor
    descriptor_name: str
    recipe: AddRecipe
    photos: Path | None = None
    exclude: Collection[str] = ()
    preview: Tensor = field(default_factory=preview_photo)
    device: torch.device = CPU
    encoder: Encoder | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(work.id for work in self.works)


def fitting_precision(device: torch.device) -> Literal["bfloat16", "float32"]:
    """The precision in which a training is fastest on that device."""
    return "bfloat16" if supports_bfloat16(device.type) else "float32"


def add_styles(addition: Addition, folder: Path, watch: Watch, stop: Stop = lambda: False) -> Candidate:
    """Train the rows, score them and run the gates. A stopped or killed training continues from `folder`.

    Raises:
        TrainingStopped: `stop` said so.
        TrainingDiverged: the losses became infinite again and again.
        UnusableRun: the folder holds another training.
        NoPhotos, UnreadablePicture, MissingLayer, UnusableAddition, UnusableRecipe: an input cannot be used.
        InvalidModel: the base has changed on disk, or what was learned is not finite.
    """
    began = time.monotonic()
    check_styles(addition)
    begin = beginning(addition, watch)
    begin(0)
    pictures = gather(addition.photos, addition.exclude, len(addition.works), addition.recipe)
    trainer = build_trainer(addition, pictures, begin)
    plan_steps(trainer, folder, began)
    samples = pictures.shown()
    run = Run(
        folder,
        trainer,
        lambda: draw_sheet(trainer.generator, trainer.averaged(), samples),
        checkpoint_seconds=CHECKPOINT_SECONDS,
        sheet_seconds=SHEET_SECONDS,
    )
    train_to_the_end(run, watch, stop)
    return finish(addition, pictures, trainer, GatesWatch(run, watch, stop))


def check_styles(addition: Addition) -> None:
    if not addition.works:
        raise UnusableAddition("There is no style image to add.")
    if addition.base.generator.one_style:
        raise UnusableAddition(f"{addition.base.manifest.label} is a network for one style, and has it.")
    if known := sorted(set(addition.ids) & set(addition.base.manifest.style_ids)):
        raise UnusableAddition(f"{addition.base.manifest.label} has a style {', '.join(known)} already.")
    if unknown := sorted(addition.recipe.style_weights.keys() - set(addition.ids)):
        raise UnusableRecipe(f"The recipe weighs a style that is not added: {', '.join(unknown)}.")


def beginning(addition: Addition, watch: Watch) -> Callable[[float], None]:
    """Reports how much of the work before the first step is done, as progress of the whole."""
    return lambda fraction: watch(BuildProgress("start", STEPS_BEGIN * fraction, 0, addition.recipe.steps, {}))


def build_trainer(addition: Addition, pictures: Pictures, tell: Callable[[float], None]) -> RowTrainer:
    base = addition.base
    recipe = addition.recipe.model_copy(update={"base": base.manifest.label, "paintings": sha256_of(addition.works)})
    objective = build_objective(addition, copy.deepcopy(addition.descriptor))
    return RowTrainer(
        recipe,
        addition.ids,
        base.generator,
        base.rows,
        objective,
        pictures.seen,
        addition.device,
        tell,
        encoded_rows(addition),
    )


def encoded_rows(addition: Addition) -> tuple[Tensor, Tensor] | None:
    """Gamma and beta (styles, features) to start from, where an encoder reads them from the style images."""
    if addition.encoder is None or addition.recipe.start != "encoded":
        return None
    found = copy.deepcopy(addition.encoder)  # the reader converts it
    reader = StyleReader(found.network, found.encoder, found.manifest.stroke)
    codes = [reader.code(np.asarray(open_rgb(work.path))) for work in addition.works]
    gamma, beta = reader.row(torch.cat(codes))
    return gamma.clone(), beta.clone()  # no tensors of the inference mode


def sha256_of(works: Sequence[StyleImage]) -> dict[str, str]:
    return {work.id: hashlib.sha256(work.path.read_bytes()).hexdigest() for work in works}


def build_objective(addition: Addition, descriptor: Descriptor) -> Objective:
    paintings = [read_picture(work.path, addition.recipe.stroke) for work in addition.works]
    weights = [addition.recipe.style_weights.get(work.id, 1.0) for work in addition.works]
    return Objective(descriptor, paintings, weights, addition.recipe)


def plan_steps(trainer: RowTrainer, folder: Path, began: float) -> None:
    """If the recipe has minutes, as many steps as fit; a continued run keeps the number that it began with.

    Args:
        began: when the work began, by the monotonic clock. What came before the steps and the gates after them are
            part of the minutes.
    """
    minutes = trainer.recipe.minutes
    if minutes is None:
        return
    begun = steps_of_run(folder)
    trainer.reschedule(
        begun or steps_within(60 * minutes, trainer.seconds_per_step(), lambda: time.monotonic() - began)
    )


def steps_within(seconds: float, pace: float, spent: Callable[[], float]) -> int:
    """Args: pace: seconds of a step. spent: seconds until now, the measurement of the pace among them."""
    return max(MIN_STEPS, int((seconds - spent()) / pace) - STEPS_OF_GATES)


def steps_of_run(folder: Path) -> int | None:
    """Of the schedule that a run in `folder` follows; None where there is none that can be read."""
    try:
        return AddRecipe.model_validate_json(Checkpoint.load(folder / CHECKPOINT).recipe).steps
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def finish(addition: Addition, pictures: Pictures, trainer: RowTrainer, watch: GatesWatch) -> Candidate:
    """The candidate that a training has led to."""
    watch(0)
    rows = trainer.averaged()
    # Not the training's own, which may be in bfloat16: the gates compute in float32.
    objective = build_objective(addition, addition.descriptor).to(addition.device)
    scores = score(objective, trainer.generator, rows, addition.ids, pictures.unseen, addition.device)
    watch(0.2)
    draft = draw_up(addition, pictures, trainer, rows, scores)
    findings = Findings()
    compare_with_base(findings, addition.base, draft)
    places = {style: (row, row) for row, style in enumerate(addition.ids)}
    photos = [picture.to(addition.device) for picture in pictures.judged()]
    return pass_gates(draft, findings, JudgedStyles(trainer.generator, rows, objective, places, photos), watch)


def draw_up(addition: Addition, pictures: Pictures, trainer: RowTrainer, rows: StyleRows, scores: Scores) -> Draft:
    base = addition.base
    styles = catalogued(addition.works, scores)
    appended = Appended(
        base=base.manifest.label,
        base_sha256=base.manifest.files[WEIGHTS].sha256,
        created=now(),
        styles={
            work.id: Origin(
                painting_sha256=trainer.recipe.paintings[work.id],
                started_from=None if start.row is None else base.manifest.style_ids[start.row],
                encoder=addition.encoder.manifest.label if start.given and addition.encoder else None,
            )
            for work, start in zip(addition.works, trainer.starts, strict=True)
        },
        descriptor=addition.descriptor_name,
        pictures=pictures.seen.about,
        recipe=trainer.recipe.model_dump(mode="json", exclude={"base", "paintings"}),
    )
    card = read_verified(base.folder, CARD, base.manifest).decode() if CARD in base.manifest.files else ""
    card = append_to_card(card or f"# {base.manifest.name}", trainer.recipe, styles, scores, appended)
    previews = draw_previews(trainer.generator, rows, addition.ids, addition.preview.to(addition.device))
    return draft_addition(
        base, rows, styles=styles, appended=appended, metrics={}, extras={CARD: card.encode(), **previews}
    )


def compare_with_base(findings: Findings, base: Model, draft: Draft) -> None:
    before: dict[str, Tensor] = load(read_verified(base.folder, WEIGHTS, base.manifest))
    judge_tensors(findings, before, draft.tensors)
    judge_golden(findings, (base.generator, base.rows), draft.load(), base.manifest.style_ids)
