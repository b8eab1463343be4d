"""What one connection, and all of them together, may cost."""

from __future__ import annotations

from dataclasses import dataclass

from app.machine import allow_files
from app.settings import Settings, SettingsError

# For everything that is not a client's connection: models, databases, pictures of jobs, worker processes, and
# connections that are being refused.
OTHER_FILES = 96
# What one connection may hold before anybody knows what it wants is a head of 64 kB: 256 MB at the most.
MAX_CONNECTIONS = 4096


@dataclass(frozen=True)
class Limits:
    """
    Attributes:
        header_bytes: request line and headers together.
        header_lines: number of headers.
        header_seconds: from the connection, or a request's first byte, to the end of its headers.
        body_seconds: a body that brings less than `bytes_per_second` for so long is given up.
        answer_seconds: likewise an answer that its client does not read.
        discard_bytes: of a body that comes after its answer, so much is read and thrown away.
        discard_seconds: and for so long.
        unsent_bytes: of all answers together that wait for their clients.
        connections: open at once.
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
    """Raises SettingsError where more connections are asked for than there can be open files."""
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
    """How many may be open.

    Args:
        asked: None takes what there is room for.
        files: how many may be open, None where nothing limits them.
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
