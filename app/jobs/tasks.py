"""The kinds of jobs there are."""

from __future__ import annotations

from collections.abc import Mapping

from app.jobs.gatys import Gatys
from app.jobs.refinement import KIND as REFINEMENT
from app.jobs.refinement import RefinementTask
from app.jobs.stylize import Stylize, Stylizers
from app.jobs.training import Training
from app.jobs.training_params import KIND as TRAINING
from app.jobs.video import KIND as VIDEO
from app.jobs.video import Video
from app.jobs.worker import Task
from app.settings import Settings


def tasks(settings: Settings) -> Mapping[str, Task]:
    """A task for every kind but trainings. What they need is loaded with the first job that needs it, and then kept."""
    stylizers = Stylizers(settings)
    return {
        "stylize": Stylize(settings, stylizers),
        "gatys": Gatys(settings, stylizers),
        REFINEMENT: RefinementTask(settings),
        VIDEO: Video(settings, stylizers),
    }


def training_tasks(settings: Settings) -> Mapping[str, Task]:
    """Those that have worker processes of their own: they last, and leave the processor to all others."""
    return {TRAINING: Training(settings)}
