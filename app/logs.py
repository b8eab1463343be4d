"""The log: one JSON object per line, or text for people; libraries log in the same form."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]

# Libraries that log every client's mistake, every chunk of an image (at `debug`), or migrations at every start.
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
        # Plain tracebacks: the default also prints variables, which may be a client's image.
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
    """Escape text from clients, so that it can neither forge log lines nor send control codes to a terminal.

    Tracebacks keep their lines, indented, since messages of errors may contain line ends.
    """
    return {name: _indented(value) if name == "exception" else _escaped(value) for name, value in event.items()}


def _indented(traceback: str) -> str:
    return "\n".join(f"  {_escaped(line)}" for line in traceback.split("\n"))


def _escaped(value: Any) -> Any:
    """A string with its unprintable characters escaped as in Python; anything else as it is."""
    if not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
