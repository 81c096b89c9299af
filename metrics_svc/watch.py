"""The long-lived tasks of alerts: one that looks at the rules, one that tells receivers."""

import asyncio
from datetime import timedelta

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError, InvalidInput
from chassis.io import logs, metrics
from metrics_svc.domain.alerts.webhook import Receiver
from metrics_svc.handlers.alert_deliveries import Courier
from metrics_svc.handlers.alert_looks import Look, Senses, look_at_rules
from metrics_svc.ports.alerts import AlertStore

__all__ = ["LONGEST_PERIOD_SECONDS", "Messenger", "Watcher"]

_log = logs.get_logger(__name__)
LONGEST_PERIOD_SECONDS = 60.0
"""A longer pause between two looks would count as not having looked."""
_POLL_SECONDS = 2.0
_ROUNDS_BETWEEN_TIDYING = 200


class Watcher:
    """Looks at all rules every few seconds; of several replicas, one at a time does."""

    def __init__(
        self,
        *,
        store: AlertStore,
        senses: Senses,
        receivers: tuple[Receiver, ...],
        clock: Clock,
        period_seconds: float,
        keep_days: int,
    ) -> None:
        if not 1.0 <= period_seconds <= LONGEST_PERIOD_SECONDS:
            raise InvalidInput(
                f"HEIMDEX_ALERT_PERIOD_SECONDS must be 1 to {LONGEST_PERIOD_SECONDS:g}", reason="INVALID_SETTINGS"
            )
        self._store = store
        self._senses = senses
        self._receivers = receivers
        self._clock = clock
        self._period_seconds = period_seconds
        self._keep = timedelta(days=keep_days)

    async def run(self, messenger: "Messenger | None" = None) -> None:
        """Look until cancelled; a look that fails is made again in the next round."""
        rounds = 0
        while True:
            try:
                look = await self.look()
                if look.notifications and messenger is not None:
                    messenger.wake()
                if rounds % _ROUNDS_BETWEEN_TIDYING == 0:
                    await self._store.forget(self._clock.now() - self._keep)
            except HeimdexError as error:
                _log.warning("the alert rules could not be looked at; trying again", error=str(error))
            except Exception as error:  # noqa: BLE001  # a bug here must not end a service that counts
                _log.error("looking at the alert rules ended in a bug", exc_info=error)
            rounds += 1
            await asyncio.sleep(self._period_seconds)

    async def look(self) -> Look:
        """Look once, and show Prometheus which rules fire.

        Raises:
            UpstreamUnavailable, DeadlineExceeded, StaleWrite: nothing was changed.
        """
        look = await look_at_rules(
            store=self._store,
            senses=self._senses,
            receivers=self._receivers,
            now=self._clock.now(),
            pause=timedelta(seconds=self._period_seconds / 2),
        )
        for rule_id, is_firing in look.firing.items():
            metrics.ALERT_FIRING.labels(rule_id).set(is_firing)
        return look


class Messenger:
    """Sends what is due: at once when told that there is something, and else every few seconds."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled; what could not be sent is due again by itself."""
        rounds = 0
        while True:
            self._wake.clear()
            try:
                if await self._courier.deliver_due():
                    continue
                if rounds % _ROUNDS_BETWEEN_TIDYING == 0:
                    await self._courier.drop_unsent()
            except HeimdexError as error:
                _log.warning("notifications could not be sent; trying again", error=str(error))
            except Exception as error:  # noqa: BLE001  # a bug here must not end a service that counts
                _log.error("sending notifications ended in a bug", exc_info=error)
            rounds += 1
            await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
