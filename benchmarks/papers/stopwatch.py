"""Times that can be compared: what is timed takes turns, so whatever else the machine does slows all of it alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

Task = Callable[[], object]


class Stopwatch:
    """Seconds on the wall, or of the processor (all threads together) where other work disturbs."""

    def __init__(self, device: torch.device, *, processor: bool) -> None:
        self.device = device
        self.clock = time.process_time if processor else time.monotonic

    def seconds(self, task: Task) -> float:
        self.finish()
        began = self.clock()
        task()
        self.finish()
        return self.clock() - began

    def take_turns(self, tasks: Mapping[str, Task], rounds: int) -> dict[str, float]:
        """Median seconds of each task over `rounds`; one round before them, which warms up, does not count."""
        taken = [{name: self.seconds(task) for name, task in tasks.items()} for _ in range(rounds + 1)]
        return {name: median(turn[name] for turn in taken[1:]) for name in tasks}

    def finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
