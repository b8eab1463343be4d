"""What a command has to say on stderr when something went wrong."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

console = Console(stderr=True)


def complain(command: str, sentence: str) -> None:
    """One line, in the manner of shell tools. Not wrapped, so that it can be searched; no markup is read from it."""
    console.print(Text(f"pastiche {command}: {sentence}", style="red"), soft_wrap=True)


def warn(sentence: str) -> None:
    """Of something that stops no command."""
    console.print(Text(f"pastiche: warning: {sentence}", style="yellow"), soft_wrap=True)
