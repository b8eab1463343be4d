"""Errors of models that cannot be used."""

from __future__ import annotations

SENTENCE_CHARACTERS = 500


class InvalidModel(Exception):
    """The version must not be used; the message says what is wrong with it."""

    def __init__(self, sentence: str) -> None:
        # The message quotes names from the files, which must neither break lines of the log nor fill it.
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in sentence[:SENTENCE_CHARACTERS]))


class MissingModel(InvalidModel):
    """There is no such model or version."""
