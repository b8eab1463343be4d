"""Training a style encoder: from photos and style images to the encoder of one generator."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from app.model_builds.progress import STEPS_BEGIN, BuildProgress, Stop, TrainingStopped, Watch, train_to_the_end
from app.nets.descriptor import Descriptor
from app.nets.norm import StyleRows
from app.nets.style_encoder import StyleEncoder
from app.registry.encoders import encoders, load_encoder, publish_encoder
from app.registry.error import InvalidModel
from app.registry.label import parse_label
from app.registry.manifest import EncoderManifest
from app.registry.repository import Model, Repository
from app.training.checkpoint import Checkpoint
from app.training.encoder_trainer import EncoderTrainer, shares_of
from app.training.objective import Objective
from app.training.paintings import StyleImage
from app.training.photos import Photos, read_picture
from app.training.recipe import EncoderRecipe, UnusableRecipe
from app.training.run import CHECKPOINT, Run, UnusableRun
from app.training.sheet import draw_sheet
from app.training.style_views import StyleViews, inputs_of, measure_views, unlearned
from app.training.synthetic import BuiltInPictures

CPU = torch.device("cpu")
VIEWS = "views.safetensors"
# On the sample sheets, and their longer edge in pixels.
SAMPLE_PHOTOS, SAMPLE_STYLES, SAMPLE_EDGE = 3, 6, 256


@dataclass(frozen=True)
class OtherEncoder:
    """An encoder to start from: the model that it is for, and its state dict."""

    base: Model
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class EncoderTraining:
    """What an encoder is trained from.

    Attributes:
        base: the generator that it is for, and the rows that it begins about.
        works: the style images that it learns on.
        eye, eye_name: the loss network that it looks through, which must be there wherever it is used.
        judge, judge_name: the loss network of the training.
        photos: to train on; none: the built-in pictures.
        unseen, unseen_works: photos and style images kept out of the training, for the sheets.
        views: a file of views, made where it is not there; None: in the run's folder.
        start: another encoder, to go on from.
        notes: Markdown for the card.
    """

    base: Model
    works: tuple[StyleImage, ...]
    eye: Descriptor
    eye_name: str
    judge: Descriptor
    judge_name: str
    recipe: EncoderRecipe
    photos: tuple[Path, ...] = ()
    unseen: tuple[Path, ...] = ()
    unseen_works: tuple[Path, ...] = ()
    views: Path | None = None
    start: OtherEncoder | None = None
    notes: str = ""
    device: torch.device = CPU
    checkpoint_seconds: float = 120

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(work.id for work in self.works)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.recipe.precision == "bfloat16" else torch.float32


def train_encoder(training: EncoderTraining, folder: Path, watch: Watch, stop: Stop = lambda: False) -> EncoderTrainer:
    """Train in `folder`, which a stopped or killed training goes on from.

    Raises:
        TrainingStopped: `stop` said so.
        UnusableRecipe: none of the works is a style of the base, where a head start is wanted.
        OtherViews, TrainingDiverged, UnusableRun, NoPhotos, UnreadablePicture, MissingLayer: as their names say.
    """

    def begin(fraction: float) -> None:
        watch(BuildProgress("start", STEPS_BEGIN * fraction, 0, training.recipe.steps, {}))
        if stop():
            raise TrainingStopped

    begin(0)
    views = gather_views(training, folder, begin)
    trainer = build_trainer(training, views)
    samples = [read_picture(path, SAMPLE_EDGE) for path in (training.unseen or training.photos)[:SAMPLE_PHOTOS]]
    works = (training.unseen_works or tuple(work.path for work in training.works))[:SAMPLE_STYLES]
    shown = torch.cat([see(training, trainer.encoder, path) for path in works])
    run = Run(
        folder,
        trainer,
        lambda: draw_sheet(trainer.paint.generator, rows_of(trainer.averaged(), shown), samples),
        checkpoint_seconds=training.checkpoint_seconds,
    )
    if not run.begun:
        begin_training(training, trainer)
    train_to_the_end(run, watch, stop)
    return trainer


def gather_views(training: EncoderTraining, folder: Path, tell: Callable[[float], None]) -> StyleViews:
    path = training.views or folder / VIEWS
    inputs = inputs_of(training.works, training.recipe, (training.eye_name, training.judge_name))
    if path.exists():
        return StyleViews.load(path, inputs)
    eye, judge = (copy.deepcopy(network).narrow(training.dtype) for network in (training.eye, training.judge))
    for network in (eye, judge):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    measure_views(training.works, training.recipe, eye, judge, tell).save(path, inputs)
    return StyleViews.load(path, inputs)  # as every later run sees them, rounded


def build_trainer(training: EncoderTraining, views: StyleViews) -> EncoderTrainer:
    recipe, base = training.recipe, training.base
    count = len(views.statistics)
    photos = Photos(training.photos, count, recipe) if training.photos else BuiltInPictures(count, recipe)
    objective = Objective(copy.deepcopy(training.judge), views.targets, [1.0] * count, recipe)
    torch.manual_seed(recipe.seed)
    encoder = unlearned(views.directions, base.generator.features, recipe)
    rows = copy.deepcopy(base.rows)
    return EncoderTrainer(
        recipe, training.ids, encoder, base.generator, rows, views, objective, photos, training.device
    )


def begin_training(training: EncoderTraining, trainer: EncoderTrainer) -> None:
    """From another run's encoder, or with a head start from the rows that are there."""
    if training.start:
        start_from(training, training.start, trainer)
    elif trainer.recipe.head_start:
        known = sorted(set(training.base.manifest.style_ids).intersection(training.ids))
        if not known:
            raise UnusableRecipe("A head start wants style images of the base's own styles; head_start 0 goes without.")
        views = torch.tensor([training.ids.index(style) * trainer.recipe.views for style in known])
        trainer.take_head_start(rows_of_styles(training.base, known), shares_of(trainer.objective, views))


