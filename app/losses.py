"""The losses of neural style transfer, as functions of features.

P and F are the features of the content image and of the stylized image, A and G the Gram matrices of the style image
and of the stylized image. Features are (B, C, H, W), with N = C channels and M = H W positions. Every loss is one value
per sample.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor


def gram(F: Tensor) -> Tensor:
    """Gram matrix G = F F^T over positions (Gatys et al., 1508.06576, equation 3): (B, C, H, W) -> (B, C, C)."""
    flat = F.flatten(2)
    return flat @ flat.transpose(1, 2)


def mean_gram(F: Tensor) -> Tensor:
    """Gram matrix per position, F F^T / M, which does not grow with the picture: (B, C, H, W) -> (B, C, C).

    In float32 where `F` is in bfloat16: there it would round away the differences that are left to learn.
    """
    product: Tensor = _MeanGram.apply(F.permute(0, 2, 3, 1).flatten(1, 2))  # type: ignore[no-untyped-call]
    return product


class _MeanGram(torch.autograd.Function):
    """F^T F / M of (B, M, C), with the gradient F (dG + dG^T) / M: one product where autograd would take two and a sum.

    For the features of the first layers that is a tenth of a training step's time. Channels come last, as they lie in
    memory in a training on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, F: Tensor) -> Tensor:
        ctx.save_for_backward(F)
        positions = F.shape[1]
        if F.dtype == torch.float16:  # the sum over a large image would overflow it
            return torch.bmm(F.mT / positions, F)
        wide = F.float() if F.dtype == torch.bfloat16 else F
        return torch.bmm(wide.mT, wide).div_(positions)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (F,), [dG] = ctx.saved_tensors, gradients
        return torch.bmm(F, ((dG + dG.mT) / F.shape[1]).to(F.dtype))


def content_loss(F: Tensor, P: Tensor) -> Tensor:
    """1/2 sum (F - P)^2 (1508.06576, equation 1): (B, C, H, W) twice -> (B,)."""
    return (F - P).square().sum(dim=(1, 2, 3)) / 2


def style_loss(G: Tensor, A: Tensor, positions: int, style_positions: int) -> Tensor:
    """1/(4 N^2) sum (G/M_x - A/M_a)^2 of one layer: raw Grams (B, N, N) twice -> (B,).

    The paper's E_l (1508.06576, equation 4), 1/(4 N^2 M^2) sum (G - A)^2, if both images have M positions.
    """
    channels = G.shape[1]
    return (G / positions - A / style_positions).square().sum(dim=(1, 2)) / (4 * channels**2)


def balanced_content_loss(F: Tensor, P: Tensor, least: float | Tensor = 1e-12) -> Tensor:
    """mean (F - P)^2 / mean P^2: the error as a share of the target's energy. (B, C, H, W) twice -> (B,).

    One P may serve several F: (B, C, H, W) against (B / K, C, H, W), K in a row.

    Args:
        least: lower bound of the target's energy, for targets with little, such as a blank wall.
    """
    repeats = len(F) // len(P)
    difference = F.reshape(len(P), repeats, *F.shape[1:]) - P[:, None]
    energy = mean_square(P).clamp_min(least)
    return mean_square(difference.flatten(0, 1)) / energy.repeat_interleave(repeats)


