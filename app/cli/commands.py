"""The commands of `pastiche`: each is imported when it is called, since most need torch, which takes seconds."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from app.engine.memory import collector_paused

# In the order of `pastiche --help`: each is the function, or the group of commands, in the module of that name.
NAMES = ("serve", "worker", "migrate", "stylize", "texture", "distill", "train", "models")


class Commands(TyperGroup):
    """A group whose commands are those of NAMES before its own."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands({**dict.fromkeys(NAMES), **self.commands})


class LazyCommands(UserDict[str, Any]):
    """Commands by name; None stands for one that is not imported yet."""

    def __getitem__(self, name: str) -> Any:
        command = super().__getitem__(name)
        if command is None:
            command = self[name] = load(name)
        return command


def load(name: str) -> Any:
    """The command of that name, as typer makes it."""
    with collector_paused():
        command = getattr(import_module(f"app.cli.{name}"), name)
    alone = typer.Typer()
    if isinstance(command, typer.Typer):
        alone.add_typer(command, name=name)
    else:
        alone.command(name)(command)
    return get_group(alone).commands[name]
