"""The queue of jobs for Prometheus, as of the ledger's last answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.jobs.statistics import KindStatistics, Statistics

# Each has a series even before its first worker, for alerts.
KINDS = ("gatys", "stylize", "training")

FIGURES: dict[str, tuple[str, Callable[[KindStatistics], float | None]]] = {
    "waiting": ("Queued jobs.", lambda kind: kind.waiting),
    "oldest_waiting_seconds": ("Age of the oldest queued job.", lambda kind: kind.oldest_waiting_seconds),
    "running": ("Running jobs.", lambda kind: kind.running),
    "done": ("Jobs that have been done, ever.", lambda kind: kind.done),
    "cancelled": ("Jobs that have been cancelled, ever.", lambda kind: kind.cancelled),
    "attempts": ("Attempts of all jobs, ever.", lambda kind: kind.attempts),
    "seconds_per_iteration": (
        "Mean seconds of an iteration over the running jobs.",
        lambda kind: kind.seconds_per_iteration,
    ),
}


class JobCollector(Collector):
    """What the ledger of all processes says: figures of the queue, of the ended jobs, and of the workers that live."""

    def __init__(self) -> None:
        self._statistics: Statistics | None = Statistics([], {}, 0)

    def update(self, statistics: Statistics | None) -> None:
        """None: the ledger cannot be reached, and nothing is known of the jobs."""
        self._statistics = statistics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("pastiche_ledger_up", "1 while the jobs' database answers.")
        up.add_metric((), float(self._statistics is not None))
        yield up
        kinds = self._statistics.kinds if self._statistics else ()
        for name, (help_text, look) in FIGURES.items():
            family = GaugeMetricFamily(f"pastiche_jobs_{name}", help_text, labels=["kind"])
            for kind in kinds:
                if (value := look(kind)) is not None:
                    family.add_metric((kind.kind,), value)
            yield family
        failed = GaugeMetricFamily("pastiche_jobs_failed", "Jobs that have failed, ever.", labels=["kind", "slug"])
        for statistics in kinds:
            for slug, number in statistics.failures.items():
                failed.add_metric((statistics.kind, slug), number)
        yield failed
        yield from self._workers()

    def _workers(self) -> Iterator[GaugeMetricFamily]:
        known = self._statistics
        workers = GaugeMetricFamily("pastiche_workers", "Live worker processes.", labels=["kind"])
        if known is not None:
            for kind in sorted({*KINDS, *known.workers}):
                workers.add_metric((kind,), known.workers.get(kind, 0))
        yield workers
        faults = GaugeMetricFamily("pastiche_worker_faults", "Errors that these workers' threads have survived.")
        if known is not None:
            faults.add_metric((), known.worker_faults)
        yield faults
