"""Types and defaults that several settings share."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from app.machine import this_machine

# Memory that the default limits, the models and one image of the largest size take together.
USUAL_BYTES = 2e9


def usable_cores() -> int:
    """Threads for a network that has the machine to itself."""
    return this_machine().network_threads


def network_threads(earlier: dict[str, Any]) -> int:
    """The default number of threads of a network; `earlier` are the settings before it."""
    return max(1, math.floor(usable_cores() * float(earlier["core_share"])))


def codec_threads(earlier: dict[str, Any]) -> int:
    """The default number of threads that decode and encode; `earlier` are the settings before it."""
    return max(1, math.ceil(this_machine().codec_threads * float(earlier["core_share"])))


def by_memory(usual: float, whole: float = USUAL_BYTES) -> Callable[[], float]:
    """Default of a memory limit: `usual` with at least `whole` bytes of memory, in proportion with less."""
    return lambda: usual * this_machine().share_of_memory(whole)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = tuple(part.strip() for part in re.split(r"[,\r\n]", value) if part.strip())
    if not parts:
        raise ValueError("it names nothing; leave it unset, or name at least one, separated by commas")
    return parts


def _existing_file(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(
            f"cannot read the file {path} ({error.strerror}); name one that can be read, or leave it unset"
        ) from None
    return path


def _existing_folder(path: Path) -> Path:
    try:
        os.scandir(path).close()
    except OSError as error:
        raise ValueError(
            f"cannot read the folder {path} ({error.strerror}); name one that can be read, or leave it unset"
        ) from None
    return path


# For `Annotated`: case-insensitive words, and lists separated by commas or line ends.
AnyCase = BeforeValidator(_lower)
Separated = BeforeValidator(_split)

ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
ExistingFolder = Annotated[Path, AfterValidator(_existing_folder)]
