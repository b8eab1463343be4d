"""Frames to a file: H.264 in MP4 and VP9 in WebM, both by FFmpeg, animated WebP, and GIF."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from app.errors import VideoError
from app.imaging.encode import on_white
from app.imaging.picture import Picture, Pixels
from app.imaging.stroke import at_size
from app.video import animated_webp, gif
from app.video.frame import Frame
from app.video.pyav import pyav
from app.video.sound import Sound

# Name -> media type.
FORMATS: Mapping[str, str] = MappingProxyType(
    {"mp4": "video/mp4", "webm": "video/webm", "gif": "image/gif", "webp": "image/webp"}
)
# Ticks a second: whole numbers of them for 24, 25, 30, 50, 60 and 1000 frames a second and for 30000/1001.
TIME_BASE = Fraction(1, 90_000)
# ITU-R BT.709 in FFmpeg's numbers, for primaries and matrix, and its 13 for sRGB's transfer.
BT709, SRGB_TRANSFER, LIMITED_RANGE = 1, 13, 1
PIXEL_FORMAT = "yuv420p"
THREADS = 2

# Name -> what makes a clip of pieces, and of how often it is shown.
ANIMATIONS: Mapping[str, Callable[[Sequence[bytes], int], bytes]] = MappingProxyType(
    {"webp": animated_webp.join_pieces, "gif": gif.gif_of}
)


def write_clip(
    path: Path, format: str, frames: Iterable[Frame], quality: int, sound: Sound | None = None, plays: int = 0
) -> None:
    """Write all frames, as they come, at their times and of the first one's size.

    MP4 and WebM have even edges, as their coding of colours wants it: an odd one loses a pixel. They show transparency
    as white. A WebP is held in memory until its end, and a GIF likewise, at two bytes a pixel.

    Args:
        format: a name in FORMATS.
        quality: 1 to 100; GIF ignores it.
        sound: copied; the format must hold it.
        plays: how often an animation is shown, 0 for ever.

    Raises:
        VideoError: there is no frame.
        OSError: the file cannot be written.
    """
    source = iter(frames)
    first = next(source, None)
    if first is None:
        raise VideoError("There is no frame in the clip.")
    if format in ANIMATIONS:
        piece = animated_webp.write_piece(chain([first], source), None if format == "gif" else quality)
        path.write_bytes(ANIMATIONS[format]([piece], plays))
    else:
        write_coded(path, format, first, source, quality, sound)


def write_coded(
    path: Path, format: str, first: Frame, others: Iterator[Frame], quality: int, sound: Sound | None
) -> None:
    encoding = ENCODINGS[format]
    with pyav().open(str(path), "w", format=encoding.muxer, options=encoding.muxer_options) as container:
        stream = video_stream(container, encoding, first.picture, quality)
        copied = container.add_stream_from_template(sound.stream) if sound else None
        for frame in chain([first], others):
            if sound:
                copy_sound(container, copied, sound, frame.seconds)
            container.mux(stream.encode(coded(frame, stream)))
        container.mux(stream.encode(None))
        if sound:
            copy_sound(container, copied, sound, None)


def copy_sound(container: Any, stream: Any, sound: Sound, until: Fraction | None) -> None:
    """The packets before `until` seconds; None: all that are left."""
    for packet in sound.packets(until):
        packet.stream = stream
        container.mux(packet)


@dataclass(frozen=True)
class Encoding:
    """
    Attributes:
        options: of the encoder, by the quality from 1 to 100.
    """

    muxer: str
    muxer_options: Mapping[str, str]
    encoder: str
    options: Callable[[int], dict[str, str]]


def h264(quality: int) -> dict[str, str]:
    """Quality 90 is CRF 18, which x264's authors call visually lossless; 6 steps of CRF halve the bytes.

    Without B-frames, whose packets are out of order: MP4 then has every frame's duration exactly, and pieces of a clip
    can be joined as they are. A painted pan has 22 % more bytes so.
    """
    return {"crf": str(round(18 + (90 - quality) * 0.3)), "preset": "veryfast", "bf": "0"}


def vp9(quality: int) -> dict[str, str]:
    """Quality 90 is CRF 24 of 0 to 63, without a bound on the bytes."""
    crf = min(63, round(24 + (90 - quality) * 0.4))
    return {"crf": str(crf), "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}


ENCODINGS: Mapping[str, Encoding] = {
    "mp4": Encoding("mp4", {"movflags": "+faststart"}, "libx264", h264),
    "webm": Encoding("webm", {}, "libvpx-vp9", vp9),
}


# Name -> who codes its pictures.
ENCODERS: Mapping[str, str] = MappingProxyType(
    {name: encoding.encoder for name, encoding in ENCODINGS.items()} | {"webp": animated_webp.CODER, "gif": gif.CODER}
)


def video_stream(container: Any, encoding: Encoding, picture: Picture, quality: int) -> Any:
    stream = container.add_stream(encoding.encoder, options=encoding.options(quality))
    stream.width, stream.height = even(picture.width), even(picture.height)
    stream.pix_fmt = PIXEL_FORMAT
    context = stream.codec_context
    context.time_base = TIME_BASE
    context.thread_count = THREADS
    # The encoder's own guess, from a rate that it does not have, would be the last frame's duration.
    context.flags |= pyav().codec.context.Flags.frame_duration.value
    tag_colours(context)
    return stream


def tag_colours(context: Any) -> None:
    """Say in which colours `coded` has made the pictures."""
    context.color_primaries, context.colorspace = BT709, BT709
    context.color_trc, context.color_range = SRGB_TRANSFER, LIMITED_RANGE


def even(edge: int) -> int:
    return max(2, edge - edge % 2)


def coded(frame: Frame, stream: Any) -> Any:
    """A frame as the encoder of `stream` takes it."""
    pixels = opaque(frame.picture)[: stream.height, : stream.width]
    rgb = np.ascontiguousarray(at_size(np.ascontiguousarray(pixels), stream.width, stream.height))
    image = pyav().VideoFrame.from_ndarray(rgb, format="rgb24")
    image = image.reformat(format=PIXEL_FORMAT, dst_colorspace="ITU709")
    image.pts, image.time_base = round(frame.seconds / TIME_BASE), TIME_BASE
    image.duration = max(1, round(frame.duration / TIME_BASE))
    return image


def opaque(picture: Picture) -> Pixels:
    return picture.rgb if picture.alpha is None else on_white(picture.rgb, picture.alpha)
