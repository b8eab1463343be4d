"""The parts' tables and plots, in a document of their own or between the marks of one that is there.

A mark is a line `<!-- papers: PART -->`; what stands between it and `<!-- end -->` is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

END = "<!-- end -->"


def mark(part: str) -> str:
    return f"<!-- papers: {part} -->"


def renewed(document: str, sections: Mapping[str, str]) -> str:
    """The document with the sections in place of what stood at their marks. KeyError: it lacks a mark."""
    for part, text in sections.items():
        pattern = re.compile(f"{re.escape(mark(part))}\n.*?{re.escape(END)}", re.DOTALL)
        if not pattern.search(document):
            raise KeyError(part)
        # Not as a pattern: a backslash in a table is a backslash.
        before, after = pattern.split(document, maxsplit=1)
        document = before + section(part, text) + after
    return document


def section(part: str, text: str) -> str:
    return f"{mark(part)}\n{text}\n{END}"


def write(path: Path, sections: Mapping[str, str]) -> None:
    """Renew the document at `path`, or begin one with all sections."""
    if path.exists():
        path.write_text(renewed(path.read_text(), sections))
    else:
        path.write_text("\n\n".join(section(part, text) for part, text in sections.items()) + "\n")
