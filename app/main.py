"""Wiring: builds the application from its parts, and runs the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import Depends, FastAPI

from app import __version__, tracing
from app.api import health, styles, web
from app.api.admin import models as admin_models
from app.api.admin import styles as admin_styles
from app.api.admin import trainings as admin_trainings
from app.api.admin.audit import Audit
from app.api.codecs.threads import CodecThreads
from app.api.http import openapi, problem_pages
from app.api.http.auth import recognise_admin, require_admin, require_key
from app.api.http.body import UploadBudget
from app.api.http.cors import Cors
from app.api.http.head import Head
from app.api.http.keyring import Keyring
from app.api.http.openapi import CompleteDocument, problems
from app.api.http.problems import answer_errors_as_problems
from app.api.http.rate_limit import RateLimit
from app.api.http.rate_limit_fields import RateLimitFields
from app.api.http.request_id import RequestId
from app.api.http.request_log import RequestLog
from app.api.http.request_span import request_spans
from app.api.http.security_headers import SecurityHeaders
from app.api.jobs import creation, events, results, routes
from app.api.jobs.gateway import JobGateway
from app.api.live.route import add_live
from app.api.live.seats import Seats
from app.api.metrics import Metrics
from app.api.service import Service
from app.api.style_images import routes as style_images
from app.api.style_images.library import StyleImageLibrary
from app.api.stylize import route as stylize
from app.api.stylize.result_cache import ResultCache
from app.api.videos import route as videos
from app.engine.device import device_of
from app.engine.engine import Engine
from app.engine.memory import spare_collector
from app.errors import LedgerUnavailable, TooManyRequests, Unauthorized
from app.jobs.supervisor import TRAINING_WORKER, Supervisor
from app.logs import configure_logging
from app.machine import allow_files, this_machine
from app.model_store.store import open_model_store
from app.registry.repository import Repository
from app.server.config import ServerConfig
from app.server.listening import open_sockets, url
from app.server.server import Server
from app.serving.model_watcher import ModelWatcher
from app.settings import Settings, SettingsError
from app.settings.environment import let_matplotlib_write

PUBLIC = (
    stylize.router,
    styles.router,
    style_images.router,
    videos.router,
    creation.router,
    routes.router,
    events.router,
    results.router,
)
ADMIN = (admin_styles.router, admin_trainings.router, admin_models.router)

_log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The application with its models verified and loaded; they are warmed up when it starts.

    Raises:
        InvalidModel: a model is missing, or does not match its manifest.
        SettingsError: the machine does not have the device, the precision or the folder in the settings.
        SchemaOutdated: the database of the jobs has the schema of another version.
    """
    service = build_service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.stop()
            await asyncio.to_thread(tracing.stop)

    app = FastAPI(
        title="pastiche",
        summary="Post a photo, get it back in the style of a painting.",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=request_spans(),
        # Operations have the names of their functions, such as `create_job`, which generated clients take over.
        generate_unique_id_function=lambda route: route.name,
        # Ours: app.api.web, from local files, and app.api.http.openapi.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    unauthorized = RateLimit(settings.unauthorized_per_minute, None)
    add_routes(app, settings, unauthorized)
    answer_errors_as_problems(app, unauthorized)
    app.root_path = settings.root_path
    # The last middleware added is the outermost.
    app.add_middleware(Head)
    app.add_middleware(RateLimitFields)
    app.add_middleware(RequestLog, metrics=service.metrics)
    if settings.admin_token:
        app.add_middleware(Audit)
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestId)
    app.openapi = CompleteDocument(app)  # type: ignore[method-assign]
    return app


