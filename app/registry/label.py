"""References to models: `name` and `name@version`."""

from __future__ import annotations

import re

from app.registry.error import MissingModel

MODEL_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
NAME_CHARACTERS = 64
VERSION = r"[1-9][0-9]{0,8}"


def parse_label(reference: str) -> tuple[str, int | None]:
    """Name and version (None without one). Raises MissingModel for anything else, such as a path."""
    name, pinned, version = reference.partition("@")
    if not is_model_name(name) or (pinned and not is_version(version)):
        raise MissingModel(f"There is no model {reference}.")
    return name, int(version) if pinned else None


def label_of(name: str, version: int) -> str:
    return f"{name}@{version}"


def is_model_name(name: str) -> bool:
    """Whether it is a valid name of a model, which cannot lead out of a folder."""
    return len(name) <= NAME_CHARACTERS and re.fullmatch(MODEL_NAME, name) is not None


def is_version(text: str) -> bool:
    """Whether it is a number of a version, without leading zeros."""
    return re.fullmatch(VERSION, text, re.ASCII) is not None
