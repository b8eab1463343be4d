"""What the routes share: everything that is made once and lives as long as the application."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request

from app.api.codecs.threads import CodecThreads
from app.api.http.body import UploadBudget
from app.api.jobs.gateway import JobGateway
from app.api.live.seats import Seats
from app.api.metrics import Metrics
from app.api.style_images.library import StyleImageLibrary
from app.api.stylize.result_cache import ResultCache
from app.engine.engine import Engine
from app.errors import ModelUnavailable
from app.serving.catalogue import Catalogue
from app.serving.model_watcher import ModelWatcher
from app.settings import Settings

# Warm-up takes about as long; a client that comes back then is served.
WARM_RETRY_SECONDS = 2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Health:
    """`reason` is a public sentence, None when ready."""

    live: bool
    reason: str | None


@dataclass
class Service:
    """The parts of a running application, and whether they run.

    Attributes:
        catalogue: of the served models; replaced when other versions become active.
        device: what the engine runs on, in words.
        draining: the process ends soon, and still takes requests until load balancers have noticed.
    """

    settings: Settings
    catalogue: Catalogue
    engine: Engine
    device: str
    codecs: CodecThreads
    uploads: UploadBudget
    results: ResultCache
    metrics: Metrics
    jobs: JobGateway
    model_watcher: ModelWatcher
    style_images: StyleImageLibrary
    live: Seats
    draining: bool = False
    _warming: asyncio.Task[None] | None = field(default=None, init=False)
    _warming_others: asyncio.Task[None] | None = field(default=None, init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _began: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Warm the engine up in the background; health probes are answered meanwhile, and requests from the first model
        on."""
        self._began = time.monotonic()
        self.metrics.expect(self.catalogue.labels)
        self.model_watcher.start(self.engine, self._show)
        self._warming = asyncio.create_task(self._warm())

    async def _warm(self) -> None:
        try:
            await asyncio.to_thread(self.engine.start)
        except Exception as error:
            # Nobody awaits this task: the probes report the failure, and the operator restarts the process.
            _log.critical("warm_up_failed", exc_info=error)
            raise
        seconds = round(time.monotonic() - self._began, 2)
        _log.info("ready", models=self.catalogue.labels, device=self.device, warm_up_seconds=seconds)
        self._warming_others = asyncio.create_task(self._warm_others())

    async def _warm_others(self) -> None:
        try:
            await asyncio.to_thread(self.engine.warm_others, self._stopping.is_set)
        except Exception as error:  # noqa: BLE001 - requests for that model will say what is wrong with it
            _log.error("warm_up_failed", exc_info=error)

    async def warmed(self) -> None:
        """Return when the warm-up has succeeded or failed."""
        if self._warming is not None:
            await asyncio.wait({self._warming})

    def _show(self, catalogue: Catalogue) -> None:
        self.metrics.expect(catalogue.labels)
        self.catalogue = catalogue

    async def stop(self) -> None:
        """Stop the engine and the threads, after the server has let the requests in flight finish."""
        self._stopping.set()
        for task in (self._warming, self._warming_others):
            if task is not None:
                await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(self.model_watcher.stop)
        await asyncio.to_thread(self.engine.stop, self.settings.deadline_seconds)
        self.codecs.stop()
        self.style_images.stop()
        await self.jobs.stop()

    def health(self) -> Health:
        if self._warming is None or not self._warming.done():
            seconds = time.monotonic() - self._began
            return Health(seconds <= self.settings.engine_stall_seconds, "The models are being warmed up.")
        if self._warming.cancelled() or self._warming.exception() is not None:
            return Health(False, "The models could not be warmed up.")
        engine = self.engine.health
        return Health(engine.alive, "The process is being stopped." if self.draining else engine.reason)

    def check_warm(self) -> None:
        """Raises ModelUnavailable while the engine takes no requests yet, so that nobody uploads in vain."""
        if self._warming is None or not self._warming.done():
            raise ModelUnavailable("The models are being warmed up.", retry_after_seconds=WARM_RETRY_SECONDS)


def service_of(request: Request) -> Service:
    """The service of the request's application."""
    service: Service = request.app.state.service
    return service
