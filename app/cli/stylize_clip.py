"""`pastiche stylize clip.mp4`: a clip, or a folder of its frames, stylized frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.failure import complain, console, warn
from app.cli.io_plan import UnusablePlan, expand, is_folder
from app.engine.frame_painter import FramePainter
from app.errors import PasticheError
from app.imaging import webp
from app.storage.atomic import replacing
from app.video.bounds import Bounds
from app.video.folder import FrameFolder, write_frames
from app.video.frame import Frame, Source
from app.video.look import Look, look_at
from app.video.reading import open_clip
from app.video.sound import Sound, sound_of
from app.video.writing import FORMATS, write_clip

CLIP_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".gif"})


@dataclass(frozen=True)
class PlannedClip:
    """
    Attributes:
        source: a clip, or a folder of frames where there is a `rate`, in frames a second.
        target: a file, or a folder of frames.
        format: a name in `video.writing.FORMATS`, or of pictures where the target is a folder.
    """

    source: Path
    target: Path
    format: str
    rate: float | None

    @property
    def into_folder(self) -> bool:
        return self.format not in FORMATS or is_folder(str(self.target))


def plan_clip(inputs: Sequence[Path], output: str, format: str | None, rate: float | None) -> PlannedClip | None:
    """What to do where the input is a clip, or a folder with a rate; None where the inputs are photos.

    Args:
        format: of the frames where the output is a folder, JPEG by default.

    Raises:
        UnusablePlan: before anything is read or written.
    """
    clips = [path for path in inputs if is_clip(path)]
    if rate is None and not clips:
        return None
    if len(inputs) != 1:
        raise UnusablePlan("A clip is stylized alone: give no other inputs beside it.")
    [source] = inputs
    if rate is not None and not source.is_dir():
        raise UnusablePlan("--frames wants a folder, which holds the frames of a clip.")
    target = Path(output)
    if is_folder(output):
        return PlannedClip(source, folder_beside(source, target), format or "jpeg", rate)
    named = target.suffix.lower().removeprefix(".")
    if format is not None or named not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UnusablePlan(f"A clip is written to a file that ends in {known}, or as frames to a folder: {output}/.")
    if not target.parent.is_dir():
        raise UnusablePlan(f"There is no folder {target.parent}.")
    if target.resolve() == source.resolve():
        raise UnusablePlan(f"{target} is the clip itself and would be overwritten.")
    return PlannedClip(source, target, named, rate)


def is_clip(path: Path) -> bool:
    """By its name; a WebP by its header, since most have a single picture."""
    if path.suffix.lower() != ".webp" or not path.is_file():
        return path.suffix.lower() in CLIP_SUFFIXES and not path.is_dir()
    try:
        return webp.read_header(path.read_bytes()).frames > 1
    except (OSError, PasticheError):
        return False  # what is wrong with it is said where photos are read


def folder_beside(source: Path, folder: Path) -> Path:
    if folder.resolve() == source.resolve():
        raise UnusablePlan(f"{folder} holds the frames themselves, which would be overwritten.")
    return folder


def fill_clip(plan: PlannedClip, painter: FramePainter, frame_megapixels: float, quality: int) -> int:
    """Stylize the clip; a failure is named on stderr. Returns how many clips failed."""
    try:
        with ExitStack() as stack:
            bounds = Bounds(frame_megapixels=frame_megapixels)
            source = open_source(plan, bounds, stack)
            shown = tracked(source, plan.source.name, stack)
            painted = painted_frames(shown, painter, looked_at(plan, source, bounds, painter))
            if plan.into_folder:
                write_frames(plan.target, plan.format, painted, quality)
            else:
                sound = copied_sound(plan, stack)
                unfinished = stack.enter_context(replacing(plan.target.resolve()))
                write_clip(unfinished, plan.format, painted, quality, sound, source.plays)
    except PasticheError as error:
        complain("stylize", f"{plan.source}: {error.detail}")
    except OSError as error:
        complain("stylize", f"{plan.source}: {error.strerror or error}")
    else:
        return 0
    return 1


def open_source(plan: PlannedClip, bounds: Bounds, stack: ExitStack) -> Source:
    if plan.rate is not None:
        rate = Fraction(plan.rate).limit_denominator(1001)
        return FrameFolder(list(expand(plan.source)), rate, bounds)
    clip = open_clip(plan.source, bounds)
    stack.callback(clip.close)
    return clip


def copied_sound(plan: PlannedClip, stack: ExitStack) -> Sound | None:
    """The clip's sound, if the result can have it; a loss is told."""
    sound = sound_of(plan.source) if plan.rate is None else None
    if sound is None:
        return None
    stack.callback(sound.close)
    if sound.holds_in(plan.format):
        return sound
    warn(f"The sound ({sound.codec}) is left out: {plan.format} cannot hold it.")
    return None


def looked_at(plan: PlannedClip, source: Source, bounds: Bounds, painter: FramePainter) -> Look | None:
    """Where the style changes, how long the clip is; else nobody asks."""
    if painter.end is None:
        return None
    if plan.rate is None:
        return look_at(plan.source, bounds)
    frames = source.expected_frames or 1
    return Look(source.width, source.height, frames, None, None)


def painted_frames(frames: Iterator[Frame], painter: FramePainter, look: Look | None) -> Iterator[Frame]:
    for number, frame in enumerate(frames):
        passed = look.passed(number, float(frame.seconds)) if look else 0.0
        yield replace(frame, picture=painter.paint(frame.picture, passed))


def tracked(source: Source, name: str, stack: ExitStack) -> Iterator[Frame]:
    """The frames, with a progress bar that ends with the `stack`; one is done when the next is asked for."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    progress = stack.enter_context(bar)
    task = progress.add_task(name, total=source.expected_frames)
    for frame in source.frames():
        yield frame
        progress.advance(task)