def start_from(training: EncoderTraining, other: OtherEncoder, trainer: EncoderTrainer) -> None:
    shared = sorted(set(other.base.manifest.style_ids).intersection(training.base.manifest.style_ids))
    try:
        trainer.start_from(other.tensors, *(rows_of_styles(base, shared) for base in (other.base, training.base)))
    except ValueError as error:
        raise UnusableRecipe(f"The encoder to start from does not fit: {error}.") from None


def rows_of_styles(model: Model, styles: Sequence[str]) -> StyleRows:
    """A model's rows of some of its styles, in that order."""
    numbers = [model.manifest.style_ids.index(style) for style in styles]
    rows = StyleRows(len(styles), model.generator.features).requires_grad_(False)
    rows.gamma.copy_(model.rows.gamma[numbers])
    rows.beta.copy_(model.rows.beta[numbers])
    return rows


def learned_in(run: Path, models: Repository) -> OtherEncoder:
    """What another run has learned so far. Raises UnusableRun, InvalidModel."""
    try:
        state = Checkpoint.load(run / CHECKPOINT)
        base = EncoderRecipe.model_validate_json(state.recipe).base
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UnusableRun(f"The run in {run} cannot be read: {error}.") from error
    average = "average."
    tensors = {name.removeprefix(average): tensor for name, tensor in state.tensors.items() if name.startswith(average)}
    return OtherEncoder(models.load(base or ""), tensors)


def published_encoder(label: str, models: Path) -> OtherEncoder:
    """The one of that label (`name@version`) in the repository `models`. Raises InvalidModel."""
    if label not in encoders(models):
        raise InvalidModel(f"There is no style encoder {label} in {models}, and no folder of that name.")
    name, version = parse_label(label)
    found = load_encoder(models / name / str(version))
    return OtherEncoder(Repository(models).load(found.manifest.generator), found.encoder.state_dict())


def see(training: EncoderTraining, encoder: StyleEncoder, path: Path) -> Tensor:
    """Statistics (1, size) of a style image at the stroke."""
    with torch.no_grad():
        picture = read_picture(path, training.recipe.stroke)
        return encoder.statistics(training.eye(picture, encoder.layers))


def rows_of(encoder: StyleEncoder, statistics: Tensor) -> StyleRows:
    rows = StyleRows(len(statistics), encoder.features).requires_grad_(False)
    gamma, beta = encoder.row(encoder.code(statistics))
    rows.gamma.copy_(gamma)
    rows.beta.copy_(beta)
    return rows


def publish(training: EncoderTraining, trainer: EncoderTrainer, root: Path, name: str) -> EncoderManifest:
    """What the training has led to, as the next version of the encoder `name` in `root`. Raises InvalidModel."""
    return publish_encoder(
        root,
        name,
        trainer.averaged(),
        training.base,
        network=training.eye_name,
        stroke=training.recipe.stroke,
        recipe=trainer.recipe.model_dump(mode="json"),
        metrics={"works": len(training.works), "photos": trainer.photos.about, "kept_out": kept_out(training)},
        card=write_card(training, trainer, name),
    )


def kept_out(training: EncoderTraining) -> list[str]:
    return [path.name for path in training.unseen_works]


def write_card(training: EncoderTraining, trainer: EncoderTrainer, name: str) -> str:
    recipe = trainer.recipe
    made = (
        f"A style encoder for the generator of {training.base.manifest.label}: the row of any style image in one pass "
        f"of the loss network `{training.eye_name}` over it, at a longer edge of {recipe.stroke} px. Trained for "
        f"{trainer.step} steps of {recipe.batch} crops of {recipe.crop} px on {trainer.photos.about} and "
        f"{recipe.views} views each of {len(training.works)} style images, against the loss network "
        f"`{training.judge_name}` (content {recipe.content_layer} with weight {recipe.content_weight}); the generator "
        f"stayed as it is."
    )
    kept = kept_out(training)
    unseen = f"In no training: {', '.join(kept)}." if kept else ""
    return "\n\n".join(part for part in (f"# {name}", made, training.notes.strip(), unseen) if part) + "\n"