def build_service(settings: Settings) -> Service:
    """Everything below the routes; raises as `create_app`."""
    # Before the database is created: a missing device should leave nothing behind.
    device = device_of(settings, settings.engine_threads)
    gateway = build_gateway(settings)
    models = Repository(settings.models_dir).expand(settings.models)
    model_watcher = ModelWatcher(models, open_model_store(settings), device, settings.models_follow_seconds)
    catalogue = model_watcher.open()
    engine = Engine(
        catalogue.stylizers,
        queue_megapixels=settings.queue_megapixels,
        batch_pictures=settings.batch_pictures,
        stall_seconds=settings.engine_stall_seconds,
        live_share=settings.live_share,
    )
    codecs = CodecThreads(settings.codec_threads, settings.decode_bytes)
    uploads = UploadBudget(settings.uploads_bytes)
    results = ResultCache(settings.result_cache_bytes)
    measured = Metrics()
    measured.watch(engine, codecs, uploads, results, model_watcher)
    live = Seats(
        settings.live_sessions,
        settings.live_sessions_each,
        settings.live_share,
        lambda: engine.load.megapixels_per_second,
    )
    measured.watch_live(live)
    library = StyleImageLibrary(settings, gateway, codecs, measured.count_style_image)
    return Service(
        settings,
        catalogue,
        engine,
        device.name,
        codecs,
        uploads,
        results,
        measured,
        gateway,
        model_watcher,
        library,
        live,
    )


def build_gateway(settings: Settings) -> JobGateway:
    """The gateway to the jobs. Without a database, the service starts all the same. Raises as `create_app`."""
    try:
        gateway = JobGateway(settings)
    except (OSError, ModuleNotFoundError) as error:
        raise SettingsError(f"PASTICHE_DATA_DIR or PASTICHE_STORAGE_URL: {error}.") from error
    try:
        gateway.prepare()
    except LedgerUnavailable as error:
        _log.warning("ledger_unavailable", reason=error.private)
    return gateway


def add_routes(app: FastAPI, settings: Settings, unauthorized: RateLimit) -> None:
    """Args: unauthorized: of clients without a right key, by address."""
    keyring = Keyring(settings)
    guard = [Depends(require_key(keyring))] if settings.api_keys else []
    refused = problems(Unauthorized, TooManyRequests)
    guarded = refused if guard else {}
    if settings.admin_token and not guard:
        guard = [Depends(recognise_admin(keyring))]
    for router in PUBLIC:
        app.include_router(router, dependencies=guard, responses=guarded)
    if settings.admin_token:
        for router in ADMIN:
            app.include_router(router, dependencies=[Depends(require_admin(keyring))], responses=refused)
    if settings.live_sessions:
        add_live(app, app.state.service, keyring, unauthorized)
    app.include_router(health.router)
    for router, access in ((health.metrics_router, settings.metrics), (openapi.router, settings.openapi)):
        if access != "off":
            wanted = [Depends(require_key(keyring))] if access == "key" else []
            app.include_router(router, dependencies=wanted, responses=refused if wanted else {})
    if settings.docs == "open" and settings.openapi != "off":
        app.include_router(web.reference_router)
    app.include_router(problem_pages.router)
    app.include_router(web.router)


def serve(settings: Settings) -> None:
    """Serve until a signal comes, then finish the requests in flight. Raises as `create_app`."""
    configure_logging(settings.log_level, settings.log_format)
    let_matplotlib_write(settings.data_dir)
    tracing.start(settings, "pastiche")
    log_machine(settings, allow_files())
    app = create_app(settings)
    config = ServerConfig(app, settings)
    server = Server(config, app.state.service, supervise(settings), spare_collector)
    app.state.service.metrics.watch_connections(lambda: len(server.server_state.connections), config.crowd.ended)
    # Opened last, but before anything runs: until then connections are refused, and a used port is reported early.
    sockets = open_sockets(settings.host, settings.port)
    for listening in sockets:
        _log.info("listening", url=url(listening.getsockname()))
    server.run(sockets)


def log_machine(settings: Settings, files: int | None) -> None:
    """Log the machine's resources beside the settings derived from them, so that a wrong default is easy to see.

    Args:
        files: limit of open files.
    """
    machine = this_machine()
    _log.info(
        "machine",
        processors=machine.processors,
        allowed=machine.allowed,
        cores=machine.cores,
        quota=machine.quota,
        memory_megabytes=machine.memory_bytes and machine.memory_bytes // 1_000_000,
        engine_threads=settings.engine_threads,
        codec_threads=settings.codec_threads,
        queue_megapixels=round(settings.queue_megapixels, 1),
        uploads_megabytes=round(settings.uploads_megabytes, 1),
        open_files=files,
    )


def supervise(settings: Settings) -> Supervisor:
    """A supervisor of the workers beside the server and, if trainings can be requested, of a training worker."""
    trainings = [TRAINING_WORKER] if settings.admin_token and settings.workers else []
    return Supervisor(settings.workers, settings.environment(), others=trainings)
