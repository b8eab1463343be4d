"""One live session: reads what the client sends, and answers its newest frame."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.api.http.deadline import finished_by
from app.api.live.messages import Wishes, problem_of
from app.api.live.seats import Seat
from app.api.live.working_edge import WorkingEdge
from app.api.service import Service
from app.api.stages import Stages
from app.api.stylize.options import Options
from app.api.stylize.pipeline import paint_probed
from app.api.stylize.result_cache import StylizedImage
from app.api.stylize.upload import Photo, options_of
from app.errors import BodyTooLarge, InvalidOption, ModelUnavailable, PasticheError, RequestTimeout
from app.imaging.content import working_size
from app.imaging.decode import Header
from app.imaging.stroke import largest_edge
from app.serving.catalogue import Catalogue
from app.video.quick_steadiness import QuickSteadiness

# A frame that takes longer is given up: it would show what has long passed.
FRAME_SECONDS = 5.0
# Of a frame: more than 4K. Cameras send less, and a client can make frames smaller better than we can.
FRAME_MEGAPIXELS = 8.9
# Until a client that reads nothing has taken the last message.
GOODBYE_SECONDS = 2.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LiveFrame:
    """
    Attributes:
        number: counted from 1 over all frames that were sent.
        arrived: on the monotonic clock.
        options: those that were valid when it came; None before there were any.
        steadiness: of the frames that are painted like this one; None where it is not wanted.
    """

    number: int
    data: bytes
    arrived: float
    options: Options | None
    steadiness: QuickSteadiness | None


@dataclass(frozen=True)
class Painted:
    """A frame's answer, and the longer edges that it was asked for and painted at."""

    image: StylizedImage
    size: tuple[int, int]
    format: str
    asked: int


