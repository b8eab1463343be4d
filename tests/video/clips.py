"""Clips made from a photograph, with times, sound and rotation as a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from app.imaging.picture import Picture
from app.video.frame import Frame

WIDTH, HEIGHT = 96, 64
# Seconds at which the frames are shown, at distances that vary.
TIMES = tuple(Fraction(n, 100) for n in (0, 4, 8, 20, 24, 40))

MakeClip = Callable[..., Path]


def panned(photo: NDArray[np.uint8], times: Sequence[Fraction] = TIMES) -> Iterator[Frame]:
    """Frames that move to the right, four pixels each."""
    ends = (*times[1:], times[-1] + Fraction(4, 100))
    for number, (begins, end) in enumerate(zip(times, ends, strict=True)):
        crop = photo[100 : 100 + HEIGHT, 100 + 4 * number : 100 + 4 * number + WIDTH]
        yield Frame(Picture(np.ascontiguousarray(crop)), begins, end - begins)


def with_sound(silent: Path, path: Path, codec: str) -> Path:
    """`silent` with a second of a tone beside it, coded so."""
    with av.open(str(silent)) as source, av.open(str(path), "w") as result:
        video = result.add_stream_from_template(source.streams.video[0])
        audio = result.add_stream(codec, rate=48_000)
        audio.layout = "mono"
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                result.mux(packet)
        tone = (np.sin(np.arange(48_000) / 20) * 0.2).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        resampler = av.AudioResampler(format=audio.codec_context.format, layout="mono", rate=48_000)
        fifo = av.AudioFifo()
        for part in resampler.resample(frame):
            fifo.write(part)
        while (part := fifo.read(960, partial=True)) is not None:
            result.mux(audio.encode(part))
        result.mux(audio.encode(None))
    return path
