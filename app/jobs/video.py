"""The job of kind `video`: a clip is painted frame by frame, and written in segments that survive their worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.engine.frame_painter import FramePainter
from app.engine.render import Rendering
from app.errors import VideoError
from app.imaging.compose import Colour
from app.imaging.encode import encode
from app.imaging.picture import Picture
from app.imaging.resize import fitted, resize
from app.imaging.stroke import AUTO, Stroke
from app.jobs.blend_params import unpacked
from app.jobs.context import JobContext
from app.jobs.job import Result
from app.jobs.stylize import Stylizers
from app.jobs.video_bounds import bounds_of_clips, cost_of_frame
from app.jobs.video_segments import Part, Segments
from app.settings import Settings
from app.video import animated_webp, gif
from app.video.frame import Frame
from app.video.look import Look
from app.video.sandbox import Joined, SandboxedClip
from app.video.segments import fingerprint, write_segment
from app.video.steadiness import Steadiness
from app.video.writing import ANIMATIONS, ENCODERS, FORMATS

KIND = "video"
# Name for `JobContext.input`.
CLIP = "video"
# A killed worker's last segment is painted again, and each begins with a key frame, which costs bytes: 40 frames of 512
# x 288 pixels, which take half a minute on two cores.
SEGMENT_MEGAPIXELS, MIN_SEGMENT, MAX_SEGMENT = 6, 6, 48
PREVIEW_SECONDS, PREVIEW_EDGE, PREVIEW_QUALITY = 1.5, 640, 85


class VideoParams(BaseModel):
    """Options of `POST /v1/videos`, checked by the route already.

    Attributes:
        model: label, `name@version`.
        blend, rows: as in `packed`; the weights sum to 1.
        blend_end, rows_end: at the last frame; None: as at the first.
        stroke: size of the strokes, as `painted_size` takes it.
        size: longer edge in pixels, None for the clip's own up to the limit.
        steady: whether strokes stay where nothing changes.
        format: a name in `writing.FORMATS`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str
    blend: dict[str, float]
    rows: dict[str, str] = {}
    blend_end: dict[str, float] | None = None
    rows_end: dict[str, str] = {}
    strength: float = 1.0
    boldness: float = 0.0
    color: Colour = "style"
    stroke: Stroke = AUTO
    size: int | None = None
    steady: bool = True
    format: str = "mp4"
    quality: int = 90


class Video:
    """The task."""

    def __init__(self, settings: Settings, stylizers: Stylizers) -> None:
        self._settings = settings
        self._stylizers = stylizers

    def __call__(self, context: JobContext) -> Result:
        params = VideoParams.model_validate(context.params)
        settings = self._settings
        data = context.input(CLIP)
        with SandboxedClip(data, bounds_of_clips(settings), settings.video_memory_bytes) as clip:
            look = clip.look()
            segments = Segments.of_earlier_attempts(context, maker(params.format))
            self._paint(context, params, clip, look, segments)
            if not segments.data:
                raise VideoError("There is no frame in the clip.")
            if params.format in ANIMATIONS:
                joined = joined_animation(context, params.format, segments, look)
            else:
                joined = clip.join(params.format, segments.data, segments.lasts)
        context.check()
        return Result(joined.data, FORMATS[params.format], facts(params, segments, joined))

    def _paint(
        self, context: JobContext, params: VideoParams, clip: SandboxedClip, look: Look, segments: Segments
    ) -> None:
        """Add segments until the clip is done. Raises HandedOver: the worker is to stop."""

        def skipped() -> None:
            context.waits()
            context.check()

        steadiness = Steadiness() if params.steady else None
        if steadiness:
            steadiness.resume(segments.strokes)
        painter = self._painter(params, steadiness)
        frames = painted(clip.frames(look, segments.frames, skipped), segments.frames, painter, look, context)
        most = frames_of_segment(params, look, self._settings)
        while (first := next(frames, None)) is not None:
            part = Part(first, frames, most, context)
            coded = coded_part(params, part)
            segments.add(context, coded, part, steadiness.state if steadiness else None)

    def _painter(self, params: VideoParams, steadiness: Steadiness | None) -> FramePainter:
        rendering = Rendering(
            self._stylizers.get(params.model),
            unpacked(params.blend, params.rows),
            self._settings,
            size=params.size,
            stroke=params.stroke,
            color=params.color,
            strength=params.strength,
            boldness=params.boldness,
            enlarges=False,
            steady=steadiness,
        )
        end = None if params.blend_end is None else unpacked(params.blend_end, params.rows_end)
        return FramePainter(rendering, end)


def painted(
    frames: Iterator[Frame], start: int, painter: FramePainter, look: Look, context: JobContext
) -> Iterator[Frame]:
    """The frames in their style, each reported, and one of them shown now and then.

    Args:
        start: number of the first of them, from 0.

    Raises:
        JobCancelled, LeaseLost: stop now.
    """
    shown_at = 0.0
    for number, frame in enumerate(frames, start):
        picture = painter.paint(frame.picture, look.passed(number, float(frame.seconds)))
        context.report_frame(number + 1, look.frames)
        if time.monotonic() - shown_at >= PREVIEW_SECONDS:
            context.preview(small_jpeg(picture))
            shown_at = time.monotonic()
        yield replace(frame, picture=picture)


def maker(format: str) -> str:
    """What codes the segments: those of another one cannot be joined with them."""
    return f"{format}, {animated_webp.CODER}" if format in ANIMATIONS else fingerprint(format)


def coded_part(params: VideoParams, part: Part) -> bytes:
    if params.format in ANIMATIONS:
        return animated_webp.write_piece(part, None if params.format == "gif" else params.quality)
    return write_segment(params.format, part, params.quality)


def joined_animation(context: JobContext, format: str, segments: Segments, look: Look) -> Joined:
    """As often to be seen as the clip is. Raises JobCancelled, LeaseLost: stop now."""

    def step() -> None:
        context.waits()
        context.check()

    width, height = animated_webp.size_of(segments.data[0])
    if format == "gif":
        data = gif.gif_of(segments.data, look.plays, step)
    else:
        data = animated_webp.join_pieces(segments.data, look.plays)
    return Joined(data, width, height, look.sound, sound_copied=False)


def small_jpeg(picture: Picture) -> bytes:
    edge = min(PREVIEW_EDGE, max(picture.width, picture.height))
    size = fitted(picture.width, picture.height, edge)
    small = picture if size == (picture.width, picture.height) else resize(picture, *size)
    return encode(small, "jpeg", PREVIEW_QUALITY)


def frames_of_segment(params: VideoParams, look: Look, settings: Settings) -> int:
    cost = cost_of_frame(
        look.width, look.height, size=params.size, stroke=params.stroke, boldness=params.boldness, settings=settings
    )
    return min(max(round(SEGMENT_MEGAPIXELS / cost.painted), MIN_SEGMENT), MAX_SEGMENT)


def facts(params: VideoParams, segments: Segments, joined: Joined) -> dict[str, Any]:
    """`sound` is the codec that was copied, `sound_left_out` the one that the format cannot hold."""
    return {
        "model": params.model,
        "width": joined.width,
        "height": joined.height,
        "frames": segments.frames,
        "encoder": ENCODERS[params.format],
        "sound": joined.sound if joined.sound_copied else None,
        "sound_left_out": None if joined.sound_copied else joined.sound,
    }
