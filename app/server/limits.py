"""Limits of a connection, and of all connections together."""

from __future__ import annotations

from dataclasses import dataclass

from app.machine import allow_files
from app.settings import Settings, SettingsError

# Open files kept for everything but clients' connections: models, databases, images of jobs, worker processes, and
# connections that are being refused.
OTHER_FILES = 96
# A connection can hold 64 kB of headers before they are parsed: at most 256 MB.
MAX_CONNECTIONS = 4096


@dataclass(frozen=True)
class Limits:
    """
    Attributes:
        header_bytes: request line and headers together.
        header_lines: number of headers.
        header_seconds: from the connection, or a request's first byte, to the end of its headers.
        body_seconds: how long a body may arrive at less than `bytes_per_second`.
        answer_seconds: how long a response may be read at less than that.
        discard_bytes: how much of a body is read and discarded after its response.
        discard_seconds: how long a body is discarded.
        unsent_bytes: of all responses together.
        connections: most open connections.
    """

    header_bytes: int
    header_lines: int
    header_seconds: float
    body_seconds: float
    answer_seconds: float
    bytes_per_second: float
    discard_bytes: int
    discard_seconds: float
    unsent_bytes: int
    connections: int


def limits_of(settings: Settings) -> Limits:
    """The limits in the settings. Raises SettingsError for more connections than there can be open files."""
    return Limits(
        header_bytes=settings.header_kilobytes * 1000,
        header_lines=settings.header_lines,
        header_seconds=settings.header_seconds,
        body_seconds=settings.body_seconds,
        answer_seconds=settings.answer_seconds,
        bytes_per_second=settings.bytes_per_second,
        discard_bytes=int(settings.discard_megabytes * 1_000_000),
        discard_seconds=settings.discard_seconds,
        unsent_bytes=int(settings.unsent_megabytes * 1_000_000),
        connections=connections(settings.connections, allow_files()),
    )


def connections(asked: int | None, files: int | None) -> int:
    """How many connections may be open.

    Args:
        asked: None: as many as possible.
        files: the limit of open files, None if there is none.
    """
    most = MAX_CONNECTIONS if files is None else max(1, files - OTHER_FILES)
    if asked is None:
        return min(MAX_CONNECTIONS, most)
    if files is not None and asked > most:
        raise SettingsError(
            f"PASTICHE_CONNECTIONS: at most {most} fit within the limit of {files} open files (`ulimit -n`), "
            f"of which {OTHER_FILES} are kept for other uses."
        )
    return asked
