"""Clips from strangers, read in a process that can do little harm: bounded in memory and time, and without a network.

FFmpeg is a million lines of C that parse what anybody sends. Whatever a file makes of it ends that process, and is told
here as a problem of the file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

import app
from app.errors import (
    EmptyBody,
    OutOfMemory,
    PasticheError,
    UnsupportedVideo,
    VideoError,
    VideoTooLarge,
)
from app.imaging.picture import Picture
from app.video.bounds import Bounds
from app.video.confinement import Confinement
from app.video.errands import Errand
from app.video.frame import Frame
from app.video.look import Look
from app.video.messages import Ended, Message, Silence, receive

# Told by the other process; whatever else it says is an error of ours.
TOLD: dict[str, type[PasticheError]] = {
    kind.slug: kind for kind in (EmptyBody, UnsupportedVideo, VideoTooLarge, VideoError)
}
# Of the processor. Opening a file reads 10 MB of it at most; counting its packets reads all.
LOOK_SECONDS = 10
# By the clock, between two messages: the slowest frame of an allowed size takes about a second.
SILENCE_SECONDS = 30
# Some twenty times what 8-bit H.264 takes, with the conversion to RGB.
CPU_SECONDS, CPU_SECONDS_A_MEGAPIXEL = 20, 0.15
# Of a result beside its segments and its sound: tables of packets.
INDEX_BYTES = 16_000_000


@dataclass(frozen=True)
class Joined:
    """A finished clip.

    Attributes:
        width, height: of its pictures.
        sound: the codec of the sound that the original has, None where it has none.
        sound_copied: whether the format could hold it.
    """

    data: bytes
    width: int
    height: int
    sound: str | None
    sound_copied: bool


class SandboxedClip:
    """A clip while another process reads it; to be closed, or used in a `with`.

    The file has no name, so that nothing is left of it whatever ends this process.

    Args:
        data: the file.
        memory_bytes: that reading it may take.
    """

    def __init__(self, data: bytes, bounds: Bounds, memory_bytes: int) -> None:
        self._bytes = len(data)
        self._bounds = bounds
        self._memory_bytes = memory_bytes
        self._file = nameless(data)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> SandboxedClip:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def look(self) -> Look:
        """What the clip is. Raises VideoError and EmptyBody, within seconds; OutOfMemory: of the machine."""
        with self._child("look", LOOK_SECONDS) as child:
            found = child.next(0, SILENCE_SECONDS).head["look"]
        return Look(**{**found, "shown": found["shown"] and tuple(found["shown"])})

    def frames(self, look: Look, skip: int = 0, skipped: Callable[[], object] = lambda: None) -> Iterator[Frame]:
        """The frames, one decoded at a time, which may be more or fewer than the look has told.

        Args:
            skip: so many at the beginning are left out.
            skipped: called for each of them.

        Raises:
            VideoError: and VideoTooLarge below it.
            OutOfMemory: of the machine.
        """
        megapixels = look.width * look.height * look.frames / 1e6
        cpu_seconds = int(CPU_SECONDS + CPU_SECONDS_A_MEGAPIXEL * megapixels)
        most_bytes = int(self._bounds.frame_megapixels * 4e6)
        with self._child("read", cpu_seconds, skip=skip) as child:
            while "end" not in (message := child.next(most_bytes, SILENCE_SECONDS)).head:
                if "skipped" in message.head:
                    skipped()
                else:
                    yield frame_of(message)

    def join(self, format: str, segments: Sequence[bytes], lasts: Fraction) -> Joined:
        """The segments as one clip, with the sound of this one where the format can hold it.

        Args:
            format: a name in `writing.ENCODINGS`.
            lasts: as `join_segments` takes it.

        Raises:
            VideoError: the sound cannot be read.
            OutOfMemory: of the machine.
        """
        sizes = [len(segment) for segment in segments]
        most = sum(sizes) + self._bytes + INDEX_BYTES
        with nameless(*segments) as pieces, nameless() as target:
            given = {
                "segments": path_of(pieces),
                "sizes": sizes,
                "lasts": str(lasts),
                "target": path_of(target),
                "format": format,
            }
            files = (pieces.fileno(), target.fileno())
            memory = self._memory_bytes + 2 * most
            with self._child("join", CPU_SECONDS, files, memory_bytes=memory, file_bytes=most, **given) as child:
                told = child.next(0, CPU_SECONDS + SILENCE_SECONDS).head["joined"]
            target.seek(0)
            return Joined(target.read(), **told)

    @contextmanager
    def _child(
        self,
        name: str,
        cpu_seconds: int,
        files: Sequence[int] = (),
        *,
        memory_bytes: int | None = None,
        file_bytes: int = 0,
        **given: Any,
    ) -> Iterator[Child]:
        confinement = Confinement(memory_bytes or self._memory_bytes, cpu_seconds, file_bytes)
        errand = Errand(name, path_of(self._file), asdict(self._bounds), **given)
        child = Child(errand, confinement, [self._file.fileno(), *files])
        try:
            yield child
        finally:
            child.end()


class Child:
    """The other process, while it runs an errand. It knows nothing of our environment."""

    def __init__(self, errand: Errand, confinement: Confinement, files: Sequence[int]) -> None:
        argument = json.dumps({"errand": asdict(errand), "confinement": asdict(confinement)})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.video.sandboxed", argument],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=files,
            cwd="/",
            # One pool of memory, and no threads of numpy's: both would count as memory that is used.
            env={"PYTHONPATH": str(PACKAGES), "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def next(self, body_bytes: int, seconds: float) -> Message:
        """What it says next. Raises VideoError, EmptyBody, OutOfMemory."""
        try:
            message = receive(self._pipe.fileno(), body_bytes, seconds)
        except Silence:
            raise too_slow(f"nothing for {seconds} s") from None
        except Ended as ended:
            self._pipe.close()
            raise explained(self._process.wait(), str(ended)) from None
        if (slug := message.head.get("error")) is None:
            return message
        private = str(message.head.get("private"))
        if slug == OutOfMemory.slug:
            raise VideoTooLarge(
                "Reading the clip takes more memory than is allowed: send a smaller one.", private=private
            )
        raise TOLD.get(slug, PasticheError)(message.head["detail"], private=private)


PACKAGES = Path(app.__file__).parents[1]


def explained(status: int, reason: str) -> PasticheError:
    """Why it ended without a word."""
    private = f"status {status}, {reason}"
    if status == -signal.SIGXCPU:
        return too_slow(private)
    if status == -signal.SIGKILL:  # by the kernel, for want of memory: it was given less than there should be
        return OutOfMemory("The clip does not fit into the free memory.", private=private)
    return VideoError("The clip is damaged and cannot be read.", private=private)


def too_slow(private: str) -> VideoError:
    return VideoError("The clip takes too long to read.", private=private)


def frame_of(message: Message) -> Frame:
    """Raises VideoError: nothing that a decoder would say."""
    head, data = message.head, np.frombuffer(message.body, np.uint8)
    width, height = int(head["width"]), int(head["height"])
    pixels = width * height
    if len(data) not in (3 * pixels, 4 * pixels):
        raise VideoError("The clip is damaged and cannot be read.", private=f"{len(data)} bytes of {width} x {height}")
    alpha = data[3 * pixels :].reshape(height, width) if len(data) > 3 * pixels else None
    rgb = data[: 3 * pixels].reshape(height, width, 3)
    return Frame(Picture(rgb, alpha), Fraction(head["seconds"]), Fraction(head["duration"]))


def nameless(*parts: bytes) -> BinaryIO:
    """An open file with these bytes, which goes when it is closed; in memory where there is no folder for it."""
    try:
        file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    except OSError:  # a container whose file system is read-only, /tmp included
        file = os.fdopen(os.memfd_create("clip"), "w+b")
    for part in parts:
        file.write(part)
    file.flush()
    return file


def path_of(file: BinaryIO) -> str:
    """By which a process that has inherited it opens it anew."""
    return f"/dev/fd/{file.fileno()}"
