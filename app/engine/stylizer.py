"""A loaded generator on one device: 8-bit images and blends of styles in, 8-bit stylized images out."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from app.engine import fingerprint
from app.engine.cuda_graph import cuda_graph_cache, eight_bit
from app.engine.cuda_graph_cache import BATCHES, Shape
from app.engine.device import Device
from app.engine.openvino_graph import NonFiniteError, OpenVinoGraph, compile_graph
from app.engine.repainting import ONCE, Repainting, mixed
from app.engine.replicas import Replicas, compile_replicas
from app.engine.row import Row
from app.errors import InvalidOption, UnknownStyle
from app.imaging.picture import Pixels
from app.imaging.stroke import at_size
from app.nets.generators import Generator
from app.nets.norm import StyleRows

# Ids of the model's own styles, and rows beside them, with their weights.
Blend = Mapping[str, float] | Mapping[str | Row, float]

# What a weight sum may be off by: a client's rounded decimals, far below what one 8-bit step shows.
BLEND_TOLERANCE = 1e-4
WARM_EDGE = 512  # pixels; the size that the goals of the project are stated at
WARM_BATCH = 4  # pictures, where batches pay
RECORDED_BATCH = 8  # up to which batches of that size are recorded before the first request, where they are at all


class Stylizer:
    """One model, ready for use. The modules passed in are moved and converted.

    Args:
        generator: the network, weights loaded.
        rows: gamma and beta of the styles; row i belongs to `style_ids[i]`.
        style_ids: ids of the styles in the order of the rows.
        device: where and in which precision to run.
    """

    def __init__(self, generator: Generator, rows: StyleRows, style_ids: Sequence[str], device: Device) -> None:
        self.style_ids = tuple(style_ids)
        self.device = device
        self.megapixels_per_second: float | None = None  # measured by `warm`
        self._row_of = {style: row for row, style in enumerate(self.style_ids)}
        # Rows are mixed on the CPU: a few thousand values, and finding the rows in use would make a GPU wait.
        self._rows = rows.float().cpu().eval().requires_grad_(False)
        generator = generator.eval().requires_grad_(False)
        self._generator_fingerprint = fingerprint.of_generator(generator)
        self._graph, self._replicas = self._compile(generator) if device.compiles else (None, None)
        if device.dtype != torch.float32 and self._graph is None:
            generator.load_state_dict(generator.weights(device.dtype), assign=True)
        self._generator = generator.to(device.torch_device)
        recorded = device.torch_device.type == "cuda"
        self._captures = (
            cuda_graph_cache(self._generator, rows.gamma.shape[1], device.torch_device) if recorded else None
        )

    @property
    def gains_from_batches(self) -> bool:
        """Whether `paint` is faster with several pictures at once than one after the other."""
        return self.most_at_once != 1

    @property
    def most_at_once(self) -> int | None:
        """Pictures that `paint` takes at once, the others after them; None: as many as fit into memory."""
        if self._replicas:
            return len(self._replicas)
        return None if self.device.gains_from_batches else 1

    def fingerprint(self, blend: Blend) -> list[object]:
        """What a result in this blend depends on: the generator, and the rows that it reads with their weights.

        It is the same for versions of a model that differ in other styles only.
        """
        # In the order in which they are mixed, whose rounding depends on it.
        used = sorted((self._row_of[style], weight) for style, weight in own(blend).items() if weight)
        rows = [(fingerprint.of_row(self._rows.gamma[row], self._rows.beta[row]), weight) for row, weight in used]
        return [self._generator_fingerprint, rows + [(row.fingerprint, weight) for row, weight in beside(blend)]]

    def batch_key(self, height: int, width: int) -> Hashable:
        """Images of equal keys make a batch: of one shape, or for replicas, which should end together, of one area."""
        return height * width if self._replicas else (height, width)

    @torch.inference_mode()
    def paint(self, pixels: Sequence[Pixels], blends: Sequence[Blend], repainting: Repainting = ONCE) -> list[Pixels]:
        """Stylize images, each in its own style or blend.

        Args:
            pixels: pictures (H, W, 3) in sRGB, all of one `batch_key`.
            blends: for each picture style id or row -> weight, non-negative, summing to 1.
            repainting: what follows; a network that does not see the photo paints once all the same.

        Returns:
            (H, W, 3) sRGB for each picture, rounded to the nearest 8-bit value; of the repainting's size, if any.

        Raises:
            UnknownStyle, InvalidOption: for a blend that the model cannot mix.
            NonFiniteError: if the network's output is not a number somewhere.
        """
        gammas, betas = zip(*(self._mix(blend) for blend in blends), strict=True)
        gamma, beta = torch.cat(gammas), torch.cat(betas)
        paintings = self._paint_all(pixels, gamma, beta)
        if not self._generator.has_photo:
            return paintings
        if repainting.boldness:
            paintings = self._paint_over(paintings, gamma, beta, repainting.boldness)
        if repainting.size:
            enlarged = [at_size(painting, *repainting.size) for painting in paintings]
            paintings = self._paint_over(enlarged, gamma, beta, 0.5)
        return paintings

    def network(self, blend: Blend) -> tuple[Generator, Tensor, Tensor]:
        """The generator on its device, with gamma and beta (1, features) of a blend on the CPU. Raises as `paint`."""
        return self._generator, *self._mix(blend)

    def _paint_over(self, paintings: Sequence[Pixels], gamma: Tensor, beta: Tensor, share: float) -> list[Pixels]:
        again = self._paint_all(paintings, gamma, beta)
        return [mixed(*both, share) for both in zip(paintings, again, strict=True)]

    def _paint_all(self, pixels: Sequence[Pixels], gamma: Tensor, beta: Tensor) -> list[Pixels]:
        at_once = self.most_at_once or len(pixels)
        paintings: list[Pixels] = []
        for start in range(0, len(pixels), at_once):
            part = slice(start, start + at_once)
            paintings += self._paint_at_once(pixels[part], gamma[part], beta[part])
        return paintings

    @torch.inference_mode()
    def _compile(self, generator: Generator) -> tuple[OpenVinoGraph | None, Replicas | None]:
        row = self._mix({self.style_ids[0]: 1.0})
        graph = compile_graph(generator, self.device, *row)
        return graph, compile_replicas(generator, self.device, *row) if graph else None

    def _paint_at_once(self, pictures: Sequence[Pixels], gamma: Tensor, beta: Tensor) -> list[Pixels]:
        if self._graph is None:
            return self._paint_together(pictures, gamma, beta)
        if self._replicas and len(pictures) == len(self._replicas):
            return self._replicas.paint(pictures, gamma, beta)
        return [
            self._graph.paint(*one) for one in zip(pictures, torch.split(gamma, 1), torch.split(beta, 1), strict=True)
        ]

    def _mix(self, blend: Blend) -> tuple[Tensor, Tensor]:
        """Gamma and beta (1, C) of one sample, mixed alone so that a broken row spoils no neighbour."""
        check_blend(blend, self.style_ids)
        weights = torch.zeros(1, len(self.style_ids))
        for style, weight in own(blend).items():
            weights[0, self._row_of[style]] = weight
        gamma, beta = self._rows.mix(weights)
        for row, weight in beside(blend):
            if row.gamma.shape != gamma.shape[1:]:
                raise UnknownStyle(f"The style {row.name} is of another model.")
            gamma, beta = gamma + weight * row.gamma, beta + weight * row.beta
        return gamma, beta

    def _paint_together(self, pictures: Sequence[Pixels], gamma: Tensor, beta: Tensor) -> list[Pixels]:
        if self._captures and (capture := self._captures.find(len(pictures), *pictures[0].shape[:2])):
            return capture.paint(pictures, gamma, beta)
        device = self.device.torch_device
        # Moved as bytes: a quarter of the traffic of float32.
        moved = torch.from_numpy(np.stack(pictures)).to(device)
        painted, total = eight_bit(self._generator, moved, gamma.to(device), beta.to(device))
        if not math.isfinite(float(total)):
            raise NonFiniteError("The network's output is not finite.")
        return list(painted.cpu().numpy())

    def warm(self, batches: int = 2) -> None:
        """Run a representative batch that many times: the first prepares the kernels, the last is timed.

        One run is enough if the engine is running already and has measured its speed.
        """
        if self._captures:
            sizes = [Shape(batch, WARM_EDGE, WARM_EDGE) for batch in BATCHES if batch <= RECORDED_BATCH]
            self._captures.prepare(sizes)
        shape = (self.most_at_once or WARM_BATCH, WARM_EDGE, WARM_EDGE, 3)
        pictures = list(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
        blends = [{self.style_ids[0]: 1.0}] * len(pictures)
        if self._replicas:
            self.paint(pictures[:1], blends[:1])
            batches = 1  # the other replicas' first run costs next to nothing beside what it paints
        for _ in range(batches):
            began = time.perf_counter()
            self.paint(pictures, blends)
        pixels = len(pictures) * WARM_EDGE * WARM_EDGE
        self.megapixels_per_second = pixels / 1e6 / (time.perf_counter() - began)


def own(blend: Blend) -> dict[str, float]:
    """The part of a blend that consists of the model's own styles."""
    return {style: weight for style, weight in blend.items() if isinstance(style, str)}


def beside(blend: Blend) -> list[tuple[Row, float]]:
    """The rows of a blend that have weight, in an order that does not depend on the client's."""
    rows = [(row, weight) for row, weight in blend.items() if isinstance(row, Row) and weight]
    return sorted(rows, key=lambda each: each[0].fingerprint)


def check_blend(blend: Blend, style_ids: Sequence[str]) -> None:
    """Raise UnknownStyle or InvalidOption unless the weights are of known styles, 0 or more, and sum to 1."""
    if unknown := sorted(set(own(blend)).difference(style_ids)):
        raise UnknownStyle(f"The model has no style {', '.join(unknown)}.")
    # Written so that a NaN fails both.
    if not all(weight >= 0 for weight in blend.values()) or not abs(sum(blend.values()) - 1) <= BLEND_TOLERANCE:
        raise InvalidOption("The weights of the styles must be 0 or more and sum to 1.")
