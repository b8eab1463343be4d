"""Built-in images for trainings without photos: procedural scenes with the statistics of photos.

Photos have smooth regions and sharp edges at all scales, few strong colours, and textures whose energy falls with the
frequency. So do these scenes: a sky with a gradient or clouds, often ground below it, in front a dead-leaves model
(shapes that occlude each other, with radii from a power law; Lee, Mumford, Huang 2001), shaded and textured, in uneven
light. Plain dead leaves in all colours are too unlike photos: rows trained on them had 2.4 times the style loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from app.training.photos import Photos, plain, to_tensor
from app.training.recipe import Schedule

# (H, W, 3) in 0..1 while it is made; masks and textures are (H, W).
Canvas = npt.NDArray[np.float32]
# Draws `count` colours of a palette: (count, 3), not clipped.
Palette = Callable[[int], Canvas]

# Masks are drawn this many times larger and averaged, since Pillow draws hard edges.
OVERSAMPLING = 3
# Leaves with fewer pixels have a single colour.
TEXTURED_PIXELS = 200


class BuiltInPictures(Photos):
    """Scenes with the interface of `Photos`; each depends only on the seed, the step and its place in the batch."""

    def __init__(self, styles: int, recipe: Schedule, shares: Sequence[float] | None = None) -> None:
        super().__init__((), styles, recipe, shares)

    @property
    def about(self) -> str:
        return "the built-in pictures"

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, list[int]]:
        styles = self.draw_styles(rng)
        flat = self.recipe.plain and rng.random() < self.recipe.plain
        pixels = plain(rng, self.recipe.crop) if flat else draw_scene(rng, self.recipe.crop)
        return to_tensor(pixels), styles


def draw_scene(rng: np.random.Generator, edge: int) -> npt.NDArray[np.uint8]:
    """A scene (edge, edge, 3)."""
    palette = draw_palette(rng)
    canvas = gradient(rng, edge, palette) if rng.random() < 0.5 else clouds(rng, edge, palette, rng.uniform(1, 2))
    if rng.random() < 0.5:
        lay_ground(rng, canvas, clouds(rng, edge, draw_palette(rng), rng.uniform(0.7, 1.4)))
    if rng.random() < 0.4:  # out of focus
        canvas = blurred(canvas, rng.uniform(1, 5))
    scatter_leaves(rng, canvas, draw_palette(rng) if rng.random() < 0.5 else palette)
    if rng.random() < 0.4:
        canvas *= np.exp(0.25 * texture(rng, edge, 2.2))[..., None]
    return photograph(rng, canvas)


def draw_palette(rng: np.random.Generator) -> Palette:
    """A palette around one brightness and tint, which varies much more in brightness than in colour."""
    brightness, tint = rng.beta(2, 2.5), rng.normal(0, 0.08, 3)
    spread, chroma = rng.uniform(0.12, 0.32), rng.uniform(0.02, 0.14)
    axes = rng.normal(0, 1, (2, 3))
    axes -= axes.mean(axis=1, keepdims=True)

    def colours(count: int) -> Canvas:
        light = brightness + spread * rng.standard_normal((count, 1))
        tints = chroma * (rng.standard_normal((count, 2)) @ axes)
        return np.clip(light + tint + tints, 0, 1).astype(np.float32)

    return colours


def texture(rng: np.random.Generator, edge: int, slope: float) -> Canvas:
    """Noise (edge, edge) with amplitude 1 / frequency^slope, zero mean and unit standard deviation."""
    frequency = np.hypot(np.fft.fftfreq(edge)[:, None], np.fft.rfftfreq(edge)[None])
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(rng.standard_normal((edge, edge), dtype=np.float32)) * frequency**-slope
    values = np.fft.irfft2(noise, (edge, edge))
    return np.asarray(values / (values.std() + 1e-6), dtype=np.float32)


def gradient(rng: np.random.Generator, edge: int, palette: Palette) -> Canvas:
    """A gradient between two colours, downwards or in any direction."""
    down, right = grid(edge)
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else np.pi / 2
    share = np.clip(right * np.cos(angle) + down * np.sin(angle) + 0.5, 0, 1)[..., None]
    first, last = palette(2)
    return np.asarray(first + (last - first) * share, dtype=np.float32)


def clouds(rng: np.random.Generator, edge: int, palette: Palette, slope: float) -> Canvas:
    """A colour that varies at all scales, more in brightness than in tint."""
    canvas = palette(1)[0] + rng.uniform(0.08, 0.25) * texture(rng, edge, slope)[..., None]
    for _ in range(2):
        canvas = canvas + rng.uniform(0, 0.06) * texture(rng, edge, slope + 0.3)[..., None] * rng.normal(0, 1, 3)
    return np.asarray(canvas, dtype=np.float32)


def lay_ground(rng: np.random.Generator, canvas: Canvas, ground: Canvas) -> None:
    """Cover the canvas below a ragged horizon."""
    edge = len(canvas)
    horizon = rng.uniform(0.3, 0.8) * edge + np.cumsum(rng.normal(0, 0.8, edge))
    mask = np.clip(np.arange(edge)[:, None] - horizon[None], 0, 1)[..., None].astype(np.float32)
    canvas += mask * (ground - canvas)


def scatter_leaves(rng: np.random.Generator, canvas: Canvas, palette: Palette) -> None:
    """Add dead leaves, often the large ones first: from 8, as in a still life, to 250, as in foliage."""
    edge = len(canvas)
    count = int(np.exp(rng.uniform(np.log(8), np.log(250))))
    radii = edge * power_law(rng, count, rng.choice([0.01, 0.02, 0.05]), rng.uniform(0.1, 0.5), rng.uniform(2, 3.2))
    if rng.random() < 0.5:
        radii = np.sort(radii)[::-1]
    textures = [texture(rng, edge, slope) for slope in (1.0, 1.6)]
    for radius, colour in zip(radii, palette(count), strict=True):
        width, height = (int(max(2, 2 * radius * rng.uniform(0.6, 1.6))) for _ in range(2))
        left, top = (int(rng.uniform(-0.1, 1.1) * edge - size / 2) for size in (width, height))
        rows, columns = (slice(max(0, at), min(edge, at + size)) for at, size in ((top, height), (left, width)))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        mask = leaf_mask(rng, width, height)[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        fill = leaf_surface(rng, colour, textures, rows, columns, max(width, height))
        canvas[rows, columns] += mask[..., None] * (fill - canvas[rows, columns])


def power_law(
    rng: np.random.Generator, count: int, least: float, most: float, exponent: float
) -> npt.NDArray[np.float64]:
    """Values between the bounds with density value^-exponent, by inversion."""
    low, high = least ** (1 - exponent), most ** (1 - exponent)
    return np.asarray((low + rng.uniform(size=count) * (high - low)) ** (1 / (1 - exponent)))


def leaf_surface(
    rng: np.random.Generator, colour: Canvas, textures: list[Canvas], rows: slice, columns: slice, size: int
) -> Canvas:
    """A leaf's surface in its box: its colour, shaded in one direction, and grain."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    surface = np.broadcast_to(colour, (height, width, 3))
    if height * width <= TEXTURED_PIXELS:
        return surface
    down, right = np.mgrid[rows, columns].astype(np.float32)
    slopes = rng.normal(0, 0.15, 2)
    shade = (slopes[0] * (right - right.mean()) + slopes[1] * (down - down.mean())) / size
    surface = surface + shade[..., None]
    if rng.random() < 0.7:
        grain = textures[rng.integers(len(textures))][rows, columns]
        surface = surface * (1 + rng.uniform(0.02, 0.25) * grain[..., None])
    return np.asarray(surface, dtype=np.float32)


