"""One round of telling: take what is due, make an attempt at each, and write down what came of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from chassis.core.clock import Clock
from chassis.io import logs
from chassis.io.concurrently import all_of
from metrics_svc.domain.alerts.webhook import LEASE, Delivery, Receiver, headers_of, next_attempt
from metrics_svc.ports.alerts import DeliveryStore, Webhook

__all__ = ["Courier"]

_log = logs.get_logger(__name__)
_AT_ONCE = 10
_KEEP_UNSENT = timedelta(days=1)
"""How long a notification waits for a receiver that is not configured: a mesh may be changed replica by replica."""


@dataclass(frozen=True, slots=True)
class Courier:
    """Brings notifications to receivers: each at least once, in order for each rule, under one identity."""

    store: DeliveryStore
    webhook: Webhook
    clock: Clock
    receivers: Sequence[Receiver]
    secrets: Sequence[bytes]

    async def deliver_due(self) -> int:
        """Make an attempt at what is due, a few at once, and return how many attempts were made.

        Raises:
            UpstreamUnavailable, DeadlineExceeded: what was sent may be sent again.
        """
        if not self.receivers:
            return 0
        urls = {one.name: one for one in self.receivers}
        due = await self.store.claim(self.clock.now(), LEASE, list(urls), _AT_ONCE)
        await all_of(*(self._attempt(delivery, urls[delivery.receiver]) for delivery in due))
        return len(due)

    async def drop_unsent(self) -> None:
        """Close what has waited for long for receivers that are not configured.

        Raises:
            UpstreamUnavailable, DeadlineExceeded: try again later.
        """
        now = self.clock.now()
        await self.store.drop([one.name for one in self.receivers], before=now - _KEEP_UNSENT, now=now)

    async def _attempt(self, delivery: Delivery, receiver: Receiver) -> None:
        headers = headers_of(delivery.delivery_id, delivery.body, self.secrets, self.clock.now())
        reply = await self.webhook.post(receiver, delivery.body, headers)
        now = self.clock.now()
        if reply.is_good:
            await self.store.finish(delivery, "delivered", reply, now)
            return
        spread = random.random()  # noqa: S311  # jitter, not a secret
        again_at = next_attempt(delivery.attempt, now, spread)
        _log.warning(
            "a notification could not be delivered",
            delivery_id=delivery.delivery_id,
            receiver=delivery.receiver,
            attempt=delivery.attempt,
            error=reply.error,
            is_given_up=again_at is None,
        )
        if again_at is None:
            await self.store.finish(delivery, "given_up", reply, now)
        else:
            await self.store.postpone(delivery, reply, again_at)
