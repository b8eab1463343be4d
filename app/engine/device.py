"""Where the network runs and in which precision, and what running out of memory looks like there."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch

from app.nets.precision import supports_bfloat16
from app.settings import Settings, SettingsError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Device:
    """A device, and the dtype of the network's inner layers on it; statistics are float32 everywhere.

    Attributes:
        threads: of the CPU, for one picture.
        compiles: whether generators are compiled when they are loaded, where that is possible.
        graphs_dir: folder in which compiled generators are kept, if they are.
    """

    torch_device: torch.device
    dtype: torch.dtype
    name: str
    threads: int = 1
    compiles: bool = False
    graphs_dir: Path | None = None

    @property
    def gains_from_batches(self) -> bool:
        """Whether a batch of several pictures is faster than one after the other.

        On the CPU it is not: with `compact` at 512 x 512 on two cores, a batch of 4 took 1.4 times as long
        for each picture (137 against 101 ms in bfloat16): its activations no longer fit into the caches.
        """
        return self.torch_device.type != "cpu"


def choose_device(device: DeviceName, precision: Precision, threads: int, graphs_dir: Path | None = None) -> Device:
    """Resolve the settings into a device that exists, and set the number of torch's CPU threads.

    Raises:
        SettingsError: if a device or a precision is asked for by name and the machine does not have it.
    """
    torch.set_num_threads(threads)
    kind = choose_kind(device)
    dtype = choose_dtype(kind, precision)
    name = torch.cuda.get_device_name() if kind == "cuda" else f"{kind}, {threads} threads" if kind == "cpu" else kind
    return Device(torch.device(kind), dtype, name, threads, kind == "cpu" and can_compile(), graphs_dir)


def device_of(settings: Settings, threads: int) -> Device:
    """The device of the settings, with so many CPU threads. Raises as `choose_device`."""
    return choose_device(settings.device, settings.precision, threads, settings.graphs_dir)


def limit_this_thread(threads: int) -> None:
    """Let torch use so many CPU threads for what the calling thread computes, and as many as before for all others.

    Torch keeps the number by thread, but a thread that computes for the first time inherits the one set last, which is
    therefore restored. To be called before such threads start.
    """
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    restoring = threading.Thread(target=torch.set_num_threads, args=(usual,))
    restoring.start()
    restoring.join()


def choose_kind(device: DeviceName) -> str:
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(kind for kind, there in present.items() if there)
    if not present[device]:
        raise SettingsError(f"PASTICHE_DEVICE: {device} is not available on this machine.")
    return device


def choose_dtype(kind: str, precision: Precision) -> torch.dtype:
    if precision == "float32":
        return torch.float32
    supported = supports_bfloat16(kind)
    if precision == "bfloat16" and not supported:
        raise SettingsError(f"PASTICHE_PRECISION: this {kind} device does not compute in bfloat16.")
    return torch.bfloat16 if supported else torch.float32


def can_compile() -> bool:
    """Whether the package that compiles for a CPU is installed: it has no wheels for some systems."""
    return find_spec("openvino") is not None
