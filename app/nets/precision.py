"""The precision in which a device runs a network fastest: decided here for everything that runs one."""

from __future__ import annotations

import torch


def supports_bfloat16(kind: str) -> bool:
    """Whether the device (`cpu`, `cuda`, `mps`) multiplies bfloat16 in hardware; emulation is slower than float32."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind == "cpu":
        # oneDNN's own check passes on every AVX-512 processor, even on those that emulate bfloat16.
        has = torch.cpu.get_capabilities()
        return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return False
