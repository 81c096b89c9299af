"""The long-lived tasks around the truth: send what was decided, take facts in, sweep up what got lost."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from google.protobuf.message import DecodeError

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError, NotFound, UpstreamUnavailable
from chassis.core.stages import Stage
from chassis.core.subjects import dead_subject
from chassis.io import correlation, logs, metrics
from chassis.io.blobs import BlobStore, source_key, video_prefix
from chassis.io.concurrently import all_of, pause
from chassis.io.jetstream import Bus, Delivery, Outgoing
from ingest_svc.adapters.progress_store import DueMessage, OverdueStep, ProgressStore
from ingest_svc.domain.advance import advance
from ingest_svc.domain.facts import Ended, Fact, Lost
from ingest_svc.work_codec import decode_fact, ended_work, forget_message

__all__ = ["FactIntake", "OutboxRelay", "Sweeper"]

_log = logs.get_logger(__name__)
_BATCH = 100
_MAX_BUG_DELIVERIES = 8  # a fact that is a bug of ours is put aside then, or it would hold the sweeper up for ever
_POLL_SECONDS = 1.0
_SHORTEST_WAIT_SECONDS = 0.005
_PATIENCE_SECONDS = 5.0
_KEEP_OUTBOX = timedelta(days=1)
_KEEP_INBOX = timedelta(days=14)


class OutboxRelay:
    """Sends what stands in the outbox.

    Woken by a notification, by the next due time, and by a slow poll as a safety net.
    """

    def __init__(self, store: ProgressStore, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self, _payload: str = "") -> None:
        """Say that there may be something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                if await self._store.take_due(self._clock.now(), _BATCH, self._send):
                    continue
                waiting, next_at = await self._store.outbox_waiting()
                metrics.OUTBOX_PENDING.set(waiting)
                await self._sleep(next_at)
            except HeimdexError as error:
                _log.warning("the outbox could not be sent; trying again", error=str(error))
                await asyncio.sleep(_POLL_SECONDS / 4)

    async def _send(self, due: Sequence[DueMessage]) -> list[int | None]:
        return await all_of(*(self._publish(one.message) for one in due))

    async def _publish(self, message: Outgoing) -> int | None:
        """Publish one message; one that the broker refuses stays in the outbox and keeps nobody else waiting."""
        try:
            return await self._bus.publish(message, patience_seconds=_PATIENCE_SECONDS)
        except UpstreamUnavailable as error:
            _log.warning(
                "a message could not be sent; it stays in the outbox", subject=message.subject, error=str(error)
            )
            return None

    async def _sleep(self, next_at: datetime | None) -> None:
        wait = _POLL_SECONDS
        if next_at is not None:
            wait = min(wait, max(_SHORTEST_WAIT_SECONDS, (next_at - self._clock.now()).total_seconds()))
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()


class FactIntake:
    """Takes facts in: each once, each decided by `advance`."""

    def __init__(self, store: ProgressStore, bus: Bus, blobs: BlobStore, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._blobs = blobs
        self._clock = clock

    async def handle(self, delivery: Delivery) -> None:
        """Take one fact in; it is acknowledged only once its consequences are committed."""
        with correlation.bound_to(delivery.correlation_id):
            try:
                decoded = decode_fact(delivery.message_type, delivery.data)
            except (DecodeError, ValueError):
                await self._put_aside(delivery)
                return
            try:
                if decoded is not None:
                    await self._take(delivery.msg_id, *decoded)
            except NotFound:
                await self._clear_up(delivery)
            except HeimdexError as error:
                if error.permanent:
                    await self._put_aside(delivery)
                    return
                _log.warning("a fact could not be taken in; it will come again", error=str(error))
                metrics.MESSAGES_HANDLED.labels("ingest_take_facts", "retry").inc()
                await delivery.retry(0.5)
                return
            except Exception:
                if delivery.deliveries < _MAX_BUG_DELIVERIES:
                    raise  # the bus logs the bug, and it comes again
                await self._put_aside(delivery)
                return
            await delivery.ack()
            metrics.MESSAGES_HANDLED.labels("ingest_take_facts", "ack").inc()

    async def _clear_up(self, delivery: Delivery) -> None:
        """Remove what work of a deleted video has left after the deletion: moments and objects (R-STO-05).

        The source stays: if it is there again, the same bytes are being uploaded anew, under the same id.
        """
        ended = ended_work(delivery.message_type, delivery.data)
        if ended is None:
            return
        video, owner = ended
        await self._bus.publish(forget_message(video, owner, self._clock.now()).message)
        await self._blobs.delete_prefix(video_prefix(owner, video), keep=source_key(owner, video))

    async def _take(self, msg_id: str, video_id: str, fact: Fact) -> None:
        spread = random.random()  # noqa: S311  # jitter, not a secret
        with logs.bind(video_id=video_id):
            await self._store.apply(
                video_id,
                lambda video: advance(video, fact, now=self._clock.now(), spread=spread),
                fact_id=msg_id,
                lengths=fact.lengths if isinstance(fact, Ended) else (),
            )

    async def _put_aside(self, delivery: Delivery) -> None:
        _log.error("a fact could not be read and was put aside", subject=delivery.subject)
        await self._bus.publish(
            Outgoing(
                dead_subject("ingest", "unreadable_fact", "none"),
                delivery.data,
                delivery.message_type,
                f"dead/{delivery.msg_id}",
            )
        )
        await delivery.reject()
        metrics.MESSAGES_HANDLED.labels("ingest_take_facts", "reject").inc()


class Sweeper:
    """Keeps one invariant: no video stays non-terminal for long without work that the carrier still holds."""

    def __init__(
        self, store: ProgressStore, bus: Bus, clock: Clock, *, overdue_seconds: float, period_seconds: float
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._overdue = timedelta(seconds=overdue_seconds)
        self._period_seconds = period_seconds

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await pause(self._period_seconds)
            try:
                await self.sweep()
            except HeimdexError as error:
                _log.warning("the sweep could not be finished; trying again", error=str(error))

    async def sweep(self) -> int:
        """Hand out again what was lost, forget what is long done, and return how many pieces of work were lost."""
        now = self._clock.now()
        await self._store.purge(outbox_before=now - _KEEP_OUTBOX, inbox_before=now - _KEEP_INBOX)
        overdue = await self._store.overdue_steps(now - self._overdue)
        if not overdue or await self._facts_are_waiting():
            return 0
        lost = [step for step in overdue if await self._is_lost(step)]
        for step in lost:
            _log.warning(
                "work was lost and is handed out again", video_id=step.video_id, stage=step.stage, fence=step.fence
            )
            fact = Lost(Stage(step.stage), step.fence)
            await self._store.apply(step.video_id, lambda video, fact=fact: advance(video, fact, now=self._clock.now()))  # type: ignore[misc]
        return len(lost)

    async def _facts_are_waiting(self) -> bool:
        return await self._bus.pending("ingest_take_facts") > 0

    async def _is_lost(self, step: OverdueStep) -> bool:
        if step.msg_id is None:
            return True
        if step.published_at is None or step.stream_sequence is None:
            return False  # the outbox still has it
        try:
            return not await self._bus.holds("HEIMDEX_WORK", step.stream_sequence, step.msg_id)
        except UpstreamUnavailable:
            return False
