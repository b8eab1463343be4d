"""The kinds of jobs there are. Here the rooms meet that do not know each other."""

from __future__ import annotations

from collections.abc import Mapping

from app.jobs.worker import Task
from app.settings import Settings


def tasks(settings: Settings) -> Mapping[str, Task]:
    """A task for every kind. What they need is loaded with the first job that needs it, and then kept."""
    from app.jobs.stylize import Stylize

    return {"stylize": Stylize(settings)}
