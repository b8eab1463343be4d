"""What a model's output depends on, as hashes: equal hashes give equal results on one device."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn


def of_generator(generator: nn.Module) -> str:
    """SHA-256 in hex of its layers and of all its weights, names, shapes and dtypes included."""
    made_of = hashlib.sha256(repr(generator).encode())
    for name, tensor in sorted(generator.state_dict().items()):
        made_of.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        made_of.update(_bytes(tensor))
    return made_of.hexdigest()


def of_row(gamma: Tensor, beta: Tensor) -> str:
    """SHA-256 in hex of one style's gamma and beta, (C,) each."""
    return hashlib.sha256(_bytes(gamma) + _bytes(beta)).hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    # As bytes, since numpy has no bfloat16.
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
