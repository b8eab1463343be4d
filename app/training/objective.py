"""The objective: the losses of stylized images against their style images and photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from app.losses import (
    balanced_content_loss,
    balanced_style_loss,
    border_step,
    grid_energy,
    halo_step,
    masked_mean,
    mean_gram,
    power_spectrum,
    shared_relief,
    spectrum_excess,
)
from app.nets.descriptor import Descriptor
from app.training.recipe import Aim

# A photo is flat below this standard deviation: a little above a camera's noise.
FLAT = 0.02
# The same on either side of an isolated edge, where there may be a faint gradient; and the least difference between the
# sides, as a share of full brightness.
PLAIN = 0.04
STRONG = 0.15
# Least energy of a photo's content features, relative to the style images'. Photos have more; a flat one may have a
# millionth, and its relative error would dominate all others.
MIN_ENERGY = 0.1
# Least energy of detail features, relative to those of noise: that of a photo with little detail.
MIN_DETAIL = 0.25


class MissingLayer(Exception):
    """The recipe asks for a layer that the loss network does not have."""


@dataclass(frozen=True)
class Losses:
    """Losses per sample, (B,): `total` is minimised, the others are its unweighted parts.

    Attributes:
        traces: artifacts of the network in flat areas and common to all styles, weighted as in the recipe.
    """

    total: Tensor
    style: Tensor
    content: Tensor
    traces: Tensor


@dataclass(frozen=True)
class StyleTargets:
    """The targets of style images, measured once.

    Attributes:
        grams: (N, C, C) by style layer.
        energies: (N,), mean squares at the content layer.
        spectra: (N, 3, window, frequencies), from `power_spectrum`.
    """

    grams: dict[str, Tensor]
    energies: Tensor
    spectra: Tensor

    def to(self, dtype: torch.dtype) -> StyleTargets:
        grams = {layer: gram.to(dtype) for layer, gram in self.grams.items()}
        return StyleTargets(grams, self.energies.to(dtype), self.spectra.to(dtype))


@torch.no_grad()
def measure_styles(descriptor: Descriptor, images: Iterable[Tensor], recipe: Aim) -> StyleTargets:
    """Measure the targets of style images (1, 3, H, W) in 0..1, each at its own size.

    Raises:
        MissingLayer: the loss network lacks a layer of the recipe.
    """
    check_layers(descriptor, recipe)
    grams: dict[str, list[Tensor]] = {layer: [] for layer in recipe.style_layers}
    energies, spectra = [], []
    for image in images:
        seen = descriptor(image, {*recipe.style_layers, recipe.content_layer})
        for layer, found in grams.items():
            found.append(mean_gram(seen[layer].float()))
        energies.append(seen[recipe.content_layer].float().square().mean())
        spectra.append(power_spectrum(image))
    return StyleTargets(
        {layer: torch.cat(found) for layer, found in grams.items()}, torch.stack(energies), torch.cat(spectra)
    )


def check_layers(descriptor: Descriptor, recipe: Aim) -> None:
    if missing := {*recipe.style_layers, recipe.content_layer}.difference(descriptor.layers):
        raise MissingLayer(f"The loss network has no layer {', '.join(sorted(missing))}.")
    if recipe.detail_weight and recipe.detail_layer not in descriptor.heads:
        raise MissingLayer(f"The loss network has no head of {recipe.detail_layer}, which `detail_weight` needs.")


class Objective(nn.Module):
    """The balanced losses against fixed style images.

    Args:
        descriptor: the loss network.
        paintings: style images (1, 3, H, W) in 0..1, one per style, each at its own size; or their measured targets.
        weights: weight of each style's style loss.
        recipe: layers and weights.

    Raises:
        MissingLayer: the loss network lacks a layer of the recipe.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        paintings: Iterable[Tensor] | StyleTargets,
        weights: Sequence[float],
        recipe: Aim,
    ) -> None:
        super().__init__()
        check_layers(descriptor, recipe)
        self.descriptor = descriptor
        self.style_layers = recipe.style_layers
        self.content_layer = recipe.content_layer
        self.content_weight = recipe.content_weight
        self.detail_layer = recipe.detail_layer
        self.detail_weight = recipe.detail_weight
        self.grid_weight = recipe.grid_weight
        self.spectrum_weight = recipe.spectrum_weight
        self.border_weight = recipe.border_weight
        self.halo_weight = recipe.halo_weight
        self.relief_weight = recipe.relief_weight
        self.register_buffer("weights", torch.tensor(weights))
        counts = [recipe.layer_weights.get(layer, 1.0) for layer in self.style_layers]
        self.register_buffer("layer_weights", torch.tensor(counts))
        targets = paintings if isinstance(paintings, StyleTargets) else measure_styles(descriptor, paintings, recipe)
        self.register_buffer("spectra", targets.spectra)
        self.register_buffer("least_energy", MIN_ENERGY * targets.energies.mean())
        if self.detail_weight:
            self.register_buffer("least_detail", MIN_DETAIL * self.noise_energy())
        for layer in self.style_layers:
            self.register_buffer(f"target_{layer}", targets.grams[layer])

    def grams(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Grams (B, C, C)."""
        return {layer: mean_gram(features[layer]) for layer in self.style_layers}

    def forward(self, painted: Tensor, photos: Tensor | None, styles: Tensor) -> Losses:
        """Losses of `painted` (P * K, 3, H, W), K in a row of each photo, in the styles (P * K,).

        Args:
            photos: (P, 3, H, W).

        Without photos, the losses of content and traces are 0.
        """
        if photos is None:
            layers = self.style_by_layer(self.descriptor(painted, self.style_layers), styles)
            content = detail = traces = torch.zeros_like(layers[0])
        else:
            wanted = {self.content_layer, *([self.detail_layer] if self.detail_weight else [])}
            with torch.no_grad():
                seen = self.descriptor(photos, wanted)
            repeats = len(painted) // len(photos)
            features = self.descriptor(painted, {*self.style_layers, *wanted})
            layers = self.style_by_layer(features, styles)
            content = self.content(features, seen[self.content_layer].float())
            detail = self.detail(features, seen) if self.detail_weight else torch.zeros_like(content)
            traces = self.traces(painted, photos.repeat_interleave(repeats, dim=0), styles)
            if self.relief_weight:
                traces = traces + self.relief_weight * shared_relief(painted, photos)
        weights = self.get_buffer("layer_weights")
        aimed = self.weighted((weights @ layers) / weights.sum(), content, styles)
        return Losses(aimed + self.detail_weight * detail + traces, layers.mean(dim=0), content, traces)

    def traces(self, painted: Tensor, photos: Tensor, styles: Tensor) -> Tensor:
        """(B,); terms without weight are not computed."""
        traces = painted.new_zeros(len(painted))
        if self.grid_weight:
            traces = traces + self.grid_weight * grid_energy(painted)
        if self.spectrum_weight:
            excess = spectrum_excess(power_spectrum(painted), self.get_buffer("spectra")[styles])
            traces = traces + self.spectrum_weight * excess
        if self.border_weight:
            traces = traces + self.border_weight * flat(photos) * border_step(painted)
        if self.halo_weight:
            area, alone = lone_area(photos)
            traces = traces + self.halo_weight * alone * halo_step(painted, area)
        return traces

    def weighted(self, style: Tensor, content: Tensor, styles: Tensor) -> Tensor:
        return self.get_buffer("weights")[styles] * style + self.content_weight * content

    def contents(self, photos: Tensor) -> Tensor:
        """The photos' features (B, C, h, w) at the content layer, for `distances`."""
        with torch.no_grad():
            features: Tensor = self.descriptor(photos, [self.content_layer])[self.content_layer].float()
        return features

    def distances(self, painted: Tensor, contents: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
        """Style and content loss, each (B,), against the photos' features, which several styles can share."""
        features = self.descriptor(painted, {*self.style_layers, self.content_layer})
        return self.style_by_layer(features, styles).mean(dim=0), self.content(features, contents)

    def content(self, features: dict[str, Tensor], contents: Tensor) -> Tensor:
        """Content loss (B,) of features by layer against those of the photos."""
        return balanced_content_loss(features[self.content_layer].float(), contents, self.get_buffer("least_energy"))

    def detail(self, features: dict[str, Tensor], seen: dict[str, Tensor]) -> Tensor:
        """Detail loss (P * K,) of features by layer against those of P photos, in the larger network's channels."""
        ours, theirs = (
            self.descriptor.mapped({self.detail_layer: found[self.detail_layer]})[self.detail_layer]
            for found in (features, seen)
        )
        return balanced_content_loss(ours, theirs, self.get_buffer("least_detail"))

    @torch.no_grad()
    def noise_energy(self) -> Tensor:
        """Mean square of the detail features of noise, a scale that depends on the loss network alone."""
        noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        return self.descriptor.mapped(self.descriptor(noise, [self.detail_layer]))[self.detail_layer].square().mean()

    def style_by_layer(self, features: dict[str, Tensor], styles: Tensor) -> Tensor:
        """Style losses (layers, B) of features by layer, in the order of the style layers."""
        losses = [
            balanced_style_loss(gram, self.get_buffer(f"target_{layer}")[styles])
            for layer, gram in self.grams(features).items()
        ]
        return torch.stack(losses)


def flat(photos: Tensor) -> Tensor:
    """(B,): 1 for flat photos (B, 3, H, W), whose borders should look like their middle, otherwise 0."""
    return (photos.flatten(2).std(dim=2).amax(dim=1) < FLAT).float()


@torch.no_grad()
def lone_area(photos: Tensor) -> tuple[Tensor, Tensor]:
    """The area that stands out in two-coloured photos (B, 3, H, W), around which there should be no halo.

    Returns:
        area: (B, 1, H, W), 1 where the channel that varies most is above the middle of its range, otherwise 0.
        alone: (B,), 1 for photos that are plain on both sides of the area's edge and differ strongly across it,
            otherwise 0. Only for those is it known how either side would look without the edge.
    """
    spread = photos.flatten(2).amax(dim=2) - photos.flatten(2).amin(dim=2)
    most = spread.argmax(dim=1)[:, None, None, None].expand(-1, 1, *photos.shape[2:])
    channel = photos.gather(1, most)
    middle = (channel.amax(dim=(2, 3), keepdim=True) + channel.amin(dim=(2, 3), keepdim=True)) / 2
    area = (channel > middle).float()
    sides = torch.cat([area, 1 - area], dim=1)
    means = masked_mean(photos, sides)
    deviations = (masked_mean(photos.square(), sides) - means.square()).clamp_min(0).sqrt()
    differ = (means[:, 0] - means[:, 1]).abs().amax(dim=1) > STRONG
    there = sides.any(dim=(2, 3)).all(dim=1)
    return area, (there & differ & (deviations.amax(dim=(1, 2)) < PLAIN)).float()
