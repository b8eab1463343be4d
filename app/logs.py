"""The log: one JSON object a line, or text for a person; the server's own lines in the same form."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]

# Libraries that tell of every client's mistake, at `debug` of every chunk of a picture, or at every start of how they
# would migrate what is up to date.
QUIETED = {"python_multipart": logging.ERROR, "PIL": logging.INFO, "alembic": logging.WARNING}


def configure_logging(level: Level, format: Format) -> None:
    """Send structlog and the standard library's loggers to stdout. Changes the whole process."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
        if format == "json"
        # Plain: the default prints every variable of a traceback, which may be a client's picture.
        else [
            structlog.processors.format_exc_info,
            escape_control_characters,
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()),
        ]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, least in QUIETED.items():
        logging.getLogger(name).setLevel(least)


def escape_control_characters(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Clients' words must neither forge a line of the log nor talk to the terminal that shows it.

    A traceback has lines of its own, indented: the message of an error may have line ends, too.
    """
    return {name: _indented(value) if name == "exception" else _escaped(value) for name, value in event.items()}


def _indented(traceback: str) -> str:
    return "\n".join(f"  {_escaped(line)}" for line in traceback.split("\n"))


def _escaped(value: Any) -> Any:
    """A string with its unprintable characters as Python writes them; anything else as it is."""
    if not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
