"""The style images of a training: files, ids, and what is known about them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.style_id import StyleId
from app.training.photos import SUFFIXES

CATALOGUE = "styles.csv"


class UnusablePaintings(Exception):
    """The folder has no style image, lacks one that was named, or has one that cannot be used."""


@dataclass(frozen=True)
class StyleImage:
    """A style image. Its id is the stem of its file name."""

    id: str
    path: Path
    title: str
    artist: str | None
    year: int | None
    licence: str | None


def list_paintings(folder: Path, wanted: Sequence[str] = (), licence: str | None = None) -> tuple[StyleImage, ...]:
    """The style images in `folder`, sorted by id; only those in `wanted`, if any.

    Titles, artists, years and licences come from `styles.csv` (columns file, title, artist, year, licence), if the
    folder has one; `licence` is for all others.

    Raises:
        UnusablePaintings: the message names the id or the folder.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    files = {path.stem: path for path in paths}
    if twice := sorted(style for style, count in Counter(path.stem for path in paths).items() if count > 1):
        raise UnusablePaintings(f"There are several style images {', '.join(twice)} in {folder}.")
    if missing := sorted(set(wanted) - files.keys()):
        raise UnusablePaintings(f"There is no style image {', '.join(missing)} in {folder}.")
    if not files:
        raise UnusablePaintings(f"There is no JPEG, PNG or WebP style image in {folder}.")
    known = read_catalogue(folder / CATALOGUE)
    return tuple(
        describe(files[style], known.get(files[style].name, {}), licence) for style in sorted(set(wanted or files))
    )


def describe(path: Path, known: dict[str, str], licence: str | None) -> StyleImage:
    try:
        TypeAdapter(StyleId).validate_python(path.stem)
    except ValidationError:
        sentence = f"{path.name} is no style id: lower-case letters, digits and single underscores are."
        raise UnusablePaintings(sentence) from None
    title = known.get("title") or path.stem.replace("_", " ").capitalize()
    year = known.get("year") or ""
    return StyleImage(
        id=path.stem,
        path=path,
        title=title,
        artist=known.get("artist") or None,
        year=int(year) if year.isdecimal() else None,
        licence=known.get("licence") or licence,
    )


def read_catalogue(path: Path) -> dict[str, dict[str, str]]:
    """Rows of `styles.csv` by file name; empty if there is no such file."""
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return {row["file"]: row for row in csv.DictReader(file)}
    except (KeyError, csv.Error, UnicodeDecodeError):
        raise UnusablePaintings(f"{path} is no table in UTF-8 with a column named file.") from None