def leaf_mask(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """An ellipse, a polygon, a blob or a stick, (height, width) in 0..1."""
    outline = (ellipse, polygon, blob, stick)[rng.integers(4)](rng)
    size = (width * OVERSAMPLING, height * OVERSAMPLING)
    drawn = Image.new("L", size)
    ImageDraw.Draw(drawn).polygon([(float(x) * size[0], float(y) * size[1]) for x, y in outline], fill=255)
    return np.asarray(drawn.resize((width, height), Image.Resampling.BOX), dtype=np.float32) / np.float32(255)


def ellipse(_: np.random.Generator) -> Canvas:
    return around(np.linspace(0, 2 * np.pi, 32, endpoint=False), np.ones(32))


def polygon(rng: np.random.Generator) -> Canvas:
    corners = int(rng.integers(3, 8))
    return around(np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(0.6, 1, corners))


def blob(rng: np.random.Generator) -> Canvas:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    waves = sum(rng.normal(0, 0.6 / n) * np.cos(n * angles + rng.uniform(0, 2 * np.pi)) for n in range(1, 5))
    return around(angles, np.clip(0.75 + 0.25 * waves, 0.2, 1))


def stick(rng: np.random.Generator) -> Canvas:
    angle, thickness = rng.uniform(0, np.pi), rng.uniform(0.1, 0.5)
    along, across = np.array([-1, 1, 1, -1]), thickness * np.array([-1, -1, 1, 1])
    x = 0.5 + 0.5 * np.cos(angle) * along - np.sin(angle) * across
    return np.stack([x, 0.5 + 0.5 * np.sin(angle) * along + np.cos(angle) * across], axis=1).astype(np.float32)


def around(angles: npt.NDArray[np.float64], radii: npt.NDArray[np.float64]) -> Canvas:
    """Points (n, 2) of an outline, centred in a unit square; the largest radius is 1."""
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(0.5 + 0.5 * radii[:, None] * circle, dtype=np.float32)


def photograph(rng: np.random.Generator, canvas: Canvas) -> npt.NDArray[np.uint8]:
    """Simulate a camera: exposure, a soft lens, noise."""
    canvas = np.clip(canvas, 0, 1) ** np.exp(rng.normal(0, 0.25))
    if rng.random() < 0.5:
        canvas = blurred(canvas, rng.uniform(0.4, 1.2))
    noise = rng.uniform(1, 6) * (rng.random() < 0.4)
    return np.asarray(np.clip(canvas * 255 + rng.normal(0, 1, canvas.shape) * noise, 0, 255), dtype=np.uint8)


def blurred(canvas: Canvas, radius: float) -> Canvas:
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(radius))), dtype=np.float32) / np.float32(255)


def grid(edge: int) -> tuple[Canvas, Canvas]:
    """Coordinates down and right, in -0.5..0.5."""
    down, right = np.mgrid[:edge, :edge].astype(np.float32) / edge - 0.5
    return down, right
