"""Seconds of one pass of a network and of one iteration of Gatys, with the loss network given and with the papers'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from app.nets.architectures import ArchitectureName, build_generator
from app.nets.descriptor import VGG16, Descriptor, torchvision_names
from app.nets.norm import StyleRows
from app.training.sheet import paint_sample
from benchmarks.papers.bench import Bench
from benchmarks.papers.gatys import advance, endless, transfer
from benchmarks.papers.notes import Figures

# What the papers' ratios are to.
ITERATIONS = 500
# The loss network of Johnson et al.: VGG-16 up to the last of these layers (1603.08155, section 4.1).
PAPER_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
PAPER_CONTENT = "relu3_3"
VGG16_WIDTHS = (64, 128, 256, 512, 512)


def speed(bench: Bench, networks: Sequence[ArchitectureName], edges: Sequence[int]) -> Figures:
    """Seconds by "WHAT EDGE", all taking turns: `given` and `full` are iterations, with two loss networks."""
    rounds = bench.size.timed_rounds
    layers = {"style_layers": dict.fromkeys(PAPER_LAYERS, 1 / len(PAPER_LAYERS)), "content_layers": {PAPER_CONTENT: 1}}
    tasks: dict[str, Callable[[], object]] = {}
    for edge in edges:
        tasks[f"given {edge}"] = advance(transfer(bench, edge, endless(rounds)), 1)
        tasks[f"full {edge}"] = advance(transfer(bench, edge, endless(rounds), vgg16().to(bench.device), **layers), 1)
        for name in networks:
            tasks[f"{name} {edge}"] = painter(bench, name, edge)
    return {"seconds": bench.watch.take_turns(tasks, rounds)}


def vgg16() -> Descriptor:
    """Up to the deepest layer that is wanted, with random weights, which take the same time as any others."""
    generator = torch.Generator().manual_seed(0)
    convolutions, inputs = {}, 3
    for name in torchvision_names(VGG16).values():
        outputs = VGG16_WIDTHS[int(name[0]) - 1]
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * (2 / (9 * inputs)) ** 0.5
        convolutions[name] = (weight, torch.zeros(outputs))
        inputs = outputs
        if f"relu{name}" == PAPER_LAYERS[-1]:
            break
    return Descriptor((torch.eye(3), torch.zeros(3)), convolutions)


def painter(bench: Bench, name: ArchitectureName, edge: int) -> Callable[[], object]:
    """One pass of a network of its published widths; training does not change how long that takes."""
    generator = build_generator(name, {}).eval().to(bench.device)
    rows = StyleRows(1, generator.features).to(bench.device)
    return partial(paint_sample, generator, rows, bench.photo(edge), 0)


def ratio(seconds: dict[str, float], above: str, below: str, edge: str) -> str:
    """ITERATIONS of the one against one pass of the other."""
    return f"{ITERATIONS * seconds[f'{above} {edge}'] / seconds[f'{below} {edge}']:.0f}"
