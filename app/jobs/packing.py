"""Tensors and facts in one file, as checkpoints have them: safetensors, without pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

# Among the tensors, the facts as the bytes of their JSON.
STATE = "state"
# What `unpack` raises for what is no such file, or lacks a part.
UNREADABLE = (SafetensorError, KeyError, ValueError)


def pack(tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> bytes:
    """Args: state: ready for JSON."""
    encoded = torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)
    return save_tensors({**tensors, STATE: encoded})


def unpack(packed: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Raises what is in UNREADABLE."""
    tensors = load_tensors(packed)
    state = json.loads(bytes(tensors.pop(STATE).tolist()))
    return tensors, state
