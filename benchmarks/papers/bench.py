"""What the parts of papers.py share: photos, paintings, the loss network, and trainings that go on where they stopped.

Without folders of photos and paintings there is what ships: photos are the built-in pictures, and paintings are the
previews of the newest `compact`, a photo painted in each of its styles. They show that everything runs; what the papers
claim is for photos and paintings.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from app.model_builds.addition import fitting_precision
from app.model_builds.pictures import UNSEEN_SALT
from app.nets.descriptor import Descriptor, load_descriptor
from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS
from app.training.objective import Objective
from app.training.paintings import list_paintings
from app.training.photos import Photos, list_photos, read_picture
from app.training.recipe import TRACES, Aim, Recipe, Schedule
from app.training.run import Run
from app.training.sheet import draw_sheet
from app.training.style_trainer import StyleTrainer, evaluate
from app.training.synthetic import BuiltInPictures
from app.training.trainer import Trainer
from benchmarks.papers.notes import Figures, Notes
from benchmarks.papers.size import FULL, MINUTES, SMALL, Size
from benchmarks.papers.stopwatch import Stopwatch
from benchmarks.unseen import NAMES, unseen

SHIPPED_MODEL = "compact"
SETTING = "setting.json"
CONTENT_WEIGHT = 0.1
MARKS = 10  # of a training's curve
CHECKPOINT_SECONDS = 60


class OtherSetting(Exception):
    """The folder holds measurements of another setting; figures of two settings would stand in one table."""


@dataclass(frozen=True)
class Setting:
    """What all figures of a folder were measured with. `photos` and `paintings` are folders, None: what ships."""

    size: str
    minutes: float
    photos: str | None
    paintings: str | None
    descriptor: str
    styles: tuple[str, ...]
    device: str
    threads: int
    processor_seconds: bool
    seed: int

    @property
    def measures(self) -> Size:
        return FULL if self.size == "full" else SMALL.scaled(self.minutes)

    @property
    def about(self) -> str:
        """A line for the reader of a table."""
        size = (
            "full size" if self.size == "full" else f"small size, trainings of {self.minutes:g} of {MINUTES:g} minutes"
        )
        photos = "photos" if self.photos else "built-in pictures for photos"
        paintings = "paintings" if self.paintings else "shipped previews for paintings"
        clock = "processor seconds" if self.processor_seconds else "seconds"
        machine = f"{self.device}, threads: {self.threads}; {clock}"
        return f"Measured with: {size}; {photos}, {paintings}; loss network `{self.descriptor}`; {machine}."


class Bench:
    """Inputs and trainings of one setting, in the folder `out`. `network` is a loss network's file, None: the shipped.

    Raises:
        OtherSetting: it is the folder of another one.
        NoPhotos, UnusablePaintings, UnknownLayout: an input cannot be used.
    """

    def __init__(self, setting: Setting, size: Size, out: Path, network: Path | None) -> None:
        self.setting = setting
        self.size = size
        self.out = out
        self.device = torch.device(setting.device)
        self.watch = Stopwatch(self.device, processor=setting.processor_seconds)
        self.styles = setting.styles
        self._paintings = {work.id: work.path for work in list_paintings(paintings_folder(setting), self.styles)}
        self._network = load_descriptor(load_file(network)) if network else shipped_network()
        self._seen, self._unseen = photo_paths(setting.photos, self.size.unseen)
        claim(out, setting)

    def descriptor(self) -> Descriptor:
        """A copy of its own: a training narrows the one that it is given."""
        return copy.deepcopy(self._network).to(self.device)

    def painting(self, style: str, edge: int) -> Tensor:
        """(1, 3, H, W) with a longer edge of `edge` pixels."""
        return read_picture(self._paintings[style], edge).to(self.device)

    def photo(self, edge: int) -> Tensor:
        """The first of `photos`."""
        return next(iter(self.photos(edge, 1).values()))

    def photos(self, edge: int, count: int | None = None) -> dict[str, Tensor]:
        """Unseen ones by name, (1, 3, H, W) each, with a longer edge of `edge` pixels."""
        count = count or self.size.unseen
        if self._unseen:
            return {path.name: read_picture(path, edge).to(self.device) for path in self._unseen[:count]}
        built_in = BuiltInPictures(1, Schedule(batch=1, crop=edge, seed=self.setting.seed))
        drawn = [built_in.sample(place, UNSEEN_SALT).photos for place in range(count)]
        return {f"built-in {place}": photo.to(self.device) for place, photo in enumerate(drawn)}

    def objective(self, styles: Sequence[str], recipe: Aim) -> Objective:
        paintings = [self.painting(style, recipe.stroke) for style in styles]
        return Objective(self.descriptor(), paintings, [1.0] * len(styles), recipe).to(self.device)

    def recipe(self, **members: Any) -> Recipe:
        """Of this size, with what the part wants."""
        return Recipe.model_validate(self.aims() | members)

    def aims(self) -> dict[str, Any]:
        """Members that all trainings have. Traces of the network cost nothing: the papers knew no such losses."""
        size = self.size
        return {
            "crop": size.crop,
            "zoom": size.zoom,
            "stroke": size.edge,
            "seed": self.setting.seed,
            "content_weight": CONTENT_WEIGHT,
            "precision": fitting_precision(self.device),
            **dict.fromkeys(TRACES, 0.0),
        }

    def train(self, notes: Notes, name: str, styles: Sequence[str], recipe: Recipe) -> StyleTrainer:
        """A network that has been trained to the end; the scores at each mark are noted as `curve` of `name`."""
        objective = self.objective(styles, recipe)
        trainer = StyleTrainer(recipe, tuple(styles), objective, self.pictures(styles, recipe), self.device)
        score = self.scores(styles, recipe)
        self.follow(notes, name, trainer, lambda: score(*trainer.averaged()))
        return trainer

    def scores(self, styles: Sequence[str], recipe: Aim) -> Callable[[Generator, StyleRows], Figures]:
        """What tells style and content loss of each style of a model, means over the unseen photos, in float32."""
        objective = self.objective(styles, recipe)
        photos = list(self.photos(self.size.edge).values())

        def score(generator: Generator, rows: StyleRows) -> Figures:
            found = [losses.tolist() for losses in evaluate(objective, generator, rows, photos)]
            return {"style": [style for style, _ in found], "content": [content for _, content in found]}

        return score

    def pictures(self, styles: Sequence[str], recipe: Schedule) -> Photos:
        return Photos(self._seen, len(styles), recipe) if self._seen else BuiltInPictures(len(styles), recipe)

    def follow(self, notes: Notes, name: str, trainer: Trainer, probe: Callable[[], Figures]) -> None:
        """Train to the end, from where its folder stands, with a probe at each mark."""
        about = json.dumps([trainer.recipe.model_dump(mode="json"), trainer.targets])
        folder = self.out / "trainings" / f"{name}-{hashlib.sha256(about.encode()).hexdigest()[:8]}"
        run = Run(folder, trainer, self.sheet(trainer), checkpoint_seconds=CHECKPOINT_SECONDS)
        run.resume()
        steps = trainer.recipe.steps
        marks = {max(1, steps * mark // MARKS) for mark in range(1, MARKS + 1)}
        for step in run.steps():
            if step.step in marks:
                print(f"{name}: step {step.step} of {steps}, total {step.losses['total']:.4f}", flush=True)
                notes.once(probe, what="curve", name=name, step=step.step)
        # A run that was killed between its last step and that step's note has no step left.
        notes.once(probe, what="curve", name=name, step=steps)

    def keep(self, picture: Image.Image, name: str) -> None:
        """As a file beside the measurements, to be looked at."""
        folder = self.out / "pictures"
        folder.mkdir(exist_ok=True)
        picture.save(folder / f"{name}.jpg", quality=92)

    def sheet(self, trainer: Trainer) -> Callable[[], Image.Image] | None:
        if not isinstance(trainer, StyleTrainer):
            return None
        photos = list(self.photos(self.size.edge, 2).values())
        return lambda: draw_sheet(*trainer.averaged(), photos)


def paintings_folder(setting: Setting) -> Path:
    if setting.paintings:
        return Path(setting.paintings)
    return Repository(SHIPPED_MODELS).load(SHIPPED_MODEL).folder / "previews"


def shipped_network() -> Descriptor:
    return load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)


def photo_paths(folder: str | None, count: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Those to train on and those to measure on: the ones named in unseen_photos.txt, or some from all over the folder.

    Raises:
        NoPhotos: there are none to train on.
    """
    if folder is None:
        return (), ()
    there = list_photos(Path(folder))
    by_name = {path.name: path for path in there}
    kept_out = set(NAMES) & by_name.keys()
    chosen = [by_name[name] for name in unseen(count) if name in by_name]
    if len(chosen) < count:
        chosen = [there[place * len(there) // count] for place in range(count)]
        kept_out = {path.name for path in chosen}
    return list_photos(Path(folder), kept_out), tuple(chosen)


def read_setting(out: Path) -> Setting:
    """Of the measurements in a folder."""
    members = json.loads((out / SETTING).read_text())
    return Setting(**members | {"styles": tuple(members["styles"])})


def claim(out: Path, setting: Setting) -> None:
    """Make the folder this setting's. Raises OtherSetting."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / SETTING).exists():
        (out / SETTING).write_text(json.dumps(asdict(setting), indent=2) + "\n")
    mine, before = asdict(setting), asdict(read_setting(out))
    if changed := [name for name in mine if mine[name] != before[name]]:
        raise OtherSetting(f"{out} holds measurements with another {', '.join(changed)}; --out names another folder.")
