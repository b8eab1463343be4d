"""In which precision a device computes as fast as it can: one answer for everything that runs a network."""

from __future__ import annotations

import torch


def supports_bfloat16(kind: str) -> bool:
    """Whether the device (`cpu`, `cuda`, `mps`) multiplies bfloat16 in hardware: emulation is slower than float32."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind == "cpu":
        # oneDNN's own check passes on every AVX-512 processor, also where it would emulate.
        has = torch.cpu.get_capabilities()
        return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return False
