"""What the log writes, run as a process of its own: the configuration changes the whole process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = "\x1b[31mred\x1b]0;title\x07\r\nforged line\x9b\u2028"
PROGRAM = f"""
import logging, structlog
from app.logs import configure_logging
import sys
configure_logging("info", sys.argv[1])
hostile = {HOSTILE!r}
log = structlog.get_logger("ours")
log.info(hostile, word=hostile, words=[hostile], name_of={{"a": hostile}})
logging.getLogger("theirs").warning("theirs %s", hostile)
try:
    raise ValueError(hostile)
except ValueError:
    log.exception("failed")
"""


def logged(form: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, form], cwd=Path(__file__).parent.parent, capture_output=True, check=True
    )
    return ended.stdout.decode()


@pytest.mark.process
def test_text_shows_control_characters_and_obeys_none() -> None:
    shown = logged("text")
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert shown.count(r"\x1b[31mred\x1b]0;title\x07\r\nforged line\x9b\u2028") >= 4
    lines = shown.splitlines()
    # Every event begins with its time; a traceback is indented below its own.
    assert [line[:2] for line in lines if not line.startswith("  ")] == ["20"] * 3
    assert "  Traceback (most recent call last):" in lines


@pytest.mark.process
def test_json_is_one_object_a_line() -> None:
    events = [json.loads(line) for line in logged("json").splitlines()]
    assert [event["event"] for event in events] == [HOSTILE, f"theirs {HOSTILE}", "failed"]
    assert events[0]["word"] == HOSTILE
