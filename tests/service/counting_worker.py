"""`pastiche worker` with tasks that only count, so that tests can tell every iteration.

params: `to` iterations of `seconds` each; `dies_at` kills the process, `hangs_at` stops advancing, `raises` fails.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from app.jobs.context import JobContext
from app.jobs.job import Result
from app.jobs.worker import run_worker
from app.logs import configure_logging
from app.settings import load_settings


def count(context: JobContext) -> Result:
    params = context.params
    start = int(context.last_checkpoint() or 0)
    for iteration in range(start + 1, params["to"] + 1):
        if iteration == params.get("dies_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        if iteration == params.get("hangs_at"):
            time.sleep(3600)
        if params.get("raises"):
            raise RuntimeError("as it was told to")
        time.sleep(params["seconds"])
        context.report(iteration / params["to"], iteration=iteration, losses={"total": 1 / iteration})
        if context.checkpoint_due:
            context.checkpoint(str(iteration).encode())
    return Result(str(params["to"]).encode(), "text/plain", {"pid": os.getpid(), "started_at_iteration": start})


if __name__ == "__main__":
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    run_worker(settings, {"count": count}, until_stdin_closes="--until-stdin-closes" in sys.argv)
