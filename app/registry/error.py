"""What is raised for a model that cannot be used."""

from __future__ import annotations

SENTENCE_CHARACTERS = 500


class InvalidModel(Exception):
    """A version that must not be used; the sentence says what is wrong with it."""

    def __init__(self, sentence: str) -> None:
        # It quotes names from the files, which shall neither break the log's lines nor fill it.
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in sentence[:SENTENCE_CHARACTERS]))


class MissingModel(InvalidModel):
    """There is no such model or version."""
