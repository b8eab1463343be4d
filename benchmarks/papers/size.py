"""How large the experiments of papers.py are: every hyper-parameter of a size in one block.

`SMALL` was laid out for some 15 minutes a part on two CPU cores, with the steps below; they grow and shrink with the
minutes that are given. `FULL` is for a GPU or a night, and takes the papers' own numbers where they are known.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

# What SMALL's steps are for.
MINUTES = 15.0
# Fewer steps teach nothing, and ten marks of a curve are made in them.
MIN_STEPS = 10
STEPS = "_steps"

Options = dict[str, Any]


@dataclass(frozen=True)
class Size:
    # Longer edge in pixels of the photos that are painted and of the paintings; the trainings' square crops, photos
    # being enlarged by a factor drawn from `zoom`, so that crops show things as large as they are in the photos.
    edge: int
    crop: int
    zoom: tuple[float, float]
    # How many photos, which no training sees, all losses are means over.
    unseen: int

    # Gatys: edge and iterations of the loss curves; edges at which an iteration is timed, and in how many rounds.
    curve_edge: int
    curve_iterations: int
    timed_edges: tuple[int, ...]
    timed_rounds: int
    # Evaluations of L-BFGS that a network's picture is compared with.
    equivalent_evaluations: int

    # Texture networks: the paper trained for 2,000 iterations of 16 samples (1603.03417, section 5).
    texture_steps: int
    texture_batch: int
    texture_crop: int
    stylising_steps: int
    stylising_batch: int
    texture_options: Options
    stylising_options: Options

    # Johnson: the paper trained for 40,000 iterations of 4 photos at 256 px (1603.08155, section 4.1).
    johnson_steps: int
    johnson_batch: int
    johnson_options: Options

    # Norms: both networks with both norms, so four trainings of so many steps.
    norm_steps: int
    norm_batch: int
    norm_options: dict[str, Options]

    # CIN: steps of each single-style network, and of the shared one for each of its styles; steps of the new row.
    cin_steps: int
    cin_batch: int
    cin_options: Options
    row_steps: int

    def scaled(self, minutes: float) -> Size:
        """The same with as many steps as go into so many minutes instead of `MINUTES`."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name.endswith(STEPS)}
        return replace(
            self, **{name: max(MIN_STEPS, round(steps * minutes / MINUTES)) for name, steps in named.items()}
        )


SMALL = Size(
    edge=256,
    crop=128,
    zoom=(0.5, 1.0),
    unseen=4,
    curve_edge=512,
    curve_iterations=300,
    timed_edges=(256, 512, 1024),
    timed_rounds=4,
    equivalent_evaluations=150,
    texture_steps=350,
    texture_batch=1,
    texture_crop=256,
    stylising_steps=600,
    stylising_batch=2,
    texture_options={},
    stylising_options={"scales": 5},
    johnson_steps=2000,
    johnson_batch=2,
    johnson_options={},
    norm_steps=500,
    norm_batch=4,
    norm_options={"johnson": {"widths": (16, 32, 64), "blocks": 3}, "ulyanov": {"scales": 5}},
    cin_steps=600,
    cin_batch=2,
    cin_options={},
    row_steps=300,
)

FULL = Size(
    edge=512,
    crop=256,
    zoom=(0.8, 1.6),
    unseen=10,
    curve_edge=512,
    curve_iterations=500,
    timed_edges=(256, 512, 1024),
    timed_rounds=8,
    equivalent_evaluations=500,
    texture_steps=2000,
    texture_batch=16,
    texture_crop=256,
    stylising_steps=10_000,
    stylising_batch=4,
    texture_options={},
    stylising_options={},
    johnson_steps=40_000,
    johnson_batch=4,
    johnson_options={},
    norm_steps=10_000,
    norm_batch=4,
    norm_options={"johnson": {}, "ulyanov": {}},
    cin_steps=10_000,
    cin_batch=4,
    cin_options={},
    row_steps=5000,
)
