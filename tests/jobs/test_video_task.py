"""Clips painted by the task: every frame at its time, the sound as it was, and no segment painted twice."""

from __future__ import annotations

import io
import threading
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.engine.frame_painter import FramePainter
from app.errors import UnsupportedVideo, VideoError, VideoTooLarge
from app.imaging.picture import Picture
from app.jobs import video
from app.jobs.context import HandedOver, JobCancelled, JobContext
from app.jobs.job import Job, Result, input_key
from app.jobs.leftovers import discard_leftovers
from app.jobs.stylize import Stylizers
from app.jobs.video import CLIP, KIND, Video
from app.settings import Settings
from app.storage.folder import Folder
from app.video.bounds import Bounds
from app.video.frame import Frame
from app.video.look import look_at
from app.video.reading import open_clip
from app.video.writing import write_clip

BLEND = {"model": "compact@1", "blend": {"starry_night": 1.0}}
# At distances that vary, in whole milliseconds, as WebM has them.
TIMES = [Fraction(n * 40 + n * n, 1000) for n in range(10)]


@pytest.fixture
def settings(models_dir: Path, tmp_path: Path) -> Settings:
    return Settings(models_dir=models_dir, data_dir=tmp_path, device="cpu", precision="float32", worker_threads=1)


@pytest.fixture
def storage(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "blobs")


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three frames."""
    monkeypatch.setattr(video, "MIN_SEGMENT", 3)
    monkeypatch.setattr(video, "MAX_SEGMENT", 3)


@pytest.fixture
def painted_frames(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How much of the clip had passed at each frame that was painted."""
    paint, seen = FramePainter.paint, []

    def noted(self: FramePainter, picture: Picture, passed: float) -> Picture:
        seen.append(passed)
        return paint(self, picture, passed)

    monkeypatch.setattr(FramePainter, "paint", noted)
    return seen


@pytest.fixture
def clip(astronaut: NDArray[np.uint8], tmp_path: Path) -> bytes:
    return made(astronaut, tmp_path / "clip.mp4")


def made(photo: NDArray[np.uint8], path: Path, width: int = 64, height: int = 48) -> bytes:
    """A pan over the photo, in the format of the file's name."""
    ends = (*TIMES[1:], TIMES[-1] + Fraction(1, 25))
    frames = [
        Frame(Picture(np.ascontiguousarray(photo[100 : 100 + height, 3 * n : 3 * n + width])), begins, end - begins)
        for n, (begins, end) in enumerate(zip(TIMES, ends, strict=True))
    ]
    write_clip(path, path.suffix.removeprefix("."), frames, 95)
    return path.read_bytes()


@pytest.fixture
def start(embedded_desk, storage: Folder, clip: bytes):
    """Claim a job of this clip, or of `data`, with these params."""

    def begin(data: bytes = clip, **params: Any) -> JobContext:
        job = embedded_desk.create(kind=KIND, params=BLEND | params)
        storage.put(input_key(job.id, CLIP), data)
        return begin.claim(job)

    def claim(job: Job) -> JobContext:
        claimed = embedded_desk.leases.claim(job.id, "w")
        return JobContext(claimed, embedded_desk.leases, storage, stopping=threading.Event(), checkpoint_seconds=60)

    begin.claim = claim
    return begin


def run(settings: Settings, context: JobContext) -> Result:
    return Video(settings, Stylizers(settings))(context)


def read(data: bytes, tmp_path: Path) -> list[Frame]:
    path = tmp_path / "found"
    path.write_bytes(data)
    with closing(open_clip(path, Bounds())) as found:
        return list(found.frames())


def test_a_clip_becomes_a_clip_with_its_size_and_its_times(settings, start, tmp_path: Path, clip: bytes) -> None:
    context = start()
    result = run(settings, context)
    assert result.media_type == "video/mp4"
    assert result.facts == {
        "model": "compact@1",
        "width": 64,
        "height": 48,
        "frames": 10,
        "encoder": "libx264",
        "sound": None,
        "sound_left_out": None,
    }
    assert context.progress.facts == {"frame": 10, "frames": 10}
    assert context.progress.fraction == pytest.approx(10 / 11)
    found = read(result.data, tmp_path)
    assert [frame.seconds for frame in found] == TIMES
    assert float(found[-1].duration) == pytest.approx(1 / 25, abs=1e-4)
    for painted, frame in zip(found, read(clip, tmp_path), strict=True):
        assert np.abs(painted.picture.rgb.astype(int) - frame.picture.rgb).mean() > 10


@pytest.mark.parametrize("source", ["webm", "gif", "webp"])
def test_every_kind_of_clip_becomes_webm(settings, start, tmp_path: Path, astronaut, source: str) -> None:
    clip = made(astronaut, tmp_path / f"clip.{source}")
    result = run(settings, start(clip, format="webm"))
    assert (result.media_type, result.facts["encoder"]) == ("video/webm", "libvpx-vp9")
    times = [frame.seconds for frame in read(result.data, tmp_path)]
    assert times == [frame.seconds for frame in read(clip, tmp_path)]
    assert len(times) == 10


