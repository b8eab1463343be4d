"""Metrics of the job queue, as last read from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.errors import PasticheError
from app.jobs.statistics import KindStatistics, Statistics

# Each has series before its first job and worker, for alerts.
KINDS = ("gatys", "refinement", "stylize", "training", "video")

FIGURES: dict[str, tuple[str, Callable[[KindStatistics], float | None]]] = {
    "waiting": ("Queued jobs.", lambda kind: kind.waiting),
    "oldest_waiting_seconds": ("Age of the oldest queued job.", lambda kind: kind.oldest_waiting_seconds),
    "running": ("Running jobs.", lambda kind: kind.running),
    "done": ("Finished jobs since the ledger was created.", lambda kind: kind.done),
    "cancelled": ("Cancelled jobs since the ledger was created.", lambda kind: kind.cancelled),
    "attempts": ("Attempts of ended jobs since the ledger was created.", lambda kind: kind.attempts),
    "seconds_per_iteration": (
        "Mean seconds per iteration of the running jobs.",
        lambda kind: kind.seconds_per_iteration,
    ),
}


class JobCollector(Collector):
    """Collects figures of the whole fleet from the ledger: queued, running and ended jobs, and live workers."""

    def __init__(self) -> None:
        self._statistics: Statistics | None = Statistics([], {}, 0)

    def update(self, statistics: Statistics | None) -> None:
        """Args: statistics: None if the ledger cannot be reached."""
        self._statistics = statistics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("pastiche_ledger_up", "1 if the ledger's database answers, otherwise 0.")
        up.add_metric((), float(self._statistics is not None))
        yield up
        kinds = every_kind(self._statistics.kinds) if self._statistics else []
        for name, (help_text, look) in FIGURES.items():
            family = GaugeMetricFamily(f"pastiche_jobs_{name}", help_text, labels=["kind"])
            for kind in kinds:
                if (value := look(kind)) is not None:
                    family.add_metric((kind.kind,), value)
            yield family
        failed = GaugeMetricFamily(
            "pastiche_jobs_failed", "Failed jobs since the ledger was created.", labels=["kind", "slug"]
        )
        for statistics in kinds:
            # Of every kind one, so that their sum is 0 before the first failure.
            for slug, number in ({PasticheError.slug: 0} | statistics.failures).items():
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
        faults = GaugeMetricFamily("pastiche_worker_faults", "Errors that threads of live workers have survived.")
        if known is not None:
            faults.add_metric((), known.worker_faults)
        yield faults


def every_kind(known: Sequence[KindStatistics]) -> list[KindStatistics]:
    """Also of the kinds that have had no job: autoscalers and alerts need the series before the first one."""
    by_name = {kind: KindStatistics(kind) for kind in KINDS} | {of_kind.kind: of_kind for of_kind in known}
    return [by_name[kind] for kind in sorted(by_name)]
