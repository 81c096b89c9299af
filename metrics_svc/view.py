"""Keeps the Prometheus view up to date: totals and percentiles of the store, and what waits on the carrier."""

from collections.abc import Awaitable, Callable, Mapping

from chassis.core.errors import HeimdexError
from chassis.core.subjects import CONSUMERS
from chassis.io import logs, metrics
from chassis.io.concurrently import pause
from chassis.io.jetstream import Bus
from metrics_svc.adapters.exposition import StoreView
from metrics_svc.domain.answers.series import families_of
from metrics_svc.ports.totals import TotalsStore

__all__ = ["Latest", "ViewKeeper"]

_log = logs.get_logger(__name__)
Latest = Callable[[], Awaitable[Mapping[str, Mapping[tuple[str, ...], float]]]]
"""Computes the gauges of the store: by name, then by the values of their labels."""


class ViewKeeper:
    """One reading every few seconds, so that a scrape costs the database nothing."""

    def __init__(
        self, *, view: StoreView, totals: TotalsStore, latest: Latest, bus: Bus, period_seconds: float
    ) -> None:
        self._view = view
        self._totals = totals
        self._latest = latest
        self._bus = bus
        self._period_seconds = period_seconds

    async def run(self) -> None:
        """Read until cancelled; what can not be read now stays as it was."""
        while True:
            try:
                await self.read()
            except HeimdexError as error:
                _log.warning("the Prometheus view could not be brought up to date", error=str(error))
            await pause(self._period_seconds)

    async def read(self) -> None:
        """Bring everything up to date once."""
        self._view.show(families_of(await self._totals.totals(), await self._latest()))
        for consumer in CONSUMERS:
            waiting, in_hand = await self._bus.backlog(consumer.name)
            metrics.QUEUE_MESSAGES.labels(consumer.name, "waiting").set(waiting)
            metrics.QUEUE_MESSAGES.labels(consumer.name, "in_hand").set(in_hand)
