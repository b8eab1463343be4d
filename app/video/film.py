"""MP4, MOV, WebM and Matroska, decoded by FFmpeg through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import UnsupportedVideo, VideoError
from app.imaging.picture import Picture
from app.video.bounds import Bounds
from app.video.container import SOUND_CODECS, VIDEO_CODECS
from app.video.frame import Frame
from app.video.pyav import decoder_errors, pyav

# What FFmpeg may read to find out about the streams: its own defaults, said here since they bound time and memory.
PROBE_BYTES, PROBE_MICROSECONDS = 5_000_000, 5_000_000
# Packets in a row that give no frame; a decoder holds back some 16 to put them in order.
MAX_BARREN_PACKETS = 300
# What a frame lasts where the file does not say.
DEFAULT_DURATION = Fraction(1, 25)


def open_container(path: Path, kind: str) -> Any:
    """The file as PyAV opens it: as `kind` alone, with no other file or host in reach. Raises VideoError."""
    options = {
        "probesize": str(PROBE_BYTES),
        "analyzeduration": str(PROBE_MICROSECONDS),
        "protocol_whitelist": "file",
        "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
        "codec_whitelist": ",".join((*VIDEO_CODECS, *SOUND_CODECS)),
    }
    with decoder_errors():
        return pyav().open(f"file:{path}", format=kind, options=options, metadata_errors="ignore")


class Film:
    """The first video stream of a file while it is read.

    Args:
        path: the file, whose `kind` is `mov` or `matroska`.

    Raises:
        VideoError: damaged, or without a picture.
        UnsupportedVideo: coded in a way that is not read.
        VideoTooLarge: by its header, before a frame is decoded.
    """

    plays = 0  # as an animation: for ever

    def __init__(self, path: Path, kind: str, bounds: Bounds) -> None:
        bounds.check_file(path.stat().st_size)
        self._bounds = bounds
        self._container = open_container(path, kind)
        try:
            self._stream = self._video_stream()
            self._check_header()
            self._decoded = self._decode()
            with decoder_errors():
                first = next(self._decoded, None)
            if first is None:
                raise VideoError("There is no frame in the clip.")
            # The rotation is known from a frame only.
            self._rotation = round(first.rotation / 90) % 4
            self._decoded = chain([first], self._decoded)
        except BaseException:
            self._container.close()
            raise

    def close(self) -> None:
        self._container.close()

    @property
    def width(self) -> int:
        return self._shown_size[self._rotation % 2]

    @property
    def height(self) -> int:
        return self._shown_size[1 - self._rotation % 2]

    @property
    def expected_frames(self) -> int | None:
        if self._stream.frames:
            return int(self._stream.frames)
        rate, seconds = self._stream.average_rate, self._seconds
        return round(seconds * float(rate)) if rate and seconds else None

    def frames(self) -> Iterator[Frame]:
        began: Fraction | None = None
        pending: tuple[Picture, Fraction] | None = None
        lasts = DEFAULT_DURATION
        for count, decoded in enumerate(self._errors_told(self._decoded), 1):
            self._bounds.check_frame(decoded.width, decoded.height)
            lasts = self._duration_of(decoded, lasts)
            seconds = self._time_of(decoded, pending[1] + lasts if pending else Fraction(0))
            began = seconds if began is None else began
            self._bounds.check_length(decoded.width, decoded.height, count, float(seconds - began))
            if pending is not None:
                if seconds <= pending[1]:
                    continue  # a time that does not advance shows nobody a frame
                yield Frame(*pending, seconds - pending[1])
            with decoder_errors():
                pending = self._upright(decoded), seconds
        if pending is not None:
            yield Frame(*pending, lasts)

    @property
    def _seconds(self) -> float:
        """As the file promises; 0 where it does not say."""
        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / 1e6

    @property
    def _shown_size(self) -> tuple[int, int]:
        """Before the rotation, with square pixels."""
        context = self._stream.codec_context
        ratio = context.sample_aspect_ratio or Fraction(1)
        # Odd ratios are mistakes of a writer, not of a lens.
        wide = round(context.width * ratio) if Fraction(1, 4) <= ratio <= 4 else context.width
        return wide, context.height

    def _video_stream(self) -> Any:
        if not self._container.streams.video:
            raise VideoError("There is no moving picture in the file.")
        stream = self._container.streams.video[0]
        if stream.codec_context is None or stream.codec_context.name not in VIDEO_CODECS:
            raise UnsupportedVideo("The clip is coded in a way that is not read; send H.264, HEVC, VP8, VP9 or AV1.")
        return stream

    def _check_header(self) -> None:
        context = self._stream.codec_context
        if context.width < 1 or context.height < 1:
            raise VideoError("The clip does not say how large its frames are.")
        width, height = self._shown_size
        self._bounds.check_frame(width, height)
        self._bounds.check_length(width, height, self.expected_frames or 0, self._seconds)
        # A stream may change its size later, before whoever reads it has seen a frame of that size.
        context.options = {"max_pixels": str(int(self._bounds.frame_megapixels * 1e6))}
        context.thread_count = 1  # each further thread holds frames of its own

    def _decode(self) -> Iterator[Any]:
        barren = 0
        for packet in self._container.demux(self._stream):
            found = packet.decode()
            yield from found
            barren = 0 if found else barren + 1
            if barren > MAX_BARREN_PACKETS:
                raise VideoError("The clip is damaged and cannot be read.", private=f"{barren} packets without a frame")

    def _errors_told(self, decoded: Iterator[Any]) -> Iterator[Any]:
        while True:
            with decoder_errors():
                frame = next(decoded, None)
            if frame is None:
                return
            yield frame

    def _time_of(self, decoded: Any, otherwise: Fraction) -> Fraction:
        if decoded.pts is None or decoded.time_base is None:
            return otherwise
        return Fraction(decoded.pts * decoded.time_base)

    def _duration_of(self, decoded: Any, otherwise: Fraction) -> Fraction:
        if decoded.duration and decoded.time_base:
            return Fraction(decoded.duration * decoded.time_base)
        return 1 / Fraction(self._stream.average_rate) if self._stream.average_rate else otherwise

    def _upright(self, decoded: Any) -> Picture:
        width, height = self._shown_size
        rgb = decoded.to_ndarray(width=width, height=height, format="rgb24", interpolation="BICUBIC")
        return Picture(np.ascontiguousarray(np.rot90(rgb, self._rotation)))
