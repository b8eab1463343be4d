"""Whether the dials turn steadily: what strength and blends do to the losses of judge.py.

With strength 0, .25, .5, .75 and 1 the style loss falls and the content loss rises, for every style, in the mean over
several unseen photos. In a blend of two styles with those shares of the second one, the loss to the first style rises
and that to the second falls. What does not is named.

    python -m benchmarks.quality.steadiness --photos PHOTOS --paintings PAINTINGS \\
        --descriptor vgg19_distilled16x.safetensors
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from app.imaging.colour import lay_over
from app.training.photos import read_picture, to_tensor
from app.training.sheet import to_image
from benchmarks.markdown_table import table
from benchmarks.quality.judge import Judge, add_judge_options
from benchmarks.quality.subject import Subject, add_model_options
from benchmarks.unseen import add_count_option, unseen

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Dial:
    """Two losses at each of STEPS, means over the photos; the first ought to fall and the second to rise."""

    name: str
    falling: tuple[float, ...]
    rising: tuple[float, ...]

    @property
    def breaks(self) -> list[str]:
        """Steps at which a loss goes the wrong way."""
        return [
            f"{kind} from {low:g} to {high:g}"
            for kind, losses in (("falling", self.falling), ("rising", [-loss for loss in self.rising]))
            for (low, before), (high, after) in pairwise(zip(STEPS, losses, strict=True))
            if after >= before
        ]


def laid_over(photo: Tensor, painted: Tensor, strength: float) -> Tensor:
    """As the service does it, in 8 bits: (1, 3, H, W)."""
    mixed = lay_over(np.asarray(to_image(photo)), np.asarray(to_image(painted)), strength)
    return to_tensor(mixed)[None]


def strength_dial(subject: Subject, judge: Judge, style: str, photos: Sequence[Tensor]) -> Dial:
    found = np.zeros((len(photos), 2, len(STEPS)))
    for place, photo in enumerate(photos):
        painted = subject.paint(photo, {style: 1.0})
        for step, strength in enumerate(STEPS):
            losses = judge.losses(laid_over(photo, painted, strength), photo, style)
            found[place, :, step] = losses.style.item(), losses.content.item()
    style_losses, content_losses = found.mean(axis=0)
    return Dial(style, tuple(style_losses), tuple(content_losses))


def blend_dial(subject: Subject, judge: Judge, one: str, other: str, photos: Sequence[Tensor]) -> Dial:
    """From `one` to `other`: the loss to the other falls, that to the one rises."""
    found = np.zeros((len(photos), 2, len(STEPS)))
    for place, photo in enumerate(photos):
        for step, share in enumerate(STEPS):
            painted = subject.paint(photo, {one: 1 - share, other: share})
            losses = [judge.losses(painted, photo, style).style.item() for style in (other, one)]
            found[place, :, step] = losses
    to_other, to_one = found.mean(axis=0)
    return Dial(f"{one} to {other}", tuple(to_other), tuple(to_one))


def pairs(style_ids: Sequence[str], count: int) -> Iterator[tuple[str, str]]:
    """Styles from all over the catalogue, each with the one a third of it further on."""
    for index in range(min(count, len(style_ids))):
        first = index * len(style_ids) // count
        yield style_ids[first], style_ids[(first + len(style_ids) // 3) % len(style_ids)]


def report(title: str, dials: Sequence[Dial]) -> str:
    rows = [
        [
            dial.name,
            *(f"{a:.3f} / {b:.3f}" for a, b in zip(dial.falling, dial.rising, strict=True)),
            "no" if dial.breaks else "yes",
        ]
        for dial in dials
    ]
    broken = [f"{dial.name}: {', '.join(dial.breaks)}" for dial in dials if dial.breaks]
    verdict = "Not steady: " + "; ".join(broken) if broken else "All are steady."
    return f"{title}\n\n{table(['', *(f'{step:g}' for step in STEPS), 'steady'], rows)}\n\n{verdict}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_judge_options(parser)
    add_model_options(parser)
    add_count_option(parser, default=6)
    parser.add_argument("--blends", type=int, default=8, help="pairs of styles")
    args = parser.parse_args(arguments)
    subject = Subject(args)
    judge = Judge(args.descriptor, args.paintings, subject.style_ids, subject.device)
    photos = [read_picture(args.photos / name, args.edge) for name in unseen(args.count)]
    strengths = [strength_dial(subject, judge, style, photos) for style in subject.style_ids]
    print(report(f"{subject.label}, {len(photos)} photos at {args.edge} px, strength: style / content loss", strengths))
    blends = [blend_dial(subject, judge, *pair, photos) for pair in pairs(subject.style_ids, args.blends)]
    print(report("Blends: style loss to the second / to the first style, by the share of the second", blends))
    if args.json:
        found = {"strength": [asdict(dial) for dial in strengths], "blends": [asdict(dial) for dial in blends]}
        args.json.write_text(json.dumps(found | {"steps": STEPS}, indent=2) + "\n")


if __name__ == "__main__":
    main()
