"""The shell around the work of a stage: decode, measure, work, store, publish, and only then acknowledge.

The un-acknowledged message is the outbox: whatever happens before the acknowledgement happens again, and a result
that is already stored leads to the same messages. Every way out is a fact that ingest_svc decides upon; the broker's
own counter only tells when a message has killed its worker too often.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError

from chassis.core.clock import SystemClock
from chassis.core.errors import Corruption, HeimdexError, NotFound, Stopping, UpstreamUnavailable
from chassis.core.stages import Outcome, Stage, StageRecord
from chassis.core.subjects import STAGE_CONTEXT
from chassis.io import correlation, logs, metrics
from chassis.io.blobs import BlobStore, result_key
from chassis.io.concurrently import alongside, beside
from chassis.io.jetstream import Bus, Delivery
from chassis.io.results import load_result
from chassis.io.spending import metered
from chassis.io.stage import StageSpan, measure_stage, report_stage, stage_event, worker_name
from chassis.io.topology import consumer_spec
from chassis.io.worker_messages import (
    begun_message,
    buried_message,
    ended_message,
    event_message,
    fact_of,
    found_again,
)
from heimdex.ingest.v1 import work_pb2

__all__ = ["POISON_DELIVERIES", "StageHandler", "StageWorker"]

_log = logs.get_logger(__name__)
_ANNOUNCE_SECONDS = 5.0
_GIVE_BACK_SECONDS = 3.0
POISON_DELIVERIES = 3
"""A message that was delivered this often and never answered has killed its worker each time."""

StageHandler = Callable[[work_pb2.StageWork, StageSpan], Coroutine[Any, Any, work_pb2.StageResult]]
"""Does the work and returns a StageResult with `output` set; `ended` may hold media_info and duration_of_video_ns."""


@dataclass(frozen=True, slots=True)
class _Ended:
    fact: work_pb2.StageEnded
    event: bytes


@dataclass(slots=True)
class _Hand:
    """One piece of work in hand."""

    delivery: Delivery
    work: work_pb2.StageWork
    taken_at: datetime
    taken_ns: int
    tries: int
    """How often it may have been begun, this time included."""
    record: StageRecord | None = None
    """Of the handler, as soon as it has ended in any way."""


class StageWorker:
    """Takes the work of one stage from its consumer."""

    def __init__(self, *, stage: Stage, consumer: str, handler: StageHandler, bus: Bus, blobs: BlobStore) -> None:
        self._stage = stage
        self._consumer = consumer
        self._handler = handler
        self._bus = bus
        self._blobs = blobs
        self._clock = SystemClock()
        self._slots = 0
        self._worker = worker_name(f"{STAGE_CONTEXT[stage]}_svc")
        self._beat_seconds = consumer_spec(consumer).ack_wait_seconds / 4

    async def run(self, *, slots: int, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set and all hands are empty."""
        self._slots = slots
        await self._bus.consume(self._consumer, self.handle, slots=slots, stopping=stopping)

    async def handle(self, delivery: Delivery) -> None:
        """Do one piece of work; never raises but when cancelled."""
        try:
            work = work_pb2.StageWork.FromString(delivery.data)
        except DecodeError:
            await self._bury(delivery)
            return
        hand = _Hand(delivery, work, self._clock.now(), self._clock.monotonic_ns(), delivery.deliveries)
        with (
            correlation.bound_to(delivery.correlation_id),
            logs.bind(video_id=work.video_id, stage=self._stage, attempt=work.attempt),
        ):
            try:
                await self._answer(hand)
            except UpstreamUnavailable as error:
                metrics.MESSAGES_HANDLED.labels(self._consumer, "retry").inc()
                _log.warning("the answer could not be stored; the work will come again", error=str(error))
                await delivery.retry(1.0)

    async def _answer(self, hand: _Hand) -> None:
        async with beside(self._keep(hand.delivery)):
            try:
                ended = await self._ended(hand)
            except asyncio.CancelledError:
                await self._give_back(hand)
                raise
            await self._bus.publish(event_message(self._stage, ended.event))
            await self._bus.publish(ended_message(self._stage, ended.fact))
        await hand.delivery.ack()
        metrics.MESSAGES_HANDLED.labels(self._consumer, "ack").inc()

    async def _ended(self, hand: _Hand) -> _Ended:
        work = hand.work
        key = result_key(work.owner_id, work.video_id, work.generation, self._stage)
        try:
            stored = await load_result(self._blobs, key)
        except (NotFound, Corruption):  # what can not be read is made again
            if hand.delivery.deliveries > POISON_DELIVERIES:
                poison = Corruption("the work ended its worker whenever it was tried", reason="POISON")
                # Its lengths died with its workers; this delivery, which is refused, is none of them.
                hand.tries -= 1
                return self._told(hand, replace(self._undone(hand, poison), duration_ns=None), poison)
            return await self._do(hand, key)
        except UpstreamUnavailable as away:
            return self._told(hand, self._undone(hand, away), away)
        return _Ended(found_again(work, stored.ended), stored.stage_event)

    async def _do(self, hand: _Hand, key: str) -> _Ended:
        begun: asyncio.Future[datetime] = asyncio.get_running_loop().create_future()
        async with alongside(self._announce(hand, begun)):
            record, result, error = await self._measured(hand, begun)
        if result is None:
            return self._told(hand, record, error)
        ended = fact_of(hand.work, record, deliveries=hand.tries, partial=result.ended)
        ended.result_key = key
        result.ended.CopyFrom(ended)
        result.stage_event = stage_event(record).SerializeToString()
        try:
            await self._blobs.put(key, result.SerializeToString())
        except UpstreamUnavailable as away:
            return self._told(hand, replace(record, outcome=Outcome.FAILED, reason=away.reason), away)
        report_stage(record)
        return _Ended(ended, result.stage_event)

    async def _measured(
        self, hand: _Hand, begun: asyncio.Future[datetime]
    ) -> tuple[StageRecord, work_pb2.StageResult | None, Exception | None]:
        """Do the work and return its record with either a result or the error that ended it."""
        work = hand.work

        def keep(record: StageRecord) -> None:
            hand.record = record  # told once it is certain what became of the work

        measure = measure_stage(
            self._stage,
            video_id=work.video_id,
            owner_id=work.owner_id,
            generation=work.generation,
            attempt=work.attempt,
            fence=work.fence,
            queued_at=work.queued_at.ToDatetime(tzinfo=UTC),
            worker=self._worker,
            worker_slots=self._slots,
            report=keep,
        )
        try:
            with measure as span:
                begun.set_result(span.started_at)
                span.video_duration_ns = work.duration_ns or None
                result = await metered(self._handler(work, span))
        except Exception as failure:  # noqa: BLE001  # every failure becomes a fact
            if not isinstance(failure, HeimdexError):
                _log.error("a stage ended in a bug", exc_info=failure)
            return span.record, None, failure
        return span.record, result, None

    async def _announce(self, hand: _Hand, begun: asyncio.Future[datetime]) -> None:
        """Tell that the work has begun, while it goes on; the end is told in any case, so this may be missed."""
        at = await begun
        started = begun_message(hand.work, self._stage, hand.delivery, at=at, worker=self._worker)
        try:
            await self._bus.publish(started, patience_seconds=_ANNOUNCE_SECONDS)
        except UpstreamUnavailable as error:
            _log.warning("the begin of a stage could not be told", error=str(error))

    def _told(self, hand: _Hand, record: StageRecord, error: Exception | None) -> _Ended:
        """Return what is published of work that left no result."""
        report_stage(record)
        return _Ended(fact_of(hand.work, record, error, deliveries=hand.tries), stage_event(record).SerializeToString())

    def _undone(self, hand: _Hand, error: HeimdexError) -> StageRecord:
        """Return the record of an attempt that ended before its handler began."""
        work = hand.work
        return StageRecord(
            video_id=work.video_id,
            owner_id=work.owner_id,
            generation=work.generation,
            stage=self._stage,
            attempt=work.attempt,
            fence=work.fence,
            outcome=Outcome.FAILED,
            reason=error.reason,
            queued_at=work.queued_at.ToDatetime(tzinfo=UTC),
            started_at=hand.taken_at,
            finished_at=self._clock.now(),
            duration_ns=max(0, self._clock.monotonic_ns() - hand.taken_ns),
            video_duration_ns=work.duration_ns or None,
            worker=self._worker,
            worker_slots=self._slots,
        )

    async def _give_back(self, hand: _Hand) -> None:
        """Tell that the work was put down because the process stops: it costs no attempt and starts again at once.

        What was done until then is told like any other work; without its event the fact is not told either, and the
        message comes again.
        """
        stopping = Stopping("the worker was stopping")
        record = replace(hand.record or self._undone(hand, stopping), outcome=Outcome.CANCELLED, reason=stopping.reason)
        told = self._told(hand, record, stopping)
        with suppress(HeimdexError):
            await self._bus.publish(event_message(self._stage, told.event), patience_seconds=_GIVE_BACK_SECONDS)
            await self._bus.publish(ended_message(self._stage, told.fact), patience_seconds=_GIVE_BACK_SECONDS)
            await hand.delivery.ack()
            metrics.MESSAGES_HANDLED.labels(self._consumer, "give_back").inc()

    async def _bury(self, delivery: Delivery) -> None:
        _log.error("a message could not be decoded and was put aside", subject=delivery.subject)
        await self._bus.publish(buried_message(self._stage, delivery))
        await delivery.reject()
        metrics.MESSAGES_HANDLED.labels(self._consumer, "reject").inc()

    async def _keep(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds)
            await delivery.keep()
