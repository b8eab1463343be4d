"""How a command fails: one sentence on stderr, and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from app.settings import SettingsError

FAILED = 1
MISUSED = 2  # as typer has it
INTERRUPTED = 128 + 2  # what a shell gives a program that SIGINT has ended

# A terminal wraps lines itself; a file or a pipe keeps them whole, so that they can be searched.
console = Console(stderr=True, soft_wrap=True)


def complain(command: str, sentence: str) -> None:
    """One line, in the manner of shell tools. No markup is read from it."""
    console.print(Text(f"pastiche {command}: {sentence}", style="red"))


def warn(sentence: str) -> None:
    """Of something that stops no command."""
    console.print(Text(f"pastiche: warning: {sentence}", style="yellow"))


def give_up(command: str, sentence: str, code: int = FAILED) -> NoReturn:
    complain(command, sentence)
    raise typer.Exit(code) from None


@contextmanager
def failures_told(command: str, *failures: type[Exception]) -> Iterator[None]:
    """End the command with the sentence of a bad setting, and of whatever else it may fail for."""
    try:
        yield
    except SettingsError as error:
        give_up(command, str(error), MISUSED)
    except failures as error:
        give_up(command, str(error))
