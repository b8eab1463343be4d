"""`name` and `name@version`, the words for a model."""

from __future__ import annotations

import re

from app.registry.manifest import MODEL_NAME
from app.registry.repository import MissingModel

NAME_CHARACTERS = 64
VERSION = r"[1-9][0-9]{0,8}"


def parse_label(reference: str) -> tuple[str, int | None]:
    """Name and version, None where none is given. InvalidModel: neither of them, a path perhaps."""
    name, pinned, version = reference.partition("@")
    if len(name) > NAME_CHARACTERS or not re.fullmatch(MODEL_NAME, name):
        raise MissingModel(f"There is no model {reference}.")
    if not pinned:
        return name, None
    if not re.fullmatch(VERSION, version, re.ASCII):
        raise MissingModel(f"There is no model {reference}.")
    return name, int(version)
