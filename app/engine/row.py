"""A style beside those of a model: one row of gamma and beta, from a style encoder or from a refinement of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor

from app.engine import fingerprint


@dataclass(frozen=True)
class Row:
    """Takes the place of a style's id in a blend. Rows of equal values are equal, whatever their names.

    Attributes:
        name: what a client calls it.
        gamma, beta: (features,) float32 on the CPU.
        fingerprint: SHA-256 in hex of both.
    """

    name: str = field(compare=False)
    gamma: Tensor = field(compare=False, repr=False)
    beta: Tensor = field(compare=False, repr=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", fingerprint.of_row(self.gamma, self.beta))

    def to_bytes(self) -> bytes:
        """Gamma and then beta, as little-endian float32."""
        return torch.cat([self.gamma, self.beta]).numpy().astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, name: str, data: bytes) -> Self:
        """The inverse of `to_bytes`."""
        whole = torch.from_numpy(np.frombuffer(data, "<f4").astype(np.float32))
        gamma, beta = whole.chunk(2)
        return cls(name, gamma, beta)
