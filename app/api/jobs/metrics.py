"""The queue of jobs for Prometheus, as the ledger had it a moment ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.jobs.statistics import KindStatistics

FIGURES: dict[str, tuple[str, Callable[[KindStatistics], float | None]]] = {
    "waiting": ("Jobs that wait.", lambda kind: kind.waiting),
    "oldest_waiting_seconds": ("How long the one that waits longest has.", lambda kind: kind.oldest_waiting_seconds),
    "running": ("Jobs that run.", lambda kind: kind.running),
    "done": ("Finished jobs that are still known.", lambda kind: kind.done),
    "cancelled": ("Cancelled jobs that are still known.", lambda kind: kind.cancelled),
    "attempts": ("How often the jobs that are still known were begun.", lambda kind: kind.attempts),
    "seconds_per_iteration": ("Mean over the running jobs.", lambda kind: kind.seconds_per_iteration),
}


class JobCollector(Collector):
    """Gauges: rows leave the ledger some days after their jobs ended, so that its sums also fall."""

    def __init__(self) -> None:
        self._statistics: Sequence[KindStatistics] | None = []

    def update(self, statistics: Sequence[KindStatistics] | None) -> None:
        """None: the ledger cannot be reached, and nothing is known of the jobs."""
        self._statistics = statistics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("pastiche_ledger_up", "1 while the database of the jobs answers.")
        up.add_metric((), float(self._statistics is not None))
        yield up
        kinds = self._statistics or ()
        for name, (help_text, look) in FIGURES.items():
            family = GaugeMetricFamily(f"pastiche_jobs_{name}", help_text, labels=["kind"])
            for kind in kinds:
                if (value := look(kind)) is not None:
                    family.add_metric((kind.kind,), value)
            yield family
        failed = GaugeMetricFamily("pastiche_jobs_failed", "Failed jobs that are still known.", labels=["kind", "slug"])
        for statistics in kinds:
            for slug, number in statistics.failures.items():
                failed.add_metric((statistics.kind, slug), number)
        yield failed