@pytest.mark.parametrize(("format", "encoder"), [("gif", "Pillow"), ("webp", "libwebp")])
def test_a_clip_becomes_an_animation(settings, start, tmp_path: Path, clip: bytes, format: str, encoder: str) -> None:
    result = run(settings, start(with_tone(clip, tmp_path), format=format))
    assert result.media_type == f"image/{format}"
    facts = {"width": 64, "height": 48, "frames": 10, "encoder": encoder, "sound": None, "sound_left_out": "aac"}
    assert result.facts == {"model": "compact@1", **facts}
    times = [frame.seconds for frame in read(result.data, tmp_path)]
    assert [float(time) for time in times] == pytest.approx(list(map(float, TIMES)), abs=0.006)


def test_an_animation_is_shown_as_often_as_it_was(settings, start, tmp_path: Path, astronaut) -> None:
    path = tmp_path / "thrice.gif"
    frames = [
        Frame(Picture(np.ascontiguousarray(astronaut[n : n + 48, :64])), Fraction(n, 10), Fraction(1, 10))
        for n in range(3)
    ]
    write_clip(path, "gif", frames, 90, plays=3)
    (tmp_path / "made").write_bytes(run(settings, start(path.read_bytes(), format="webp")).data)
    assert look_at(tmp_path / "made", Bounds()).plays == 3


def test_the_sound_is_copied_packet_by_packet(settings, start, tmp_path: Path, clip: bytes) -> None:
    loud = with_tone(clip, tmp_path)
    result = run(settings, start(loud))
    assert (result.facts["sound"], result.facts["sound_left_out"]) == ("aac", None)
    assert sound_packets(result.data) == sound_packets(loud) != []
    silent = run(settings, start(loud, format="webm"))
    assert (silent.facts["sound"], silent.facts["sound_left_out"]) == (None, "aac")
    assert sound_packets(silent.data) == []


def with_tone(silent: bytes, tmp_path: Path) -> bytes:
    path = tmp_path / "loud.mp4"
    with av.open(io.BytesIO(silent)) as source, av.open(str(path), "w") as target:
        copied = target.add_stream_from_template(source.streams.video[0])
        audio = target.add_stream("aac", rate=48_000, layout="mono")
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = copied
                target.mux(packet)
        for start in range(0, 24_000, 1024):
            tone = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32)[None] * 0.2
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            target.mux(audio.encode(frame))
        target.mux(audio.encode(None))
    return path.read_bytes()


def sound_packets(data: bytes) -> list[tuple[bytes, float]]:
    with av.open(io.BytesIO(data)) as container:
        if not container.streams.audio:
            return []
        return [
            (bytes(packet), float(packet.pts * packet.time_base)) for packet in container.demux(audio=0) if packet.size
        ]


