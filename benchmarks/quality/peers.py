"""How stylized images compare with those of peers: by an independent judge, by what is left of the photo, and by eye.

For every model: distance of its pictures from their style images to the judge of independent_judge.py (lower is
nearer), the share of pictures whose style image the judge names rightly, the relief that all styles share on a photo,
and the content loss on the exact VGG-19 (relu3_3, balanced). With --peers, a folder of PHOTO.STYLE.jpg, the same of
these pictures, and a sheet that shows both.

    python -m benchmarks.quality.peers --photos PHOTOS --paintings STYLE_IMAGES \\
        --exact vgg19_conv1-conv3.safetensors --peers PEERS --model compact --sheet sheet.jpg
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.cli.training_run import read_descriptor
from app.losses import balanced_content_loss
from app.nets.descriptor import Descriptor
from app.training.photos import open_rgb, read_picture, to_tensor
from app.training.sheet import to_image
from benchmarks.captions import stacked, strip
from benchmarks.markdown_table import table
from benchmarks.quality.independent_judge import IndependentJudge, load_embed, shared_relief
from benchmarks.quality.subject import Subject, add_model_options
from benchmarks.unseen import unseen

CONTENT_LAYER = "relu3_3"
SHEET_EDGE = 320

Pictures = Mapping[tuple[str, str], Tensor]  # (1, 3, H, W) by photo and style id


@dataclass(frozen=True)
class Verdict:
    """The figures of one painter.

    Attributes:
        distances, contents: means over the photos by style id.
        named: share of the pictures whose style image is the nearest one.
        relief: shared by the styles, by photo.
    """

    painter: str
    distances: dict[str, float]
    contents: dict[str, float]
    named: float
    relief: dict[str, float]


class Comparison:
    """What all painters are measured with.

    Args:
        photos: (1, 3, H, W) by name.
    """

    def __init__(self, judge: IndependentJudge, exact: Descriptor, photos: Mapping[str, Tensor]) -> None:
        self.judge = judge
        self.exact = exact
        self.photos = photos
        with torch.inference_mode():
            self.of_photo = {name: self.features(photo) for name, photo in photos.items()}

    def verdict(self, painter: str, pictures: Pictures) -> Verdict:
        by_style: dict[str, list[tuple[float, float]]] = {}
        right = 0
        for (photo, style), picture in pictures.items():
            distances = self.judge.distances(to_image(picture))
            right += min(distances, key=distances.__getitem__) == style
            by_style.setdefault(style, []).append((distances[style], self.content(picture, photo)))
        return Verdict(
            painter,
            {style: fmean(distance for distance, _ in pairs) for style, pairs in by_style.items()},
            {style: fmean(content for _, content in pairs) for style, pairs in by_style.items()},
            right / len(pictures),
            {photo: self.relief(photo, pictures) for photo in self.photos},
        )

    @torch.inference_mode()
    def content(self, picture: Tensor, photo: str) -> float:
        return float(balanced_content_loss(self.features(picture), self.of_photo[photo]))

    def features(self, picture: Tensor) -> Tensor:
        return self.exact(picture, [CONTENT_LAYER])[CONTENT_LAYER]

    def relief(self, photo: str, pictures: Pictures) -> float:
        painted = [to_image(picture) for (name, _), picture in pictures.items() if name == photo]
        return shared_relief(to_image(self.photos[photo]), painted) if len(painted) > 1 else 0.0


def paint_all(subject: Subject, photos: Mapping[str, Tensor]) -> Pictures:
    return {
        (name, style): subject.paint(photo, {style: 1.0}).cpu()
        for name, photo in photos.items()
        for style in subject.style_ids
    }


def read_peers(folder: Path, photos: Mapping[str, Tensor]) -> Pictures:
    """Their pictures of these photos, each at its photo's size."""
    found = {}
    for path in sorted(folder.glob("*.*.jpg")):
        photo, style, _ = path.name.split(".")
        if photo in photos:
            height, width = photos[photo].shape[2:]
            resized = open_rgb(path).resize((width, height), Image.Resampling.LANCZOS)
            found[photo, style] = to_tensor(np.asarray(resized))[None]
    return found


