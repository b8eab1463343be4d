"""Metrics for Prometheus. Each application has its own registry, so that two can be in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from app import tracing
from app.api.codecs.threads import CodecThreads
from app.api.http.body import UploadBudget
from app.api.http.problem_pages import kinds
from app.api.jobs.metrics import JobCollector
from app.api.stages import Stage, Stages
from app.api.stylize.result_cache import ResultCache, Source
from app.engine.engine import Engine
from app.errors import ModelUnavailable, Overloaded, PasticheError, TooManyRequests, Unauthorized
from app.serving.model_watcher import ModelWatcher

# From a cached health probe to the default deadline, in steps of about two.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class EndedConnections(Collector):
    """Collects the number of connections that the server has closed itself, by reason."""

    def __init__(self, ended: Mapping[str, int]) -> None:
        self._ended = ended

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "pastiche_connections_ended", "Connections that the server closed because of a limit.", labels=["reason"]
        )
        for reason, number in self._ended.items():
            family.add_metric((reason,), number)
        yield family


class Metrics:
    """Counters and histograms, updated as requests are handled.

    Where the values of a label are known, each has its series from the start: a rate counts the first event only if it
    has seen the 0 before.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.jobs = JobCollector()
        self.registry.register(self.jobs)
        self.in_flight = Gauge("pastiche_requests_in_flight", "Requests in flight.", registry=self.registry)
        self._requests = Counter(
            "pastiche_requests", "Answered requests.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "pastiche_request_seconds",
            "Seconds from a request's arrival to the end of its response.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._problems = Counter("pastiche_problems", "Problem responses, by slug.", ["slug"], registry=self.registry)
        for kind in kinds():
            self._problems.labels(kind.slug)
        self._stage_seconds = Histogram(
            "pastiche_stage_seconds",
            "Seconds of each stage of stylizing an image.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        for stage in get_args(Stage):
            self._stage_seconds.labels(stage)
        self._megapixels = Counter(
            "pastiche_painted_megapixels",
            "Megapixels of stylized images that were finished.",
            ["model"],
            registry=self.registry,
        )

        self._results = Counter(
            "pastiche_results",
            "Stylized images: computed (miss), cached (hit), computed for an equal request (shared), 304 (unchanged).",
            ["source"],
            registry=self.registry,
        )
        for source in (*get_args(Source), "unchanged"):
            self._results.labels(source)

        self._style_images = Counter(
            "pastiche_style_images",
            "Style images that came: read by a style encoder (read), or known from before (known).",
            ["source"],
            registry=self.registry,
        )
        for source in ("read", "known"):
            self._style_images.labels(source)

        self.live_frames = Counter(
            "pastiche_live_frames",
            "Frames of live sessions: answered, dropped for a newer one, or failed.",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in ("answered", "dropped", "failed"):
            self.live_frames.labels(outcome)
        self._live_refusals = Counter(
            "pastiche_live_refusals",
            "Live sessions that were not opened, by the problem that they were told.",
            ["problem"],
            registry=self.registry,
        )
        for refusal in (Overloaded, TooManyRequests, ModelUnavailable, Unauthorized):
            self._live_refusals.labels(refusal.slug)
        self.live_delay = Histogram(
            "pastiche_live_delay_seconds",
            "Seconds from the arrival of a live frame until its answer was sent.",
            buckets=SECONDS,
            registry=self.registry,
        )

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Status 499: the client closed the connection before the response."""
        # Clients can send any method: unknown ones must not create series.
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds, tracing.exemplar())

    def count_problem(self, error: PasticheError) -> None:
        self._problems.labels(error.slug).inc()

    def expect(self, models: Iterable[str]) -> None:
        """Args: models: labels of those that are served from now on."""
        for model in models:
            self._megapixels.labels(model)

    def count_live_refusal(self, error: PasticheError) -> None:
        self._live_refusals.labels(error.slug).inc()

    def count_painting(self, model: str, megapixels: float, stages: Stages) -> None:
        self._megapixels.labels(model).inc(megapixels)
        exemplar = tracing.exemplar()
        for stage, seconds in stages.seconds.items():
            self._stage_seconds.labels(stage).observe(seconds, exemplar)

    def count_result(self, source: Source | Literal["unchanged"]) -> None:
        self._results.labels(source).inc()

    def count_style_image(self, source: Literal["read", "known"]) -> None:
        self._style_images.labels(source).inc()

    def watch_connections(self, count: Callable[[], int], ended: Mapping[str, int]) -> None:
        """Add the metrics of the server.

        Args:
            count: returns the number of open connections.
            ended: returns how many the server has closed itself, by reason.
        """
        gauge = Gauge("pastiche_connections", "Open connections.", registry=self.registry)
        gauge.set_function(count)
        self.registry.register(EndedConnections(ended))

    def watch_live(self, seats: Sized) -> None:
        """Add the gauge of live sessions."""
        gauge = Gauge("pastiche_live_sessions", "Open live sessions.", registry=self.registry)
        gauge.set_function(lambda: len(seats))

    def watch(
        self,
        engine: Engine,
        codecs: CodecThreads,
        uploads: UploadBudget,
        results: ResultCache,
        watcher: ModelWatcher,
    ) -> None:
        """Add the gauges that are read when metrics are scraped."""
        gauges = {
            "pastiche_queue_megapixels": (
                "Megapixels queued for the engine.",
                lambda: engine.load.queued_megapixels,
            ),
            "pastiche_queue_pictures": ("Decoded images queued for the engine.", lambda: engine.load.waiting),
            "pastiche_batch_pictures": ("Images in the batch that is running.", lambda: engine.load.running),
            "pastiche_engine_megapixels_per_second": (
                "Speed of the engine over the last batches.",
                lambda: engine.load.megapixels_per_second or 0.0,
            ),
            "pastiche_engine_ready": ("1 if the engine is ready, otherwise 0.", lambda: float(engine.health.ready)),
            "pastiche_engine_heartbeat_age_seconds": (
                "Seconds since the engine last started or finished a batch.",
                lambda: engine.health.heartbeat_age_seconds,
            ),
            "pastiche_codec_steps": ("Decoding and encoding steps, queued or running.", lambda: codecs.pending),
            "pastiche_codec_seconds": (
                "Predicted seconds of decoding and encoding for all admitted requests, per thread.",
                lambda: codecs.seconds,
            ),
            "pastiche_upload_bytes": ("Bytes of request bodies in memory.", lambda: uploads.held_bytes),
            "pastiche_models_refused": (
                "Active models that cannot be loaded; /healthz/ready says why.",
                lambda: float(len(watcher.refusals)),
            ),
            "pastiche_result_cache_bytes": ("Bytes of cached results.", lambda: results.held_bytes),
        }
        for name, (help_text, look) in gauges.items():
            Gauge(name, help_text, registry=self.registry).set_function(look)
