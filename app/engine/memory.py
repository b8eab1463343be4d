"""Recognising that memory has run out, and giving unused memory back.

Without importing torch: a worker whose tasks do not need it does not load it for this.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# What running out of memory says where it has no exception class: the CPU allocator, MPS, cuDNN, cuBLAS, OpenVINO.
OUT_OF_MEMORY_SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "MPS backend out of memory",
    "STATUS_ALLOC_FAILED",
    "std::bad_alloc",
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether this process or its device has too little memory for what raised `error`."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY_SIGNS)


def release_memory() -> None:
    """Give cached and unused memory back, the device's and this process's, so that the next attempt finds the most."""
    if (torch := sys.modules.get("torch")) is not None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library than glibc has no such function
        ctypes.CDLL(None).malloc_trim(0)


def spare_collector() -> None:
    """Exclude the objects that live as long as the process from garbage collection.

    These are 300,000 objects, mostly torch's. With thousands of connections opened and closed, a full collection ran
    every few seconds; each stopped every thread for 0.17 s, and together they took a third of the server's CPU time.
    A worker asks for a full collection after each job.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without garbage collection, for imports: it finds nothing in modules, and takes a fifth of their time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
