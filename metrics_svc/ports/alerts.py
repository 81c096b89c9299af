"""What alerts need from the world."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from metrics_svc.domain.alerts.alert import Alert, AlertEvent, Outcome, Situation
from metrics_svc.domain.alerts.pages import DeliveryRow, Place
from metrics_svc.domain.alerts.readings import Disk, RunEnds, Searches, VideoRtf, Waiting
from metrics_svc.domain.alerts.rules import AlertRule, RuleId, Silence
from metrics_svc.domain.alerts.webhook import Delivery, Receiver, Reply
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.events.sketch import Sketch

__all__ = [
    "AlertData",
    "AlertParts",
    "AlertQuery",
    "AlertStore",
    "Backlog",
    "Committed",
    "DeliveryStore",
    "NewDelivery",
    "Usual",
    "Webhook",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts to list: those that fired in a part of the window, or those that are open when it is None."""

    window: Window | None
    rule_id: RuleId | None
    after: Place | None
    limit: int


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A notification to write down."""

    delivery_id: str
    alert: Alert
    event: AlertEvent
    receiver: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Committed:
    """What a look found and changed, to be kept in one transaction with the notifications that follow from it."""

    before: Situation
    outcome: Outcome
    deliveries: tuple[NewDelivery, ...]


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual: searches, and how long succeeded work of each stage takes."""

    searches: Searches
    work: dict[str, Sketch]


class AlertStore(Protocol):
    """Remembers rules, silences, where rules stand, and alerts.

    Conformance suite: tests/adapters/metrics/test_alert_store.py. Every method may raise UpstreamUnavailable,
    DeadlineExceeded or StaleWrite.
    """

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Try to be the only one who looks while the block runs; False when somebody else does."""
        ...

    async def situations(self) -> tuple[Situation, ...]:
        """Return all that is known of every rule, in order of display."""
        ...

    async def commit(self, looks: Sequence[Committed]) -> None:
        """Keep what a look changed, all or nothing.

        Raises:
            StaleWrite: somebody else looked since `before` was read; nothing was kept.
        """
        ...

    async def set_rule(self, rule: AlertRule) -> bool:
        """Keep the next version of a rule; False when somebody was faster, and nothing was kept."""
        ...

    async def silence(self, rule_id: RuleId, silence: Silence | None, now: datetime) -> None:
        """Hold the notifications of a rule back; None ends it."""
        ...

    async def alerts(self, query: AlertQuery) -> tuple[Alert, ...]:
        """Return alerts, the newest first."""
        ...

    async def forget(self, before: datetime) -> int:
        """Remove alerts that ended before a moment, with their deliveries, and return how many alerts went."""
        ...


class DeliveryStore(Protocol):
    """Remembers notifications. Conformance suite: tests/adapters/metrics/test_delivery_store.py.

    Every method may raise UpstreamUnavailable or DeadlineExceeded.
    """

    async def claim(
        self, now: datetime, lease: timedelta, receivers: Sequence[str], limit: int
    ) -> tuple[Delivery, ...]:
        """Take what is due, so that nobody else does before the lease ends.

        To a receiver, what comes later of a rule is not due while something earlier of it waits.
        """
        ...

    async def finish(self, delivery: Delivery, state: str, reply: Reply, now: datetime) -> None:
        """Close a notification: `delivered` or `given_up`."""
        ...

    async def postpone(self, delivery: Delivery, reply: Reply, next_attempt_at: datetime) -> None:
        """Say when the next attempt is due."""
        ...

    async def drop(self, receivers: Sequence[str], *, before: datetime, now: datetime) -> None:
        """Close notifications written before a moment for anybody but these receivers."""
        ...

    async def deliveries(self, alert_id: str, *, before: int | None, limit: int) -> tuple[DeliveryRow, ...]:
        """Return notifications, the newest first, those with a number below `before`; an empty alert_id takes all."""
        ...


class AlertData(Protocol):
    """What rules measure. Conformance suite: tests/adapters/metrics/test_alert_data.py.

    Every method may raise UpstreamUnavailable or DeadlineExceeded.
    """

    async def rtf(self, window: Window) -> VideoRtf:
        """Return real-time factors of videos that became ready in the window."""
        ...

    async def run_ends(self, window: Window) -> RunEnds:
        """Return how many runs ended in the window, and how."""
        ...

    async def waiting(self) -> Waiting:
        """Return the videos that nobody has begun."""
        ...

    async def last_ends(self, stages: Sequence[str], since: datetime) -> dict[str, datetime]:
        """Return when work of these stages last ended, for those where some did since a moment."""
        ...

    async def searches(self, window: Window) -> Searches:
        """Return the searches of the window."""
        ...

    async def usual(self, window: Window) -> Usual:
        """Return what was usual in the whole hours that began in the window."""
        ...

    async def disks(self) -> tuple[Disk, ...]:
        """Return the file systems under the stores; one that was never measured is not among them."""
        ...

    async def contradictions(self, window: Window) -> int:
        """Return how many events came again in the window and said something else."""
        ...


class Backlog(Protocol):
    """Knows what waits on the carrier."""

    async def backlog(self, consumer: str) -> tuple[int, int]:
        """Return how many messages of a consumer wait to be handed out, and how many are in hand.

        Raises:
            UpstreamUnavailable: the carrier does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class AlertParts:
    """What the methods about alerts work with."""

    store: AlertStore
    deliveries: DeliveryStore
    receivers: tuple[Receiver, ...]


class Webhook(Protocol):
    """Brings a notification to a receiver. Conformance suite: tests/adapters/metrics/test_webhook.py."""

    async def post(self, receiver: Receiver, body: bytes, headers: dict[str, str]) -> Reply:
        """Make one attempt; every failure is a reply, never an error."""
        ...
