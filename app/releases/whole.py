"""Training a whole model: from photos and paintings to a candidate version, for the command line and the jobs alike.

whole = Whole("mine", works, descriptor, "slim", Recipe(steps=8000), photos=inspect_photos(folder).usable)
candidate = train_whole(whole, folder, watch=lambda progress: ..., stop=lambda: False)
candidate.publish(models_root)
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from app.nets.descriptor import Descriptor
from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture
from app.registry.publish import Draft, draft
from app.registry.repository import Model
from app.releases.addition import sha256_of
from app.releases.candidate import Candidate, pass_gates
from app.releases.card import write_card
from app.releases.catalogued import catalogued
from app.releases.pictures import Pictures
from app.releases.previews import draw_previews
from app.releases.progress import GatesWatch, Progress, Stop, Watch, train_to_the_end
from app.releases.scores import SCORED_EDGE, Scores, score
from app.training.gates import Findings, Painted
from app.training.objective import Objective
from app.training.paintings import Painting
from app.training.photos import Photos, read_picture
from app.training.recipe import Recipe, UnusableRecipe
from app.training.run import Run
from app.training.sheet import draw_sheet
from app.training.style_trainer import StyleTrainer
from app.training.synthetic import BuiltInPictures

CPU = torch.device("cpu")
SAMPLES = 4
SAMPLE_EDGE = 384


@dataclass(frozen=True)
class Whole:
    """What a model is trained from.

    Attributes:
        name: of the model.
        photos: to train on; none: the built-in pictures.
        unseen: photos to score on.
        base: the model that `recipe.base` names, where it names one.
        preview, notes: a photo (1, 3, H, W) to paint the previews from, and Markdown for the card.
    """

    name: str
    works: tuple[Painting, ...]
    descriptor: Descriptor
    descriptor_name: str
    recipe: Recipe
    photos: tuple[Path, ...] = ()
    unseen: tuple[Path, ...] = ()
    base: Model | None = None
    preview: Tensor | None = None
    notes: str = ""
    device: torch.device = CPU
    compiled: bool = False
    checkpoint_seconds: float = 120

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(work.id for work in self.works)


def train_whole(whole: Whole, folder: Path, watch: Watch, stop: Stop = lambda: False) -> Candidate | None:
    """Train in `folder`, which a stopped or killed training goes on from, score and pass the gates.

    Returns:
        None in all processes but the first, where several train together.

    Raises:
        TrainingStopped: `stop` said so.
        UnusableRecipe: it does not go with the paintings or the base.
        TrainingDiverged, UnusableRun, NoPhotos, UnreadablePicture, MissingLayer, InvalidModel: as in `add_styles`.
    """
    trainer, gates_watch = learn(whole, folder, watch, stop)
    return None if trainer.rank else finish(whole, trainer, gates_watch)


def learn(whole: Whole, folder: Path, watch: Watch, stop: Stop = lambda: False) -> tuple[StyleTrainer, GatesWatch]:
    """The training alone, to its end."""
    watch(Progress("start", 0, 0, whole.recipe.steps, {}))
    trainer = build_trainer(whole)
    samples = [picture.to(whole.device) for picture in sample_pictures(whole, trainer.photos)]
    run = Run(
        folder,
        trainer,
        lambda: draw_sheet(*trainer.averaged(), samples),
        checkpoint_seconds=whole.checkpoint_seconds,
    )
    train_to_the_end(run, watch, stop)
    return trainer, GatesWatch(run, watch, stop)


def build_trainer(whole: Whole) -> StyleTrainer:
    """Everything of a training but its folder."""
    recipe = whole.recipe
    if unknown := sorted({*recipe.style_weights, *recipe.style_shares}.difference(whole.ids)):
        raise UnusableRecipe(f"The recipe weighs a style that is no painting here: {', '.join(unknown)}.")
    styles, shares = len(whole.works), [recipe.style_shares.get(style, 1.0) for style in whole.ids]
    photos = Photos(whole.photos, styles, recipe, shares) if whole.photos else BuiltInPictures(styles, recipe, shares)
    objective = build_objective(whole, copy.deepcopy(whole.descriptor))
    trainer = StyleTrainer(recipe, whole.ids, objective, photos, whole.device)
    if whole.base:
        start_from(trainer, whole.base)
    if whole.compiled:
        trainer.generator.compile()
        trainer.objective.compile()
    return trainer


def build_objective(whole: Whole, descriptor: Descriptor) -> Objective:
    paintings = [read_picture(work.path, whole.recipe.stroke) for work in whole.works]
    weights = [whole.recipe.style_weights.get(style, 1.0) for style in whole.ids]
    return Objective(descriptor, paintings, weights, whole.recipe)


def start_from(trainer: StyleTrainer, base: Model) -> None:
    try:
        trainer.start_from(base.generator, base.rows, base.manifest.style_ids)
    except ValueError as error:
        raise UnusableRecipe(f"{base.manifest.label} cannot be the base: {error}") from None


def sample_pictures(whole: Whole, photos: Photos) -> Sequence[Tensor]:
    """(1, 3, H, W) each, for the sample sheets."""
    paths = (whole.unseen or whole.photos)[:SAMPLES]
    return [read_picture(path, SAMPLE_EDGE) for path in paths] or Pictures(photos, ()).judged()


def finish(whole: Whole, trainer: StyleTrainer, watch: GatesWatch) -> Candidate:
    """The candidate that a training has led to."""
    watch(0)
    generator, rows = trainer.averaged()
    # Not the training's own, which may be narrowed: scores and gates are computed in float32.
    objective = build_objective(whole, whole.descriptor).to(whole.device)
    scores = score(objective, generator, rows, whole.ids, whole.unseen, whole.device)
    watch(0.2)
    version = draw_up(whole, trainer, generator, rows, scores)
    places = {style: (row, row) for row, style in enumerate(whole.ids)}
    photos = [picture.to(whole.device) for picture in Pictures(trainer.photos, whole.unseen).judged()]
    return pass_gates(version, Findings(), Painted(generator, rows, objective, places, photos), watch)


def draw_up(whole: Whole, trainer: StyleTrainer, generator: Generator, rows: StyleRows, scores: Scores) -> Draft:
    recipe = trainer.recipe
    styles = catalogued(whole.works, scores, previewed=whole.preview is not None)
    card = write_card(whole.name, recipe, styles, scores, whole.descriptor_name, trainer.photos.about, whole.notes)
    preview = None if whole.preview is None else whole.preview.to(whole.device)
    previews = draw_previews(generator, rows, whole.ids, preview)
    return draft(
        whole.name,
        generator,
        rows,
        architecture=Architecture(name=recipe.architecture, options=recipe.options, norm=recipe.norm),
        styles=styles,
        descriptor=whole.descriptor_name,
        recipe=recipe.model_dump(mode="json"),
        metrics={
            "scored_photos": list(scores.photos),
            "scored_edge": SCORED_EDGE,
            "paintings": sha256_of(whole.works),
        },
        extras={"card.md": card.encode(), **previews},
    )
