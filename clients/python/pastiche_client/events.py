"""Server-sent events (WHATWG HTML, section 9.2), line by line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    Attributes:
        id: its number; `events(..., after=id)` goes on after it.
        name: `status`, `progress`, `preview`, or at last `end`.
        data: the members that the HTTP API documents.
    """

    id: int
    name: str
    data: Mapping[str, Any]


class EventReader:
    """Makes events of lines, over several connections.

    Attributes:
        ended: whether the last event has come.
        pause_seconds: before the next connection.
    """

    def __init__(self, after: int) -> None:
        self.ended = False
        self.pause_seconds = 2.0
        self._last = after
        self._fields: dict[str, str] = {}

    def connect(self) -> dict[str, str]:
        """Headers of the next connection; what came of an unfinished event is dropped."""
        self._fields = {}
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(self._last)} if self._last else {})

    def feed(self, line: str) -> Event | None:
        """The event that this line ends, if any."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "retry" in fields:
            self.pause_seconds = int(fields["retry"]) / 1000
        if "data" not in fields:
            return None
        event = Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
        self._last = event.id
        self.ended = event.name == "end"
        return event
