"""The state of a transfer, small enough to be written every few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class GatysCheckpoint:
    """Tensors, and what goes into JSON: with L-BFGS 9 MB at 1024 x 768 px, the picture alone; three times it with Adam.

    There is no random state: only the start is random, and it is in the picture.

    Attributes:
        tensors: "picture" (1, 3, H, W) of the scale of the moment, and "optimiser.<name>".
        state: numbers, strings and lists of them by name, ready for JSON.
    """

    tensors: dict[str, Tensor]
    state: dict[str, Any]


class ForeignCheckpoint(Exception):
    """The checkpoint belongs to a transfer with other options or another image size."""
