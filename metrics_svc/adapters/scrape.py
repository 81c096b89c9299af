"""What a scrape of this process shows, read back from its text: the audit looks at the view as Prometheus does."""

from collections.abc import Awaitable, Callable

from prometheus_client.parser import text_string_to_metric_families

from chassis.io import metrics
from metrics_svc.domain.audit.scraped import Samples

__all__ = ["OwnScrape"]


async def _nothing() -> None:
    pass


class OwnScrape:
    """PrometheusView of this process; `refresh` brings the view up to date."""

    def __init__(self, refresh: Callable[[], Awaitable[None]] = _nothing) -> None:
        self._refresh = refresh

    async def samples(self) -> Samples:
        """Bring the view up to date and return the samples of a scrape."""
        await self._refresh()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(metrics.exposition().decode("utf-8"))
            for sample in family.samples
        }
