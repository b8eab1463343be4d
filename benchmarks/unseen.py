"""The photos that no training has seen: forty of those given, by file name."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

NAMES = tuple((Path(__file__).parent / "unseen_photos.txt").read_text().split())
FIRST = ("lakeside.jpg", "golden_retriever.jpg")  # the two that every style is measured on


def add_count_option(parser: ArgumentParser, default: int) -> None:
    parser.add_argument("--count", type=int, default=default, help="unseen photos")


def unseen(count: int) -> list[str]:
    """The first two and, beyond them, photos from all over the list."""
    others = [name for name in NAMES if name not in FIRST]
    more = max(0, min(count, len(NAMES)) - len(FIRST))
    return [*FIRST[:count], *(others[index * len(others) // more] for index in range(more))]