def mean_square(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B,), summed in float32 at the least."""
    mean: Tensor = _MeanSquare.apply(x.permute(0, 2, 3, 1).flatten(1))  # type: ignore[no-untyped-call]
    return mean


class _MeanSquare(torch.autograd.Function):
    """mean x^2 of (B, M), in one pass that keeps nothing but x, which may be in bfloat16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        wide = torch.promote_types(x.dtype, torch.float32)
        norm: Tensor = torch.linalg.vector_norm(x, dim=1, dtype=wide)
        return norm.square() / x.shape[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return x * (2 / x.shape[1] * gradients[0]).to(x.dtype)[:, None]


def balanced_style_loss(G: Tensor, A: Tensor) -> Tensor:
    """mean (G - A)^2 / mean A^2 of one layer, for Grams per position (B, C, C) twice -> (B,).

    Relative to the target's energy, every style and layer starts near 1, so that no style needs its own weights.
    """
    return (G - A).square().mean(dim=(1, 2)) / A.square().mean(dim=(1, 2)).clamp_min(1e-12)


def grid_energy(x: Tensor, period: int = 4, window: int = 64) -> Tensor:
    """Energy of a pattern that repeats every `period` pixels, such as a network's upsampling leaves.

    Every window of x (B, C, H, W) is averaged over all its tiles of period x period pixels: a grid survives that,
    strokes do not. -> (B,): the variance of that average. Edges that fill no window are left out; an image smaller than
    a window is one window. H and W are at least `period`.
    """
    batch, channels, height, width = x.shape
    window = min(window, height, width) // period * period
    rows, columns = height // window, width // window
    tiles = window // period
    whole = x[..., : rows * window, : columns * window]
    tile = whole.reshape(batch, channels, rows, tiles, period, columns, tiles, period).mean(dim=(3, 6))
    return (tile - tile.mean(dim=(3, 5), keepdim=True)).square().mean(dim=(1, 2, 3, 4, 5))


def power_spectrum(x: Tensor, window: int = 32) -> Tensor:
    """Mean power spectrum of the windows of x (B, C, H, W): Welch's estimate, by Hann windows that overlap by half.

    -> (B, C, window, window // 2 + 1), frequencies as of `torch.fft.rfft2`; white noise of variance v has v everywhere.
    An image smaller than a window is repeated until it fills one.
    """
    repeats = [-(-window // edge) for edge in x.shape[2:]]
    if max(repeats) > 1:
        x = x.repeat(1, 1, *repeats)
    hann = torch.hann_window(window, dtype=x.dtype, device=x.device)
    taper = hann[:, None] * hann
    windows = x.unfold(2, window, window // 2).unfold(3, window, window // 2)
    waves = torch.fft.rfft2((windows - windows.mean(dim=(4, 5), keepdim=True)) * taper)
    power: Tensor = (waves.real.square() + waves.imag.square()).mean(dim=(2, 3))
    return power / taper.square().sum()


def fine_frequencies(size: int, longest: float = 10.0, device: torch.device | None = None) -> Tensor:
    """Which frequencies of a `power_spectrum` belong to grain: (size, size // 2 + 1) of bool.

    Args:
        longest: longest period of grain, in pixels; longer ones belong to strokes and to the photo's content.
    """
    down, across = (make(size, device=device) for make in (torch.fft.fftfreq, torch.fft.rfftfreq))
    return torch.hypot(down[:, None], across) >= 1 / longest


def spectrum_ratio(spectrum: Tensor, target: Tensor, unseen: float = 2 / 255) -> Tensor:
    """By how much a power spectrum exceeds another of the same shape, in nepers of power, per frequency.

    Args:
        unseen: standard deviation, on the images' scale, of white noise that is added to both.
    """
    return torch.log((spectrum + unseen**2) / (target + unseen**2))


def spectrum_excess(spectrum: Tensor, target: Tensor, allowance: float = 1.5) -> Tensor:
    """The grain that a network adds to every style: the excess of one power spectrum over another.

    Args:
        spectrum, target: (B, C, K, K // 2 + 1) each, from `power_spectrum` of images in 0..1.
        allowance: the factor that counts as no excess.

    Returns:
        (B,): mean of the excess in nepers of power, over channels and fine frequencies.
    """
    over = spectrum_ratio(spectrum, target) - math.log(allowance)
    fine = fine_frequencies(spectrum.shape[2], device=spectrum.device)
    return functional.relu(over[..., fine]).mean(dim=(1, 2))


def border_step(x: Tensor, width: int = 8, inside: int = 24) -> Tensor:
    """How much the outer `width` pixels of x (B, C, H, W) differ from the next `inside` ones. -> (B,)

    The mean over the four sides and the channels of the squared difference of mean values.
    """
    sides = (x, x.flip(-2), x.mT, x.mT.flip(-2))  # turned so that each border is on top
    steps = [s[..., :width, :].mean(dim=(2, 3)) - s[..., width : width + inside, :].mean(dim=(2, 3)) for s in sides]
    return torch.stack(steps).square().mean(dim=(0, 2))


def halo_step(
    x: Tensor, area: Tensor, cell: int = 4, rings: tuple[int, ...] = (0, 1, 2, 4, 7), far: int = 10
) -> Tensor:
    """How much x (B, C, H, W) near the edge of an area differs from itself far from that edge, on either side.

    Args:
        area: (B, 1, H, W), 1 inside and 0 outside.
        cell: edge, in pixels, of the squares over which everything is averaged first; distances are in cells.
        rings: distances from the edge (the larger of both axes) that separate the rings to compare.
        far: distance from which on a place counts as far from the edge.

    Returns:
        (B,): the mean over both sides, the rings and the channels of the squared difference of mean values. A ring
        counts as even where it, or what is far from the edge, covers less than a hundredth of the picture.
    """
    inside, cells = functional.avg_pool2d(area, cell), functional.avg_pool2d(x, cell)
    sides = torch.cat([inside == 1, inside == 0]).to(x.dtype)  # a cell on the edge is on neither side
    beyond = torch.cat([reached(1 - sides, radius) for radius in (*rings, far)], dim=1)
    near, plain = sides * (beyond[:, 1:-1] - beyond[:, :-2]), sides * (1 - beyond[:, -1:])
    twice = torch.cat([cells, cells])
    steps = masked_mean(twice, near) - masked_mean(twice, plain)
    enough = torch.minimum(near.mean(dim=(2, 3)), plain.mean(dim=(2, 3))) >= 0.01
    per_side = (steps.square() * enough[..., None]).mean(dim=(1, 2))
    return per_side.reshape(2, -1).mean(dim=0)


def reached(area: Tensor, radius: int) -> Tensor:
    """1 within `radius` pixels, on both axes, of where `area` (B, 1, H, W) is 1, else 0."""
    window, margin = 2 * radius + 1, radius
    across = functional.max_pool2d(area, (1, window), 1, (0, margin))
    return functional.max_pool2d(across, (window, 1), 1, (margin, 0))


def masked_mean(x: Tensor, masks: Tensor) -> Tensor:
    """Mean of x (B, C, H, W) over each of K masks (B, K, H, W) of zeros and ones: (B, K, C); 0 for an empty mask."""
    totals = masks.flatten(2) @ x.flatten(2).mT
    return totals / masks.sum(dim=(2, 3)).clamp_min(1)[..., None]


def shared_relief(x: Tensor, photos: Tensor) -> Tensor:
    """How much brushwork the stylized images of one photo have in common.

    Args:
        x: (P * K, C, H, W), the K stylized images of each photo in a row.
        photos: (P, C, H, W).

    Returns:
        (P * K,): the mean squared correlation of an image's relief with those of the other images of its photo, each
        after removing what the photo's own relief explains. 0 if K is 1.
    """
    repeats = len(x) // len(photos)
    if repeats == 1:
        return x.new_zeros(len(x))
    known = functional.normalize(relief(photos), dim=1)[:, None]  # (P, 1, positions)
    own = relief(x).reshape(len(photos), repeats, -1)
    rest = functional.normalize(own - (own @ known.mT) @ known, dim=2)
    correlations = (rest @ rest.mT).square()
    others = correlations.sum(dim=2) - correlations.diagonal(dim1=1, dim2=2)
    return others.flatten() / (repeats - 1)


def relief(x: Tensor, fine: int = 2, coarse: int = 13) -> Tensor:
    """Luminance of x (B, 3, H, W) at the scale of strokes: (B, positions), around its mean.

    Args:
        fine: edge in pixels of the squares that are averaged first.
        coarse: edge, in such squares, of the box blur that is applied twice and subtracted.
    """
    luminance = (x * x.new_tensor((0.299, 0.587, 0.114))[:, None, None]).sum(dim=1, keepdim=True)
    squares = blurred = functional.avg_pool2d(luminance, fine)
    for _ in range(2):
        blurred = functional.avg_pool2d(blurred, coarse, 1, coarse // 2, count_include_pad=False)
    flat = (squares - blurred).flatten(1)
    return flat - flat.mean(dim=1, keepdim=True)