def report(verdicts: Sequence[Verdict]) -> str:
    """Figures by painter, then distances by style."""
    lines = [
        [
            verdict.painter,
            f"{fmean(verdict.distances.values()):.2f}",
            f"{median(verdict.distances.values()):.2f}",
            f"{verdict.named:.0%}",
            f"{fmean(verdict.relief.values()):.2f}",
            f"{fmean(verdict.contents.values()):.3f}",
        ]
        for verdict in verdicts
    ]
    figures = table(("painter", "distance: mean", "median", "named", "shared relief", "content"), lines)
    styles = sorted({style for verdict in verdicts for style in verdict.distances})
    rows = [[style, *(cell(verdict, style) for verdict in verdicts)] for style in styles]
    return f"{figures}\n\nDistance / content by style:\n\n{table(('style', *(v.painter for v in verdicts)), rows)}"


def cell(verdict: Verdict, style: str) -> str:
    if style not in verdict.distances:
        return ""
    return f"{verdict.distances[style]:.2f} / {verdict.contents[style]:.2f}"


def draw_sheet(painters: Mapping[str, Pictures], pairs: Sequence[tuple[str, str]]) -> Image.Image:
    """A line for each pair of photo and style, a column for each painter."""
    lines = []
    for photo, style in pairs:
        pictures = [(f"{style}: {painter}", to_image(pictures[photo, style])) for painter, pictures in painters.items()]
        for _, picture in pictures:
            picture.thumbnail((SHEET_EDGE, SHEET_EDGE))
        lines.append(strip(pictures))
    return stacked(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with the unseen photos")
    parser.add_argument("--paintings", type=Path, required=True, help="folder of the style images, by style id")
    parser.add_argument("--exact", type=Path, required=True, help="the first blocks of VGG-19, a safetensors file")
    parser.add_argument("--peers", type=Path, help="folder of PHOTO.STYLE.jpg")
    parser.add_argument("--edge", type=int, default=512, help="longer edge of the photos in pixels")
    parser.add_argument("--count", type=int, default=6, help="unseen photos; with --peers, those of the peers")
    parser.add_argument("--sheet", type=Path, help="file for pictures beside the peers'")
    parser.add_argument("--json", type=Path, help="file for the figures")
    add_model_options(parser, several=True)
    args = parser.parse_args(arguments)
    peers = sorted({path.name.split(".")[0] for path in args.peers.glob("*.*.jpg")}) if args.peers else []
    names = [f"{name}.jpg" for name in peers if f"{name}.jpg" in unseen(40)] or unseen(args.count)
    photos = {Path(name).stem: read_picture(args.photos / name, args.edge) for name in names}
    subjects = [Subject(args, model) for model in args.model or ["compact"]]
    painters = {subject.label: paint_all(subject, photos) for subject in subjects}
    if args.peers:
        painters["peers"] = read_peers(args.peers, photos)
    files = {path.stem: path for path in args.paintings.glob("*.jpg")}
    judge = IndependentJudge(load_embed(), {style: open_rgb(files[style]) for style in subjects[0].style_ids})
    comparison = Comparison(judge, read_descriptor(args.exact), photos)
    verdicts = [comparison.verdict(painter, pictures) for painter, pictures in painters.items()]
    print(f"{len(photos)} unseen photos at {args.edge} px\n\n{report(verdicts)}")
    if args.sheet and args.peers:
        draw_sheet(painters, list(painters["peers"])).save(args.sheet, quality=88)
    if args.json:
        args.json.write_text(json.dumps([asdict(verdict) for verdict in verdicts], indent=2) + "\n")


if __name__ == "__main__":
    main()
