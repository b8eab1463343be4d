"""The style encoder: a style image in, the row (gamma, beta) of a conditional generator out, in one forward pass.

After Ghiasi et al. (1705.06830), whose network also predicts rows through a bottleneck of 100 numbers. Theirs has an
Inception network of its own; this one takes the statistics that the losses of style transfer are made of: the means,
the standard deviations and the Gram matrices of a loss network's layers. All are means over positions, so an image of
any size will do, and a service that has the loss network needs little more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from app.nets.norm import StyleRows

# Statistics are clipped to so many standard deviations of those seen in training: nothing was learned beyond.
FARTHEST = 4.0
# Scale of the code's directions in which known rows do not differ, relative to those in which they do.
UNKNOWN_SCALE = 0.2


class StyleEncoder(nn.Module):
    """Statistics of a loss network's features -> code -> row.

    Args:
        channels: of the loss network's layers, by name.
        features: number of gammas (and of betas) in a row of the generator.
        rank: number of directions onto which each Gram matrix is projected.
        hidden: width of the two layers between statistics and code.
        bottleneck: length of a style's code; codes can be averaged and interpolated.

    Attributes:
        sizes: its arguments by name, to build another of its kind.
        centre, spread: (size,) mean and standard deviation of the statistics in training.
        middle: (2 features,), the row that is added to every predicted deviation.
    """

    centre: Tensor
    spread: Tensor
    middle: Tensor

    def __init__(
        self, channels: Mapping[str, int], features: int, rank: int = 16, hidden: int = 384, bottleneck: int = 100
    ) -> None:
        super().__init__()
        self.sizes: dict[str, Any] = {
            "channels": dict(channels),
            "features": features,
            "rank": rank,
            "hidden": hidden,
            "bottleneck": bottleneck,
        }
        self.layers = tuple(channels)
        self.features = features
        size = 0
        for layer, width in channels.items():
            seen = min(rank, width)
            self.register_buffer(f"directions_{layer}", torch.eye(width, seen))
            size += 2 * width + seen * (seen + 1) // 2
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.register_buffer("middle", torch.cat([torch.ones(features), torch.zeros(features)]))
        self.hidden = nn.Sequential(nn.Linear(size, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.narrow = nn.Linear(hidden, bottleneck)
        self.widen = nn.Linear(bottleneck, 2 * features)

    def forward(self, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Features (B, C, H, W) by layer of style images of any size -> gamma, beta (B, features)."""
        return self.row(self.code(self.statistics(seen)))

    @torch.no_grad()
    def statistics(self, seen: Mapping[str, Tensor]) -> Tensor:
        """The encoder's inputs from features (B, C, H, W) by layer: (B, size) float32."""
        return torch.cat([self.of_layer(layer, seen[layer].float()) for layer in self.layers], dim=1)

    def of_layer(self, layer: str, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2 C + directions)."""
        flat = features.flatten(2)
        along = self.get_buffer(f"directions_{layer}").mT @ flat
        return self.of_moments(flat.mean(dim=2), flat.square().mean(dim=2), along @ along.mT / flat.shape[2])

    @staticmethod
    def of_moments(mean: Tensor, square: Tensor, gram: Tensor) -> Tensor:
        """Means, standard deviations and the upper triangle of the projected Gram matrix, as signed square roots, so
        that large values do not dominate.

        Args:
            mean, square: (B, C), means over positions of a layer's features and of their squares.
            gram: (B, rank, rank)
        """
        deviation = (square - mean.square()).clamp_min(0).sqrt()
        row, column = torch.triu_indices(*gram.shape[1:], device=gram.device)
        return rooted(torch.cat([mean, deviation, gram[:, row, column]], dim=1))

    def code(self, statistics: Tensor) -> Tensor:
        """Statistics (B, size) -> codes (B, bottleneck)."""
        told = ((statistics - self.centre) / self.spread).clamp(-FARTHEST, FARTHEST)
        code: Tensor = self.narrow(self.hidden(told))
        return code

    def row(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (B, bottleneck) -> gamma, beta (B, features)."""
        gamma, beta = (self.middle + self.widen(code)).split(self.features, dim=1)
        return gamma, beta

    @torch.no_grad()
    def begin_at(self, rows: StyleRows) -> None:
        """Start with the mean of `rows` for every image; codes span their principal directions, largest first."""
        deviations = self.set_middle(rows)
        _, scales, directions = torch.linalg.svd(deviations, full_matrices=False)
        # Deviations sum to 0, so one follows from the others.
        count = min(len(deviations) - 1, self.narrow.out_features)
        usual = deviations.square().mean().sqrt().item() / max(1, count) ** 0.5
        nn.init.normal_(self.widen.weight, std=UNKNOWN_SCALE * usual)
        self.widen.weight[:, :count] = (scales[:count, None] * directions[:count]).mT / len(deviations) ** 0.5
        nn.init.zeros_(self.widen.bias)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    @torch.no_grad()
    def move(self, before: StyleRows, after: StyleRows) -> None:
        """Follow a generator that was trained on: codes of rows in `before` now give the same rows of `after`.

        With deviations D and D' of the S rows, (2 features, S) each, deviations d become d + (D' - D) D^+ d: directions
        outside the span of known rows stay.
        """
        old, new = deviations_of(before).mT, self.set_middle(after).mT
        change = (new - old) @ torch.linalg.pinv(old, rtol=1e-3)
        self.widen.weight.add_(change @ self.widen.weight)
        self.widen.bias.add_(change @ self.widen.bias)

    def set_middle(self, rows: StyleRows) -> Tensor:
        """Set the middle to the mean of `rows`; returns their deviations from it, (S, 2 features)."""
        self.middle.copy_(whole_rows(rows).mean(dim=0))
        return deviations_of(rows)


def whole_rows(rows: StyleRows) -> Tensor:
    """Gamma and beta of each row, concatenated: (S, 2 features)."""
    return torch.cat([rows.gamma, rows.beta], dim=1)


def deviations_of(rows: StyleRows) -> Tensor:
    """Deviations of each row from the mean row: (S, 2 features)."""
    whole = whole_rows(rows)
    return whole - whole.mean(dim=0)


def rooted(x: Tensor) -> Tensor:
    """Square roots that keep the sign."""
    return x.sign() * x.abs().sqrt()


def strongest_directions(gram: Tensor, rank: int) -> Tensor:
    """The first eigenvectors of a mean Gram matrix (C, C), scaled so that each projection of it is 1: (C, rank)."""
    values, vectors = torch.linalg.eigh(gram.double())
    rank = min(rank, len(gram))
    strongest: Tensor = vectors[:, -rank:] / values[-rank:].clamp_min(1e-6 * values[-1]).sqrt()
    return strongest.flip(1).float()
