"""Training a whole model: from photos and style images to a candidate version, for the command line and the jobs.

training = FullTraining("mine", works, descriptor, "slim", Recipe(steps=8000), photos=inspect_photos(folder).usable)
candidate = train_full(training, folder, watch=lambda progress: ..., stop=lambda: False)
candidate.publish(models_root)
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from app.model_builds.addition import sha256_of
from app.model_builds.candidate import Candidate, pass_gates
from app.model_builds.card import write_card
from app.model_builds.catalogued import catalogued
from app.model_builds.pictures import Pictures
from app.model_builds.previews import draw_previews, preview_photo
from app.model_builds.progress import BuildProgress, GatesWatch, Stop, Watch, train_to_the_end
from app.model_builds.sample_photos import SAMPLE_PHOTOS
from app.model_builds.scores import SCORED_EDGE, Scores, score
from app.nets.descriptor import Descriptor
from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture
from app.registry.publish import Draft, draft
from app.registry.repository import Model
from app.training.gates import Findings, JudgedStyles
from app.training.objective import Objective
from app.training.paintings import StyleImage
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
class FullTraining:
    """What a model is trained from.

    Attributes:
        name: of the model.
        photos: to train on; none: the built-in pictures.
        unseen: photos to score on.
        base: the model that `recipe.base` names, where it names one.
        preview, notes: a photo (1, 3, H, W) in 0..1 for the previews, and Markdown for the card.
    """

    name: str
    works: tuple[StyleImage, ...]
    descriptor: Descriptor
    descriptor_name: str
    recipe: Recipe
    photos: tuple[Path, ...] = ()
    unseen: tuple[Path, ...] = ()
    base: Model | None = None
    preview: Tensor = field(default_factory=preview_photo)
    notes: str = ""
    device: torch.device = CPU
    compiled: bool = False
    checkpoint_seconds: float = 120

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(work.id for work in self.works)


def train_full(training: FullTraining, folder: Path, watch: Watch, stop: Stop = lambda: False) -> Candidate | None:
    """Train, score and run the gates. A stopped or killed training continues from `folder`.

    Returns:
        None in all processes but the first, where several train together.

    Raises:
        TrainingStopped: `stop` said so.
        UnusableRecipe: it does not fit the style images or the base.
        TrainingDiverged, UnusableRun, NoPhotos, UnreadablePicture, MissingLayer, InvalidModel: as in `add_styles`.
    """
    trainer, gates_watch = learn(training, folder, watch, stop)
    return None if trainer.rank else finish(training, trainer, gates_watch)


def learn(
    training: FullTraining, folder: Path, watch: Watch, stop: Stop = lambda: False
) -> tuple[StyleTrainer, GatesWatch]:
    """The training alone, to its end."""
    watch(BuildProgress("start", 0, 0, training.recipe.steps, {}))
    trainer = build_trainer(training)
    samples = [picture.to(training.device) for picture in sample_pictures(training)]
    run = Run(
        folder,
        trainer,
        lambda: draw_sheet(*trainer.averaged(), samples),
        checkpoint_seconds=training.checkpoint_seconds,
    )
    train_to_the_end(run, watch, stop)
    return trainer, GatesWatch(run, watch, stop)


def build_trainer(training: FullTraining) -> StyleTrainer:
    """Everything of a training but its folder."""
    recipe = training.recipe
    weighed = {*recipe.style_weights, *recipe.style_shares, *recipe.palette_shares}
    if unknown := sorted(weighed.difference(training.ids)):
        raise UnusableRecipe(f"The recipe weighs a style without a style image: {', '.join(unknown)}.")
    styles, shares = len(training.works), [recipe.style_shares.get(style, 1.0) for style in training.ids]
    photos = (
        Photos(training.photos, styles, recipe, shares) if training.photos else BuiltInPictures(styles, recipe, shares)
    )
    objective = build_objective(training, copy.deepcopy(training.descriptor))
    trainer = StyleTrainer(recipe, training.ids, objective, photos, training.device)
    if training.base:
        start_from(trainer, training.base)
    if training.compiled:
        trainer.generator.compile()
        trainer.objective.compile()
    return trainer


def build_objective(training: FullTraining, descriptor: Descriptor) -> Objective:
    paintings = read_style_images(training)
    weights = [training.recipe.style_weights.get(style, 1.0) for style in training.ids]
    return Objective(descriptor, paintings, weights, training.recipe)


def read_style_images(training: FullTraining) -> list[Tensor]:
    """(1, 3, H, W) each, in 0..1."""
    return [read_picture(work.path, training.recipe.stroke) for work in training.works]


def start_from(trainer: StyleTrainer, base: Model) -> None:
    try:
        trainer.start_from(base.generator, base.rows, base.manifest.style_ids)
    except ValueError as error:
        raise UnusableRecipe(f"{base.manifest.label} cannot be the base: {error}") from None


def sample_pictures(training: FullTraining) -> Sequence[Tensor]:
    """(1, 3, H, W) each, for the sample sheets."""
    paths = training.unseen or training.photos or SAMPLE_PHOTOS
    return [read_picture(path, SAMPLE_EDGE) for path in paths[:SAMPLES]]


def finish(training: FullTraining, trainer: StyleTrainer, watch: GatesWatch) -> Candidate:
    """The candidate that a training has led to."""
    watch(0)
    generator, rows = trainer.finished(read_style_images(training))
    # Not the training's own, which may be in bfloat16: scores and gates are computed in float32.
    objective = build_objective(training, training.descriptor).to(training.device)
    scores = score(objective, generator, rows, training.ids, training.unseen, training.device)
    watch(0.2)
    version = draw_up(training, trainer, generator, rows, scores)
    places = {style: (row, row) for row, style in enumerate(training.ids)}
    photos = [picture.to(training.device) for picture in Pictures(trainer.photos, training.unseen).judged()]
    return pass_gates(version, Findings(), JudgedStyles(generator, rows, objective, places, photos), watch)


def draw_up(
    training: FullTraining, trainer: StyleTrainer, generator: Generator, rows: StyleRows, scores: Scores
) -> Draft:
    recipe = trainer.recipe
    styles = catalogued(training.works, scores)
    card = write_card(
        training.name, recipe, styles, scores, training.descriptor_name, trainer.photos.about, training.notes
    )
    previews = draw_previews(generator, rows, training.ids, training.preview.to(training.device))
    return draft(
        training.name,
        generator,
        rows,
        architecture=Architecture(name=recipe.architecture, options=recipe.options, norm=recipe.norm),
        styles=styles,
        descriptor=training.descriptor_name,
        recipe=recipe.model_dump(mode="json"),
        metrics={
            "scored_photos": list(scores.photos),
            "scored_edge": SCORED_EDGE,
            "paintings": sha256_of(training.works),
        },
        extras={"card.md": card.encode(), **previews},
    )
