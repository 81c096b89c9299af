"""The store as Prometheus series, beside the series that every process has of itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis.io import metrics
from metrics_svc.domain.answers.series import Family, Kind

__all__ = ["StoreView"]


class StoreView(Collector):
    """Shows what it was last given; nothing before that, since a zero would be a claim."""

    def __init__(self) -> None:
        self._families: tuple[Family, ...] = ()

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["StoreView"]:
        """Show it at /metrics of this process while the block runs."""
        view = cls()
        metrics.REGISTRY.register(view)
        try:
            yield view
        finally:
            metrics.REGISTRY.unregister(view)

    def show(self, families: tuple[Family, ...]) -> None:
        """Replace what is shown."""
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Return what is shown, family by family."""
        for family in self._families:
            kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
            shown = kind(family.name, family.help, labels=family.labels)
            for labels, value in sorted(family.samples.items()):
                shown.add_metric(labels, value)
            yield shown
