"""Noise that a position always has: the same on every device, in every size of picture, and in an exported graph.

From numbers by multiplications modulo a prime, which is all that it needs.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The largest prime below 2^20 that leaves 2 when divided by 3: cubing then permutes its residues.
GRAIN_PRIME = 1_048_571
# Seeds are told apart modulo this.
NOISES = GRAIN_PRIME


def grain(height: int, width: int, device: torch.device) -> Tensor:
    """Noise (height, width) in 0..1 that every picture has, each position its own: uniform, white, endless."""
    return scattered(height, width, device).float() / GRAIN_PRIME


def seeded_noise(height: int, width: int, keys: Tensor) -> Tensor:
    """As `grain`, one for every key: keys (...,) of int64 -> (..., height, width). Equal keys have equal noise."""
    n = scattered(height, width, keys.device)
    spread = keys[..., None, None]
    # The key enters twice, so that two keys do not have the same noise with its values shifted.
    return cubed(cubed(n + spread) + 3 * spread).float() / GRAIN_PRIME


def keys_of(seeds: Tensor, streams: Tensor) -> Tensor:
    """A key for each seed and stream: (S,) and (N,) of int64 -> (S, N). Seeds are told apart modulo `NOISES`."""
    return cubed(cubed(seeds % GRAIN_PRIME + 40_503)[:, None] + streams * 32_452 + 7)


def scattered(height: int, width: int, device: torch.device) -> Tensor:
    """Whole numbers (height, width) below the prime, each position's own."""
    y = torch.arange(height, device=device)[:, None]
    x = torch.arange(width, device=device)[None, :]
    n = cubed(y * 524_287 + x * 7_919 + 12_345)
    # Twice, with other steps: after one cube the rows still follow each other by a rule that the eye sees.
    return cubed(n + y * 6_007 + x * 104_729)


def cubed(n: Tensor) -> Tensor:
    n = n % GRAIN_PRIME
    return n * n % GRAIN_PRIME * n % GRAIN_PRIME
