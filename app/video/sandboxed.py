"""The process in which clips from strangers are read: `python -m app.video.sandboxed`, started by `app.video.sandbox`.

It confines itself, runs one errand, and sends messages by its standard output.
"""

from __future__ import annotations

import json
import os
import sys

from app.video.confinement import Confinement, leave_network

NICENESS = 10  # as the workers have it


def main(argument: str) -> None:
    """Args: argument: JSON; `errand` and `confinement` have the members of these classes."""
    given = json.loads(argument)
    # What is printed by mistake must not come between messages.
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    leave_network()
    # Requests on the same machine come first.
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    # Here, since threads may be started; and before the limits, so that these are about the clip alone.
    from app.errors import OutOfMemory, PasticheError
    from app.video.errands import ERRANDS, Errand
    from app.video.messages import send
    from app.video.pyav import pyav

    try:
        pyav()
        Confinement(**given["confinement"]).apply()
        errand = Errand(**given["errand"])
        ERRANDS[errand.name](errand, pipe)
    except PasticheError as error:
        send(pipe, {"error": error.slug, "detail": error.detail, "private": error.private})
    except MemoryError as error:
        send(pipe, {"error": OutOfMemory.slug, "detail": None, "private": repr(error)})
    except BrokenPipeError:
        pass  # nobody wants the rest
    except Exception as error:  # noqa: BLE001 - said where there is a log
        send(pipe, {"error": PasticheError.slug, "detail": None, "private": repr(error)})


if __name__ == "__main__":
    main(sys.argv[1])
