"""The sound track of a clip, copied as it is coded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.video.container import HEAD_BYTES, SOUND_CODECS, kind_of
from app.video.film import open_container
from app.video.pyav import decoder_errors

# What each format of a result can hold, by the codec's name.
HOLDS = {
    "mp4": {"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "flac", "opus", "libopus"},
    "webm": {"opus", "libopus", "vorbis", "libvorbis"},
}


class Sound:
    """The first sound track of a file while its packets are copied. Raises VideoError: damaged."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self.stream = container.streams.audio[0]
        self._packets = self._read()
        self._next: Any = None

    def close(self) -> None:
        self._container.close()

    def holds_in(self, format: str) -> bool:
        """Whether a result of that format can have it."""
        return self.codec in HOLDS.get(format, ())

    @property
    def codec(self) -> str:
        return str(self.stream.codec_context.name)

    def packets(self, until: Fraction | None) -> Iterator[Any]:
        """Those that begin before `until` seconds and were not given before; None: all that are left."""
        while (packet := self._next or next(self._packets, None)) is not None:
            self._next = None
            if until is not None and packet.dts * packet.time_base >= until:
                self._next = packet
                return
            yield packet

    def _read(self) -> Iterator[Any]:
        packets = self._container.demux(self.stream)
        while True:
            with decoder_errors():
                packet = next(packets, None)
            if packet is None:
                return
            if packet.dts is not None:  # the last one, which is empty, has none
                yield packet


def sound_of(path: Path) -> Sound | None:
    """The sound of a clip, to be closed by the caller; None where it has none that is known."""
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD_BYTES))
    if kind not in ("mov", "matroska"):
        return None
    container = open_container(path, kind)
    tracks = container.streams.audio
    if not tracks or tracks[0].codec_context is None or tracks[0].codec_context.name not in SOUND_CODECS:
        container.close()
        return None
    return Sound(container)
