"""What the store needs now and then: hours become days, and what is too old goes."""

from datetime import timedelta

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError, InvalidInput
from chassis.io import logs
from chassis.io.concurrently import pause
from metrics_svc.domain.events.folding import FOLD_DAYS
from metrics_svc.ports.events import EventStore

__all__ = ["Upkeep"]

_log = logs.get_logger(__name__)


class Upkeep:
    """Folds and forgets every so often. Several services may do so at once: what one did the others find done.

    Raises:
        InvalidInput: `keep_days` is so small that hours would go before they are folded.
    """

    def __init__(self, *, store: EventStore, clock: Clock, keep_days: int, period_seconds: float) -> None:
        if keep_days <= FOLD_DAYS:
            raise InvalidInput(f"events must be kept for more than {FOLD_DAYS} days", reason="INVALID_SETTINGS")
        self._store = store
        self._clock = clock
        self._keep_days = keep_days
        self._period_seconds = period_seconds

    async def run(self) -> None:
        """Work until cancelled; what can not be done now is done the next time."""
        while True:
            try:
                await self.work()
            except HeimdexError as error:
                _log.warning("the store could not be tended now", reason=error.reason)
            await pause(self._period_seconds)

    async def work(self) -> None:
        """Do everything that is due, once."""
        now = self._clock.now()
        folded = await self._store.fold(now)
        forgotten = await self._store.forget(now - timedelta(days=self._keep_days))
        if folded or forgotten:
            _log.info("the store was tended", hours_folded=folded, rows_forgotten=forgotten)
