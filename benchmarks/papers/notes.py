"""Finished measurements of one part of papers.py: a JSON line each, so that what is interrupted goes on behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Figures = Mapping[str, Any]


class Notes:
    """A file of measurements, each under a key of its own. A half-written last line counts as not measured."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._notes = [json.loads(line) for line in lines if line.endswith("}")]

    def once(self, measure: Callable[[], Figures], **key: Any) -> Figures:
        """The figures that are noted under `key`, measured now if they are not there."""
        for note in self._notes:
            if note["key"] == key:
                return dict(note["figures"])
        figures = dict(measure())
        self._notes.append({"key": key, "figures": figures})
        print(f"{self.path.stem}: {json.dumps(key)}", flush=True)
        # Whole, not appended: a torn line of a killed run would swallow the next one.
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text("".join(json.dumps(note) + "\n" for note in self._notes))
        unfinished.replace(self.path)
        return figures

    def rows(self, what: str) -> list[dict[str, Any]]:
        """Keys and figures together of every note of that kind, in the order in which they were measured."""
        return [note["key"] | note["figures"] for note in self._notes if note["key"]["what"] == what]
