"""How near a style that was added by its row alone comes to one that was trained with the whole model, and how soon.

A style of a published model is taken for new: its row is dropped and trained anew on the frozen generator, from the
nearest other row and from the mean of all others, on photos and on the built-in pictures. All are scored on photos that
no training saw, by the balanced losses that they were trained with (total = style + 0.1 content). With --reference the
rows to compare with are those of another model, whose training had the paintings that this one's had not.

    python -m benchmarks.quality.add_style --photos PHOTOS --paintings PAINTINGS \\
        --descriptor vgg19_distilled16x.safetensors
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from app.model_builds.addition import fitting_precision
from app.nets.descriptor import Descriptor, load_descriptor
from app.nets.norm import StyleRows
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.equivalent import judged
from app.training.objective import Objective
from app.training.paintings import list_paintings
from app.training.photos import Photos, list_photos, read_picture
from app.training.recipe import AddRecipe, add_recipe
from app.training.row_trainer import RowTrainer
from app.training.sheet import paint_sample
from app.training.synthetic import BuiltInPictures
from benchmarks.markdown_table import table
from benchmarks.unseen import NAMES, unseen

STYLES = ("starry_night", "great_wave", "red_chalk", "composition_vii")
TRAINED = "trained with the model"
ARMS = ("photos, nearest", "photos, mean", "built-in, nearest")


@dataclass(frozen=True)
class Row:
    """One row of gamma and beta: how it came about, how long that took, and its mean losses on unseen photos."""

    style: str
    arm: str
    begun_from: str
    steps: int
    seconds: float
    cpu_seconds: float
    total: float
    style_loss: float
    content_loss: float


class Bench:
    """The model, the loss network and the pictures of one benchmark."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.model = Repository(args.models).load(args.model)
        self.reference = Repository(args.models).load(args.reference or args.model)
        given = {"steps": args.steps, "precision": fitting_precision(torch.device("cpu"))}
        self.recipe = add_recipe(self.model.manifest.recipe, given)
        self.works = {work.id: work for work in list_paintings(args.paintings, args.styles)}
        self.unseen = [read_picture(args.photos / name, args.edge) for name in unseen(args.unseen)]

    def rows(self) -> Iterator[Row]:
        for style in self.args.styles:
            yield self.scored(style, self.reference, row_of(self.reference, style), TRAINED, TRAINED, (0, 0.0, 0.0))
            for arm in self.args.arms:
                yield self.train(style, arm)

    def train(self, style: str, arm: str) -> Row:
        recipe = self.recipe.model_copy(update={"start": arm.split(", ")[1]})
        pictures = self.photos(recipe) if arm.startswith("photos") else BuiltInPictures(1, recipe)
        others, ids = without(self.model, style)
        objective = self.objective(style, recipe)
        began, cpu = time.monotonic(), time.process_time()
        trainer = RowTrainer(recipe, (style,), self.model.generator, others, objective, pictures, torch.device("cpu"))
        for _ in trainer.run():
            pass
        taken = (recipe.steps, time.monotonic() - began, time.process_time() - cpu)
        start = trainer.starts[0].row
        return self.scored(style, self.model, trainer.averaged(), arm, "mean" if start is None else ids[start], taken)

    def photos(self, recipe: AddRecipe) -> Photos:
        return Photos(list_photos(self.args.photos, NAMES), 1, recipe)

    def objective(self, style: str, recipe: AddRecipe) -> Objective:
        painting = read_picture(self.works[style].path, recipe.stroke)
        return Objective(read_network(self.args.descriptor), [painting], [1.0], recipe)

    def scored(
        self, style: str, model: Model, rows: StyleRows, arm: str, begun_from: str, taken: tuple[int, float, float]
    ) -> Row:
        objective = self.objective(style, self.recipe)
        losses = [judged(objective, paint_sample(model.generator, rows, photo, 0), photo, 0) for photo in self.unseen]
        total, style_loss, content = (mean([getattr(loss, part) for loss in losses]) for part in PARTS)
        steps, seconds, cpu = taken
        return Row(style, arm, begun_from, steps, round(seconds, 1), round(cpu, 1), total, style_loss, content)


PARTS = ("total", "style", "content")


def mean(values: list[Tensor]) -> float:
    return round(torch.cat(values).mean().item(), 5)


def read_network(path: Path | None) -> Descriptor:
    return load_descriptor(load_file(path)) if path else load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)


def row_of(model: Model, style: str) -> StyleRows:
    """The row of one style."""
    place = model.manifest.style_ids.index(style)
    return rows_at(model, [place])


def without(model: Model, style: str) -> tuple[StyleRows, tuple[str, ...]]:
    """All rows but that of one style, and their ids."""
    places = [place for place, known in enumerate(model.manifest.style_ids) if known != style]
    return rows_at(model, places), tuple(model.manifest.style_ids[place] for place in places)


def rows_at(model: Model, places: list[int]) -> StyleRows:
    rows = StyleRows(len(places), model.generator.features)
    rows.load_state_dict({"gamma": model.rows.gamma[places], "beta": model.rows.beta[places]})
    return rows.requires_grad_(False)


def report(rows: list[Row], bench: Bench) -> None:
    network = bench.args.descriptor.stem if bench.args.descriptor else SHIPPED_DESCRIPTOR
    print(f"\n{bench.model.manifest.label}, {network}, {len(bench.unseen)} unseen photos at {bench.args.edge} px\n")
    headings = ("style", "row", "begun from", "CPU s", "total", "style loss", "content loss", "total against trained")
    trained = {row.style: row for row in rows if row.arm == TRAINED}
    lines = [
        (
            row.style,
            row.arm,
            row.begun_from if row.steps else "",
            f"{row.cpu_seconds:.0f}" if row.steps else "",
            *(f"{value:.4f}" for value in (row.total, row.style_loss, row.content_loss)),
            f"{row.total / trained[row.style].total - 1:+.1%}" if row.steps else "",
        )
        for row in rows
    ]
    print(table(headings, lines))
    for arm in bench.args.arms:
        ratios = [
            (row.total / trained[row.style].total, row.style_loss / trained[row.style].style_loss)
            for row in rows
            if row.arm == arm
        ]
        total, style = (sum(part) / len(ratios) - 1 for part in zip(*ratios, strict=True))
        print(f"{arm}: total {total:+.1%}, style loss {style:+.1%} against the rows trained with the model")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos, the unseen ones among them")
    parser.add_argument("--paintings", type=Path, required=True, help="folder of the paintings, by style id")
    parser.add_argument("--descriptor", type=Path, help="loss network, a safetensors file; the shipped one else")
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--reference", help="model whose rows are compared with; the same one else")
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--arms", nargs="+", default=ARMS, choices=ARMS)
    parser.add_argument("--steps", type=int, default=AddRecipe().steps)
    parser.add_argument("--unseen", type=int, default=10, help="unseen photos to score on")
    parser.add_argument("--edge", type=int, default=384, help="their longer edge in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)

    bench = Bench(args)
    rows = []
    for row in bench.rows():
        rows.append(row)
        print(json.dumps(asdict(row)), flush=True)
    report(rows, bench)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
