"""`pastiche worker`: runs jobs until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from app import tracing
from app.cli.failure import failures_told
from app.engine.memory import collector_paused
from app.errors import LedgerUnavailable
from app.logs import configure_logging
from app.settings import load_settings


def worker(
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="Stop with the process that started it.")
    ] = False,
    trainings: Annotated[bool, typer.Option("--trainings", help="Run trainings only.")] = False,
) -> None:
    """Run jobs, one at a time, until SIGTERM: then the running job is handed over at its next checkpoint.

    Trainings have workers of their own; one of them at a time trains on a device.

    Exits with 2 if a setting is bad, with 1 if the database cannot be reached or has another schema.
    """
    with failures_told("worker"):
        settings = load_settings()
    with collector_paused():
        from app.jobs.tasks import tasks, training_tasks
        from app.jobs.training_queue import TrainingQueue
        from app.jobs.worker import run_worker  # here, since no other command needs the database's packages
        from app.sql.migration import SchemaOutdated

    with failures_told("worker", SchemaOutdated, LedgerUnavailable):
        configure_logging(settings.log_level, settings.log_format)
        tracing.start(settings, "pastiche-worker")
        try:
            if trainings:
                run_worker(
                    settings,
                    training_tasks(settings),
                    until_stdin_closes=until_stdin_closes,
                    niceness=settings.training_niceness,
                    queue=TrainingQueue(settings),
                )
            else:
                run_worker(settings, tasks(settings), until_stdin_closes=until_stdin_closes)
        finally:
            tracing.stop()