class Session:
    """Reads and paints at the same time. A frame that waits while a newer one comes is dropped.

    Args:
        websocket: accepted.
        check: raises Unauthorized if the client may no longer paint; asked with each frame.
    """

    def __init__(self, websocket: WebSocket, service: Service, seat: Seat, check: Callable[[], None]) -> None:
        self._websocket = websocket
        self._service = service
        self._seat = seat
        self._check = check
        self._wishes = Wishes({})
        self._options: Options | None = None
        self._steadiness: QuickSteadiness | None = None
        self._catalogue: Catalogue | None = None
        self._edge = WorkingEdge(self._wishes.rate)
        self._frames = 0
        self._answered = 0
        self._last_answered = 0
        self._waiting: LiveFrame | None = None
        self._came = asyncio.Event()
        self._sending = asyncio.Lock()  # a description and its picture are sent together

    async def run(self) -> None:
        """Return when the client has left.

        Raises:
            RequestTimeout: no frame has come for too long.
            Unauthorized: the key was removed.
            ModelUnavailable: the service stops.
        """
        began = time.monotonic()
        try:
            await first_of(self._read(), self._answer(), self._close())
        except WebSocketDisconnect:
            pass
        finally:
            _log.info(
                "live_session",
                seconds=round(time.monotonic() - began, 1),
                frames=self._frames,
                answered=self._answered,
                principal=self._seat.principal,
            )

    async def _close(self) -> None:
        await self._seat.closing.wait()
        raise ModelUnavailable("The service is being stopped: connect again.")

    async def _read(self) -> None:
        idle_seconds = self._service.settings.live_idle_seconds
        while True:
            try:
                async with asyncio.timeout(idle_seconds):
                    while isinstance(said := await self._receive(), str):
                        await self._change_options(said)
            except TimeoutError:
                raise RequestTimeout(f"No frame has come for {idle_seconds:g} seconds.") from None
            await self._take(said)

    async def _receive(self) -> str | bytes:
        """Raises WebSocketDisconnect."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return text if text is not None else data or b""

    async def _take(self, data: bytes) -> None:
        self._check()
        self._frames += 1
        if len(data) > self._service.settings.live_frame_bytes:
            most = self._service.settings.live_frame_megabytes
            await self._complain(BodyTooLarge(f"A frame has at most {most:g} megabytes."), self._frames)
            self._count("failed")
            return
        if self._catalogue is not self._service.catalogue and self._options is not None:
            await self._choose(self._wishes)  # another version of the model is active
            self._begin_strokes(self._wishes)
        if self._waiting is not None:
            self._count("dropped")
        self._waiting = LiveFrame(self._frames, data, time.monotonic(), self._options, self._steadiness)
        self._came.set()

    async def _change_options(self, text: str) -> None:
        """Options count for the frames that are sent after them. Wrong ones leave all as they were."""
        try:
            wishes = self._wishes.changed(text)
            if wishes.options:
                await self._choose(wishes)
            self._service.live.change_rate(self._seat, wishes.rate)
        except PasticheError as error:
            await self._complain(error)
            return
        if wishes.rate != self._edge.rate:
            self._edge = WorkingEdge(wishes.rate)
        if wishes.steady != (self._steadiness is not None) or not wishes.paints_as(self._wishes):
            self._begin_strokes(wishes)
        self._wishes = wishes
        now = {**wishes.options, "rate": wishes.rate, "steady": wishes.steady}
        await self._say({"options": now, "from": self._frames + 1})

    def _begin_strokes(self, wishes: Wishes) -> None:
        """Frames that are painted otherwise keep nothing of those before."""
        self._steadiness = QuickSteadiness() if wishes.steady else None

    async def _choose(self, wishes: Wishes) -> None:
        """Raises as `options_of`."""
        catalogue = self._service.catalogue
        most = min(self._service.settings.live_edge_pixels, self._service.settings.edge_pixels)
        pairs = list(wishes.options.items())
        self._options = await options_of(self._websocket, self._service, pairs, "", edge_pixels=most)
        self._catalogue = catalogue

    async def _answer(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            frame, self._waiting = self._waiting, None
            if frame is not None:
                await self._answer_one(frame)

    async def _answer_one(self, frame: LiveFrame) -> None:
        """The picture, or a problem in its place."""
        began = time.monotonic()
        stages = Stages()
        try:
            painted = await self._paint(frame, stages)
        except PasticheError as error:
            self._count("failed")
            await self._complain(error, frame.number)
            return
        now = time.monotonic()
        description: dict[str, Any] = {
            "frame": frame.number,
            "skipped": frame.number - self._last_answered - 1,
            "width": painted.size[0],
            "height": painted.size[1],
            "format": painted.format,
            "milliseconds": {
                "waited": milliseconds(began - frame.arrived),
                **{stage: milliseconds(seconds) for stage, seconds in stages.seconds.items()},
                "total": milliseconds(now - frame.arrived),
            },
        }
        self._last_answered = frame.number
        await self._say({"picture": description}, painted.image.data)
        self._answered += 1
        self._count("answered")
        ended = time.monotonic()
        self._service.metrics.live_delay.observe(ended - frame.arrived)
        # What sending takes counts, too: smaller pictures suit a slow line.
        self._edge.note(painted.asked, max(painted.size), ended - began)

    async def _paint(self, frame: LiveFrame, stages: Stages) -> Painted:
        """Raises as `paint`; InvalidOption: no styles were named yet."""
        if frame.options is None:
            raise InvalidOption("`styles` is missing: send a text message with it before the first frame.")
        service = self._service
        deadline = time.monotonic() + FRAME_SECONDS
        async with finished_by(deadline):
            most = min(FRAME_MEGAPIXELS, service.settings.picture_megapixels)
            header = await service.codecs.probe(frame.data, most, deadline, stages)
            asked = self._asked_edge(header, frame.options)
            options = replace(frame.options, size=self._edge.of(asked))
            photo = Photo(frame.data, None)
            steadiness = frame.steadiness
            image = await paint_probed(
                service, photo, header, options, deadline, stages, FRAME_SECONDS, live=True, steadiness=steadiness
            )
        service.metrics.count_painting(options.model, image.megapixels, stages)
        return Painted(image, working_size(header.width, header.height, options.size, asked), options.format, asked)

    def _asked_edge(self, header: Header, options: Options) -> int:
        """The longer edge of the picture, were there time enough."""
        settings = self._service.settings
        most = min(settings.live_edge_pixels, settings.edge_pixels)
        return options.size or min(
            max(header.width, header.height), largest_edge(options.stroke, most, settings.network_edge_pixels)
        )

    async def _complain(self, error: PasticheError, frame: int | None = None) -> None:
        self._service.metrics.count_problem(error)
        async with self._sending:
            await self._websocket.send_text(problem_of(self._websocket, error, frame))

    async def _say(self, message: Mapping[str, Any], picture: bytes | None = None) -> None:
        """Return when the client has so much of it that a newer frame is better than what would wait here."""
        async with self._sending:
            await self._websocket.send_text(json.dumps(message))
            if picture is not None:
                await self._websocket.send_bytes(picture)

    def _count(self, outcome: str) -> None:
        self._service.metrics.live_frames.labels(outcome).inc()


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends, and raise what it raised; the others are cancelled, and have ended on return."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in ended:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
