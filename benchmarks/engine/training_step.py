"""What a step of a training takes on this CPU, in both orders of memory: all take turns, so compare the ratios.

python -m benchmarks.engine.training_step --paintings PAINTINGS --descriptor vgg19_distilled16x.safetensors --threads 1
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from app.cli.training_run import read_descriptor
from app.model_builds.addition import fitting_precision
from app.model_builds.full_training import CPU, FullTraining, build_trainer
from app.nets.architectures import ArchitectureName
from app.settings import usable_cores
from app.training.paintings import list_paintings
from app.training.recipe import Recipe
from app.training.style_trainer import StyleTrainer
from app.training.synthetic import BuiltInPictures
from benchmarks.markdown_table import table
from benchmarks.papers.stopwatch import Stopwatch

ARCHITECTURES: tuple[ArchitectureName, ...] = ("compact", "paper")
LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


def trainer_of(whole: FullTraining, layout: torch.memory_format) -> StyleTrainer:
    trainer = build_trainer(whole)
    trainer.generator.to(memory_format=layout)
    trainer.objective.to(memory_format=layout)
    return trainer


def measure(whole: FullTraining, rounds: int) -> list[str]:
    """Processor seconds of a step in each layout; all steps see the same pictures."""
    trainers = {name: trainer_of(copy.deepcopy(whole), layout) for name, layout in LAYOUTS.items()}
    sample = BuiltInPictures(len(whole.works), whole.recipe).sample(0)
    steps = {name: partial(trainer.advance, sample) for name, trainer in trainers.items()}
    first, last = Stopwatch(CPU, processor=True).take_turns(steps, rounds).values()
    return [whole.name, f"{first:.2f}", f"{last:.2f}", f"{last / first:.2f}"]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--descriptor", type=Path, required=True, help="loss network, a safetensors file")
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=usable_cores())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    works, descriptor = list_paintings(args.paintings, [], None), read_descriptor(args.descriptor)
    rows = []
    for name in ARCHITECTURES:
        recipe = Recipe(architecture=name, crop=args.crop, batch=args.batch, precision=fitting_precision(CPU))
        rows.append(measure(FullTraining(name, works, descriptor, args.descriptor.stem, recipe), args.rounds))
    print(f"batches of {args.batch} crops of {args.crop} px, {args.threads} threads, {recipe.precision}\n")
    print(table(("generator", *(f"CPU s a step, {name}" for name in LAYOUTS), "ratio"), rows))


if __name__ == "__main__":
    main()