def test_a_phones_rotation_is_applied_and_not_told(settings, start, tmp_path: Path, clip: bytes) -> None:
    turned = bytearray(clip)
    matrix = turned.index(b"tkhd") + 4 + 40
    one = 1 << 16
    for place, value in enumerate((0, one, 0, -one, 0)):
        turned[matrix + 4 * place : matrix + 4 * place + 4] = value.to_bytes(4, "big", signed=True)
    upright = read(bytes(turned), tmp_path)[0].picture
    result = run(settings, start(bytes(turned), strength=0.0, quality=100))
    assert (result.facts["width"], result.facts["height"]) == (48, 64) == (upright.width, upright.height)
    with av.open(io.BytesIO(result.data)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (48, 64, 0)
    assert np.abs(read(result.data, tmp_path)[0].picture.rgb.astype(int) - upright.rgb).mean() < 4


def test_a_style_becomes_another_one(settings, start, tmp_path: Path) -> None:
    ways = {"start": {}, "end": {"blend": {"the_scream": 1.0}}, "way": {"blend_end": {"the_scream": 1.0}}}
    start_frames, end_frames, way = (
        [frame.picture.rgb for frame in read(run(settings, start(steady=False, quality=100, **params)).data, tmp_path)]
        for params in ways.values()
    )

    def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
        return float(np.abs(one.astype(int) - other).mean())

    assert apart(way[0], start_frames[0]) < apart(way[0], end_frames[0]) / 4
    assert apart(way[-1], end_frames[-1]) < apart(way[-1], start_frames[-1]) / 4
    assert apart(way[5], start_frames[5]) > apart(way[1], start_frames[1])


def test_size_is_the_longer_edge_and_even(settings, start) -> None:
    assert run(settings, start(size=33)).facts["width"] == 32


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize("format", ["mp4", "gif", "webp"])
def test_another_worker_goes_on_behind_the_last_segment(
    settings, start, storage, embedded_desk, painted_frames: list[float], monkeypatch, format: str
) -> None:
    whole = run(settings, start(format=format))
    assert len(painted_frames) == 10
    painted_frames.clear()

    first = start(format=format)
    report = first.report_frame

    def die_at_the_eighth(frame: int, frames: int) -> None:
        if frame == 8:
            raise MemoryError  # as sudden as anything that can be caught
        report(frame, frames)

    monkeypatch.setattr(first, "report_frame", die_at_the_eighth)
    with pytest.raises(MemoryError):
        run(settings, first)
    embedded_desk.leases.heartbeat(first.job, first.progress)
    embedded_desk.leases.release(first.job)
    second = start.claim(first.job)
    resumed = run(settings, second)
    assert len(painted_frames) == 8 + 4
    assert resumed.facts == whole.facts
    # Strokes that lasted over the break are where they would have been without it.
    assert resumed.data == whole.data


@pytest.mark.usefixtures("short_segments")
def test_a_stopped_worker_hands_over_at_the_next_frame(
    settings, start, embedded_desk, tmp_path: Path, painted_frames: list[float]
) -> None:
    first = start()
    first.stopping.set()
    with pytest.raises(HandedOver):
        run(settings, first)
    assert len(painted_frames) == 1
    embedded_desk.leases.heartbeat(first.job, first.progress)
    embedded_desk.leases.release(first.job)
    found = read(run(settings, start.claim(first.job)).data, tmp_path)
    assert len(painted_frames) == 10
    assert [frame.seconds for frame in found] == TIMES


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize("damage", ["missing", "cut", "other encoder"])
def test_segments_that_cannot_be_used_are_painted_again(
    settings, start, storage, embedded_desk, tmp_path: Path, painted_frames: list[float], damage: str, monkeypatch
) -> None:
    first = start()
    first.stopping.set()
    with pytest.raises(HandedOver):
        run(settings, first)
    [key] = [key for key in storage.list(f"jobs/{first.job.id}/") if "segments/" in key]
    if damage == "missing":
        storage.delete(key)
    elif damage == "cut":
        storage.put(key, storage.get(key)[:-1])
    else:
        monkeypatch.setattr(video, "fingerprint", lambda format: "another one")
    embedded_desk.leases.heartbeat(first.job, first.progress)
    embedded_desk.leases.release(first.job)
    assert len(read(run(settings, start.claim(first.job)).data, tmp_path)) == 10
    assert len(painted_frames) == 1 + 10


@pytest.mark.usefixtures("short_segments")
def test_a_cancelled_job_leaves_nothing(settings, start, storage, embedded_desk, monkeypatch) -> None:
    context = start()
    report = context.report_frame

    def cancelled_at_the_fifth(frame: int, frames: int) -> None:
        if frame == 5:
            assert any("segments/" in key for key in storage.list(f"jobs/{context.job.id}/"))
            context.cancel_requested.set()
        report(frame, frames)

    monkeypatch.setattr(context, "report_frame", cancelled_at_the_fifth)
    with pytest.raises(JobCancelled):
        run(settings, context)
    discard_leftovers(embedded_desk.leases.cancelled(context.job), storage)
    assert storage.list(f"jobs/{context.job.id}/") == []


def test_a_finished_job_keeps_its_result_and_its_last_preview(settings, start, storage, embedded_desk) -> None:
    context = start()
    result = run(settings, context)
    storage.put(f"jobs/{context.job.id}/attempts/1-w/result", result.data)
    done = embedded_desk.leases.finish(
        context.job, f"jobs/{context.job.id}/attempts/1-w/result", result.media_type, result.facts
    )
    discard_leftovers(done, storage)
    left = storage.list(f"jobs/{context.job.id}/")
    assert sorted(left) == sorted([input_key(context.job.id, CLIP), done.preview_key, done.result_key])
    assert Image.open(io.BytesIO(storage.get(done.preview_key))).size == (64, 48)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"no clip", UnsupportedVideo),
        (b"\0\0\0\x18ftypisom" + bytes(200), VideoError),
    ],
)
def test_what_is_no_clip_fails_for_good(settings, start, data: bytes, kind: type[VideoError]) -> None:
    with pytest.raises(kind):
        run(settings, start(data))


def test_a_clip_beyond_the_bounds_fails_for_good(settings, start) -> None:
    with pytest.raises(VideoTooLarge):
        run(settings.model_copy(update={"video_frames": 9}), start())


def test_a_clip_that_breaks_off_gives_what_is_there_of_it(settings, start, astronaut, tmp_path) -> None:
    whole = made(astronaut, tmp_path / "clip.webm")
    result = run(settings, start(whole[: len(whole) * 9 // 10]))
    assert 0 < result.facts["frames"] < 10
