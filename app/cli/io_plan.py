"""The I/O plan: which photos are stylized, into which files, in which format."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.imaging.encode import FORMATS
from app.storage.atomic import replacing

# In the place of a file, standard input or output.
STREAM = Path("-")
PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif"})
SUFFIXES = {".jpg": "jpeg"} | {f".{format}": format for format in FORMATS}
DEFAULT_SUFFIX = ".jpg"


class UnusablePlan(Exception):
    """The inputs and the output do not go together; the sentence says why."""


@dataclass(frozen=True)
class PlannedPicture:
    """A photo to stylize. `source` and `target` may be STREAM; `format` is a name in FORMATS."""

    source: Path
    target: Path
    format: str

    def read(self) -> bytes:
        """The photo's bytes. Raises OSError."""
        return sys.stdin.buffer.read() if self.source == STREAM else self.source.read_bytes()

    def write(self, painting: bytes) -> None:
        """All of it or nothing: a file of that name is replaced only by a whole one. Raises OSError."""
        if self.target == STREAM:
            sys.stdout.buffer.write(painting)
            sys.stdout.buffer.flush()
            return
        target = self.target.resolve()
        if target.exists() and not target.is_file():  # a device or a pipe must stay one
            target.write_bytes(painting)
            return
        with replacing(target) as unfinished:
            unfinished.write_bytes(painting)


def plan_pictures(inputs: Sequence[Path], output: str, format: str | None) -> list[PlannedPicture]:
    """An item for each photo in `inputs`, which are files, folders and STREAM.

    A folder stands for the photos directly in it. `output` is a file if there is one input that is no folder, unless
    it exists as a folder or ends like one; else it is a folder, in which each result has its photo's name. A pattern
    that is not a file's name is expanded here: some shells do not, and none does within quotes.

    Args:
        format: of all results; None takes it from the name of each file.

    Raises:
        UnusablePlan: before anything is read or written.
    """
    inputs = [path for given in inputs for path in matching(given)]
    sources = [source for given in inputs for source in expand(given)]
    alone = len(inputs) == 1 and not inputs[0].is_dir()
    if not alone and (output == "-" or STREAM in sources):
        raise UnusablePlan("- stands for a single photo, so it cannot be combined with others.")
    if alone and not is_folder(output):
        plan = [plan_into_file(sources[0], Path(output), format)]
    elif not is_folder(output) and not Path(output).exists() and Path(output).suffix.lower() in SUFFIXES:
        raise UnusablePlan(
            f"{output} is the name of one file, but several photos need a folder: write {output}/ if it is one."
        )
    else:
        plan = [plan_into_folder(source, Path(output), format) for source in sources]
    check_targets(plan)
    return plan


def matching(given: Path) -> list[Path]:
    """The paths that a pattern matches, sorted; `given` where it is none or names a file itself."""
    if not glob.has_magic(str(given)) or given.exists():
        return [given]
    found = sorted(Path(path) for path in glob.glob(str(given), recursive=True))  # noqa: PTH207 - Path's takes none from the root
    if not found:
        raise UnusablePlan(f"Nothing matches {given}.")
    return found


def expand(given: Path) -> Iterator[Path]:
    if not given.is_dir():
        yield given
        return
    photos = sorted(path for path in given.iterdir() if is_photo(path))
    if not photos:
        raise UnusablePlan(f"There is no JPEG, PNG, WebP, AVIF or HEIC photo in {given}.")
    yield from photos


def is_photo(path: Path) -> bool:
    """By its name. Hidden files are none: on other systems' disks, macOS puts a `._a.jpg` beside each `a.jpg`."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()


def is_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def plan_into_file(source: Path, target: Path, format: str | None) -> PlannedPicture:
    named = "jpeg" if target == STREAM else SUFFIXES.get(target.suffix.lower())
    if format is None and named is None:
        known = ", ".join(SUFFIXES)
        raise UnusablePlan(f"The format is not clear from {target}: end it in {known}, or give --format.")
    if not target.parent.is_dir():
        raise UnusablePlan(f"There is no folder {target.parent}.")
    return PlannedPicture(source, target, format or named or "")


def plan_into_folder(source: Path, folder: Path, format: str | None) -> PlannedPicture:
    if source == STREAM:
        raise UnusablePlan("A photo from standard input has no name; give the output one.")
    if folder.exists() and not folder.is_dir():
        raise UnusablePlan(f"{folder} is a file, but several photos need a folder.")
    named = SUFFIXES.get(source.suffix.lower())
    if named is not None and format in (None, named):
        return PlannedPicture(source, folder / source.name, named)
    suffix = DEFAULT_SUFFIX if format in (None, "jpeg") else f".{format}"
    stem = source.stem if source.suffix.lower() in PHOTO_SUFFIXES else source.name
    return PlannedPicture(source, folder / (stem + suffix), SUFFIXES[suffix])


def check_targets(plan: Sequence[PlannedPicture]) -> None:
    """Two results in one file, or a result over a photo, would lose an image. Older results are replaced."""
    twice = [target for target, count in Counter(item.target for item in plan).items() if count > 1]
    if twice:
        raise UnusablePlan(f"Several photos would be written to {twice[0]}: write them to different folders.")
    sources = {item.source.resolve() for item in plan}
    for item in plan:
        if item.target.resolve() in sources and item.target != STREAM:
            raise UnusablePlan(f"{item.target} is one of the photos and would be overwritten.")
