"""How steady painted clips are: ways to paint their frames, on clips whose flow is known exactly.

The clips are made from photos: a pan, a zoom, a photo that moves across another one, a still camera, and one under a
lamp that flickers, all with the noise of a camera. The warping error (1604.08610, equation 4 without its weights) is
the root mean square, in 8-bit levels, of what differs between a painted frame and the one before it, moved along the
flow; pixels that come into the picture are left out. Beside it stand what a steady clip must not lose: `sharp` is the
energy of the gradients, and `style` the balanced distance of the features' Gram matrices from those of the frames
painted one by one, both over the second half of the clip. 1 and 0 are the frames painted one by one.

    python -m benchmarks.quality.video --edge 256 --frames 12 --styles starry_night udnie
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path

import skimage
import torch
import torch.nn.functional as F
from torch import Tensor

from app.imaging.resize import fitted, resize
from app.losses import balanced_style_loss, gram
from app.nets.norm import EPSILON, InstanceNorm
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.settings import SHIPPED_MODELS
from app.training.photos import read_picture
from app.video.bounds import Bounds
from app.video.motion import found_flow, grid, moved
from app.video.quick_steadiness import QuickSteadiness
from app.video.reading import open_clip
from app.video.steadiness import Keeping, Steadiness, as_tensor
from benchmarks.markdown_table import table
from benchmarks.quality.subject import Subject, add_model_options

PHOTOS = ("astronaut.png", "coffee.png")  # scikit-image's
NOISE = 2 / 255  # standard deviation of a camera's noise in daylight
PAN = 2.3  # pixels a frame: not a whole number, and not a multiple of the strides
ZOOM = 1.006  # a frame
OBJECT = 3.1  # pixels a frame
FLICKER, FLICKER_FRAMES = (
    0.08,
    3.0,
)  # of the light, and its period: a lamp's 100 Hz beside a camera's 33 frames a second

EXPLAINED = 8  # levels that a pixel of a film may differ by from where its motion comes from

Painting = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Clip:
    """
    Attributes:
        frames: (T, 3, H, W) in 0..1.
        flow: for each frame but the first, where each pixel was in the frame before: (T - 1, H, W, 2) as `grid_sample`
            takes it.
        seen: whether it was to be seen there, (T - 1, 1, H, W) of 0 and 1.
    """

    name: str
    frames: Tensor
    flow: Tensor
    seen: Tensor


def look(photo: Tensor, positions: Tensor) -> Tensor:
    return F.grid_sample(photo, positions[None], "bicubic", "reflection", align_corners=False).clamp(0, 1)


def camera_clip(name: str, photo: Tensor, edge: int, frames: int, move: tuple[float, float], zoom: float) -> Clip:
    """A window of half of the photo that moves by `move` pixels a frame and grows by `zoom`."""
    height, width = edge * 3 // 4, edge
    base = grid(height, width)
    pixel = torch.tensor([2 / width, 2 / height])
    moved = torch.tensor(move) * pixel
    scales = [zoom**t for t in range(frames)]
    middle = (frames - 1) / 2
    views = [0.5 * (base / scale + (t - middle) * moved) for t, scale in enumerate(scales)]
    pictures = torch.cat([look(photo, view) for view in views])
    # Where base / s1 + t1 * moved is, in terms of the frame before.
    flows = torch.stack([(base / after + moved) * before for before, after in pairwise(scales)])
    return finished(name, pictures, flows)


def flickering_clip(photo: Tensor, edge: int, frames: int) -> Clip:
    """A still camera under a light that comes and goes; the painting need not."""
    base = grid(edge * 3 // 4, edge)
    turns = torch.arange(frames) * (2 * torch.pi / FLICKER_FRAMES)
    lights = (1 + FLICKER * torch.sin(turns))[:, None, None, None]
    return finished("flicker", (lights * look(photo, 0.5 * base)).clamp(0, 1), base.expand(frames - 1, -1, -1, -1))


def object_clip(photo: Tensor, other: Tensor, edge: int, frames: int) -> Clip:
    """A disc of the other photo that moves across a still one."""
    height, width = edge * 3 // 4, edge
    base = grid(height, width)
    step = torch.tensor([2 * OBJECT / width, 0.0])
    still, pictures, discs = look(photo, 0.7 * base), [], []
    for t in range(frames):
        place = base - (t - (frames - 1) / 2) * step
        disc = (place.square().sum(2, keepdim=True) < 0.25).float().permute(2, 0, 1)[None]
        pictures.append(disc * look(other, 0.7 * place) + (1 - disc) * still)
        discs.append(disc)
    flows = torch.stack([torch.where(disc[0, 0, :, :, None] > 0, base - step, base) for disc in discs[1:]])
    clip = finished("object", torch.cat(pictures), flows)
    # Behind the disc was what is to be seen now.
    same = [(b - moved(a, f[None])).abs() < 0.5 for (a, b), f in zip(pairwise(discs), flows, strict=True)]
    return Clip(clip.name, clip.frames, clip.flow, clip.seen * torch.cat(same))


def finished(name: str, pictures: Tensor, flows: Tensor) -> Clip:
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0)) * NOISE
    frames = ((pictures + noise).clamp(0, 1) * 255).round() / 255
    # Interpolation asks two pixels on each side.
    inside = 1 - torch.tensor([4 / frames.shape[3], 4 / frames.shape[2]])
    return Clip(name, frames, flows, (flows.abs() < inside).all(3).float()[:, None])


def real_clip(path: Path, edge: int, frames: int) -> Clip:
    """The first frames of a film, whose flow is not known but found; what it does not explain is left out."""
    with closing(open_clip(path, Bounds())) as film:
        size = fitted(film.width, film.height, edge)
        pictures = [resize(frame.picture, *size).rgb for frame in islice(film.frames(), frames)]
    tensors = torch.cat([as_tensor(picture) for picture in pictures])
    flows = torch.cat([found_flow(before[None], after[None]) for before, after in pairwise(tensors)])
    apart = (tensors[1:] - moved(tensors[:-1], flows)).abs().mean(1, keepdim=True)
    return Clip(path.stem, tensors, flows, (255 * apart < EXPLAINED).float())


def clips(photos: Sequence[Tensor], edge: int, frames: int) -> Iterator[Clip]:
    for place, photo in enumerate(photos):
        yield camera_clip("still", photo, edge, frames, (0, 0), 1)
        yield camera_clip("pan", photo, edge, frames, (PAN, PAN / 2), 1)
        yield camera_clip("zoom", photo, edge, frames, (0, 0), ZOOM)
        yield object_clip(photo, photos[place - 1], edge, frames)
        yield flickering_clip(photo, edge, frames)


def warping_error(frames: Tensor, clip: Clip) -> float:
    """In levels, over all frames but the first."""
    differences = (frames[1:] - moved(frames[:-1], clip.flow)).square() * clip.seen
    return 255 * (differences.sum() / (3 * clip.seen.sum())).sqrt().item()


class SmoothedNorms:
    """Instance norms whose statistics are means over the last frames: `share` is that of the newest one."""

    def __init__(self, generator: torch.nn.Module, share: float) -> None:
        self._norms = [norm for norm in generator.modules() if isinstance(norm, InstanceNorm)]
        self._share = share
        self._means: dict[int, tuple[Tensor, Tensor]] = {}

    def __enter__(self) -> None:
        for place, norm in enumerate(self._norms):
            norm.forward = partial(self._norm, place)  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        for norm in self._norms:
            del norm.forward

    def _norm(self, place: int, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0, keepdim=True)
        if place in self._means:
            mean = torch.lerp(self._means[place][0], mean, self._share)
            variance = torch.lerp(self._means[place][1], variance, self._share)
        self._means[place] = mean, variance
        return (x - mean) * torch.rsqrt(variance + EPSILON) * gamma[:, :, None, None] + beta[:, :, None, None]


def one_by_one(clip: Clip, paint: Painting) -> Tensor:
    return torch.cat([paint(frame) for frame in clip.frames.split(1)])


def smoothed(frames: Tensor, share: float) -> Tensor:
    """Exponential smoothing, as peers have it."""
    shown = [frames[0]]
    for frame in frames[1:]:
        shown.append(torch.lerp(shown[-1], frame, share))
    return torch.stack(shown)


def steadied(clip: Clip, painted: Tensor, share: float, flows: Tensor | None = None) -> Tensor:
    """As `pastiche stylize` does it.

    Args:
        painted: (T, 3, H, W).
        flows: (T - 1, H, W, 2), where they need not be found.
    """
    steadiness = Steadiness(Keeping(share))
    known = [None] * len(painted) if flows is None else [None, *flows[:, None]]
    frames = zip(clip.frames.split(1), painted.split(1), known, strict=True)
    return torch.cat([steadiness.add(*each) for each in frames])


def steadied_live(clip: Clip, painted: Tensor) -> Tensor:
    """As live sessions do it."""
    steadiness = QuickSteadiness()
    return torch.cat([steadiness.add(*each) for each in zip(clip.frames.split(1), painted.split(1), strict=True)])


def sharpness(frames: Tensor) -> float:
    return sum(frames.diff(dim=axis).square().mean().item() for axis in (2, 3))


@dataclass(frozen=True)
class Row:
    """Of one way, over all clips of a kind and styles; the input has no style."""

    way: str
    clip: str
    error: float
    sharp: float
    style: float


def measured(args: argparse.Namespace) -> Iterator[Row]:
    """A row for each style, clip and way."""
    subject = Subject(args)
    eye = load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)
    photos = [read_picture(Path(skimage.__file__).parent / "data" / name, 2 * args.edge) for name in PHOTOS]

    def grams(frames: Tensor) -> list[Tensor]:
        return [gram(feature) / feature[0, 0].numel() for feature in eye(frames[len(frames) // 2 :: 3]).values()]

    films = [real_clip(path, args.edge, args.frames) for path in args.films]
    for clip in chain(clips(photos[: args.photos], args.edge, args.frames), films):
        yield Row("the clip itself", clip.name, warping_error(clip.frames, clip), 1, 0)
        for style in args.styles:
            paint = partial(subject.paint, blend={style: 1.0})
            plain = one_by_one(clip, paint)
            ways = {"one by one": plain, "smoothed, half": smoothed(plain, 0.5)}
            for share in (0.3, 0.1):
                with SmoothedNorms(subject._generator, share):
                    ways[f"smoothed statistics, {share:g}"] = one_by_one(clip, paint)
            still = grid(*plain.shape[2:]).expand(len(plain) - 1, -1, -1, -1)
            ways["what stays is kept"] = steadied(clip, plain, 0.85, still)
            for share in (0.7, 0.85):
                ways[f"what moves is followed, {share:g}"] = steadied(clip, plain, share)
            ways["the same, looked for at half of the size"] = steadied_live(clip, plain)
            ways["what moves is followed, 0.85, with the exact flow"] = steadied(clip, plain, 0.85, clip.flow)
            target = grams(plain)
            half = len(plain) // 2
            for way, frames in ways.items():
                pairs = zip(grams(frames), target, strict=True)
                distances = [balanced_style_loss(G, A).mean().item() for G, A in pairs]
                yield Row(
                    way,
                    clip.name,
                    warping_error(frames, clip),
                    sharpness(frames[half:]) / sharpness(plain[half:]),
                    sum(distances) / len(distances),
                )


def report(rows: Sequence[Row]) -> str:
    """Means over photos and styles."""
    ways, kinds = list(dict.fromkeys(row.way for row in rows)), list(dict.fromkeys(row.clip for row in rows))
    lines = []
    for way in ways:
        mine = [row for row in rows if row.way == way]
        errors = [mean([row.error for row in mine if row.clip == kind]) for kind in kinds]
        kept = [f"{mean([row.sharp for row in mine]):.2f}", f"{mean([row.style for row in mine]):.4f}"]
        lines.append([way, *(f"{error:.2f}" for error in [*errors, mean(errors)]), *kept])
    return table(["", *kinds, "mean", "sharp", "style"], lines)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@torch.inference_mode()
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--styles", nargs="+", default=["starry_night", "udnie", "great_wave"], help="style ids")
    parser.add_argument("--edge", type=int, default=256, help="longer edge of the clips in pixels")
    parser.add_argument("--frames", type=int, default=12, help="of each clip")
    parser.add_argument("--photos", type=int, default=len(PHOTOS), help="how many photos")
    parser.add_argument("--films", nargs="*", type=Path, default=[], help="clips of one's own, beside those of photos")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    args = parser.parse_args(arguments)
    began = time.monotonic()
    rows = list(measured(args))
    print(f"{args.model}, {args.edge} px, {args.frames} frames, {', '.join(args.styles)}: warping error in levels\n")
    print(report(rows))
    print(f"\n{time.monotonic() - began:.0f} s")
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
