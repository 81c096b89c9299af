"""The shell around the work of a stage: decode, measure, work, store, publish, and only then acknowledge.

The un-acknowledged message is the outbox: whatever happens before the acknowledgement happens again, and a result
that is already stored leads to the same messages. Every way out is a fact that ingest_svc decides upon; the broker's
own counter only tells when a message has killed its worker too often.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from chassis.core.errors import Corruption, HeimdexError, NotFound, UpstreamUnavailable
from chassis.core.stages import Outcome, Stage, StageRecord
from chassis.core.subjects import STAGE_CONTEXT, dead_subject, fact_subject, stage_subject
from chassis.io import correlation, logs, metrics
from chassis.io.blobs import BlobStore, result_key
from chassis.io.concurrently import alongside, beside
from chassis.io.jetstream import Bus, Delivery, Outgoing
from chassis.io.results import load_result
from chassis.io.stage import (
    StageSpan,
    measure_stage,
    outcome_to_proto,
    stage_event,
    stage_to_proto,
    timestamp,
    worker_name,
)
from chassis.io.topology import consumer_spec
from heimdex.ingest.v1 import work_pb2
from heimdex.metrics.v1 import stage_event_pb2

__all__ = ["POISON_DELIVERIES", "StageHandler", "StageWorker"]

_log = logs.get_logger(__name__)
_ANNOUNCE_SECONDS = 5.0
POISON_DELIVERIES = 3
"""A message that was delivered this often and never answered has killed its worker each time."""

StageHandler = Callable[[work_pb2.StageWork, StageSpan], Awaitable[work_pb2.StageResult]]
"""Does the work and returns a StageResult with `output` set; `ended` may hold media_info and duration_of_video_ns."""


@dataclass(frozen=True, slots=True)
class _Ended:
    fact: work_pb2.StageEnded
    event: bytes


class StageWorker:
    """Takes the work of one stage from its consumer."""

    def __init__(self, *, stage: Stage, consumer: str, handler: StageHandler, bus: Bus, blobs: BlobStore) -> None:
        self._stage = stage
        self._consumer = consumer
        self._handler = handler
        self._bus = bus
        self._blobs = blobs
        self._context = STAGE_CONTEXT[stage]
        self._worker = worker_name(f"{self._context}_svc")
        self._beat_seconds = consumer_spec(consumer).ack_wait_seconds / 4

    async def run(self, *, slots: int, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set and all hands are empty."""
        await self._bus.consume(self._consumer, self.handle, slots=slots, stopping=stopping)

    async def handle(self, delivery: Delivery) -> None:
        """Do one piece of work; never raises but when cancelled."""
        try:
            work = work_pb2.StageWork.FromString(delivery.data)
        except DecodeError:
            await self._bury(delivery)
            return
        with (
            correlation.bound_to(delivery.correlation_id),
            logs.bind(video_id=work.video_id, stage=self._stage, attempt=work.attempt),
        ):
            try:
                await self._answer(delivery, work)
            except UpstreamUnavailable as error:
                metrics.MESSAGES_HANDLED.labels(self._consumer, "retry").inc()
                _log.warning("the answer could not be stored; the work will come again", error=str(error))
                await delivery.retry(1.0)

    async def _answer(self, delivery: Delivery, work: work_pb2.StageWork) -> None:
        async with beside(self._keep(delivery)):
            try:
                ended = await self._ended(delivery, work)
            except asyncio.CancelledError:
                await self._give_back(delivery, work)
                raise
            await self._publish(ended)
        await delivery.ack()
        metrics.MESSAGES_HANDLED.labels(self._consumer, "ack").inc()

    async def _ended(self, delivery: Delivery, work: work_pb2.StageWork) -> _Ended:
        key = result_key(work.owner_id, work.video_id, work.generation, self._stage)
        try:
            stored = await load_result(self._blobs, key)
        except (NotFound, Corruption):  # what can not be read is made again
            return await self._do(delivery, work, key)
        except UpstreamUnavailable as away:
            return self._undone(work, away)
        ended = work_pb2.StageEnded()
        ended.CopyFrom(stored.ended)
        ended.fence = work.fence  # the result is good for whoever asks now
        return _Ended(ended, stored.stage_event)

    async def _do(self, delivery: Delivery, work: work_pb2.StageWork, key: str) -> _Ended:
        if delivery.deliveries > POISON_DELIVERIES:
            return self._undone(work, Corruption("the work ended its worker whenever it was tried", reason="POISON"))
        begun: asyncio.Future[datetime] = asyncio.get_running_loop().create_future()
        async with alongside(self._announce(delivery, work, begun)):
            record, result, error = await self._measured(work, begun)
        event = stage_event(record).SerializeToString()
        ended = self._fact(work, record, error, partial=result.ended if result else None)
        if result is not None:
            ended.result_key = key
            result.ended.CopyFrom(ended)
            result.stage_event = event
            try:
                await self._blobs.put(key, result.SerializeToString())
            except UpstreamUnavailable as away:
                record = replace(record, outcome=Outcome.FAILED, reason=away.reason)
                return _Ended(self._fact(work, record, away), stage_event(record).SerializeToString())
        return _Ended(ended, event)

    async def _measured(
        self, work: work_pb2.StageWork, begun: asyncio.Future[datetime]
    ) -> tuple[StageRecord, work_pb2.StageResult | None, Exception | None]:
        """Do the work and return its record with either a result or the error that ended it."""
        measure = measure_stage(
            self._stage,
            video_id=work.video_id,
            owner_id=work.owner_id,
            generation=work.generation,
            attempt=work.attempt,
            fence=work.fence,
            queued_at=work.queued_at.ToDatetime(tzinfo=UTC),
            worker=self._worker,
        )
        try:
            with measure as span:
                begun.set_result(span.started_at)
                span.video_duration_ns = work.duration_ns or None
                result = await self._handler(work, span)
        except Exception as failure:  # noqa: BLE001  # every failure becomes a fact
            if not isinstance(failure, HeimdexError):
                _log.error("a stage ended in a bug", exc_info=failure)
            return span.record, None, failure
        return span.record, result, None

    async def _announce(self, delivery: Delivery, work: work_pb2.StageWork, begun: asyncio.Future[datetime]) -> None:
        """Tell that the work has begun, while it goes on; the end is told in any case, so this may be missed."""
        started = self._started(delivery, work, await begun)
        try:
            await self._bus.publish(started, patience_seconds=_ANNOUNCE_SECONDS)
        except UpstreamUnavailable as error:
            _log.warning("the begin of a stage could not be told", error=str(error))

    def _fact(
        self,
        work: work_pb2.StageWork,
        record: StageRecord,
        error: Exception | None,
        *,
        partial: work_pb2.StageEnded | None = None,
    ) -> work_pb2.StageEnded:
        ended = work_pb2.StageEnded()
        if partial is not None:
            ended.CopyFrom(partial)
        ended.MergeFrom(
            work_pb2.StageEnded(
                video_id=work.video_id,
                owner_id=work.owner_id,
                stage=stage_to_proto(self._stage),
                fence=work.fence,
                started_at=timestamp(record.started_at),
                finished_at=timestamp(record.finished_at),
                duration_ns=record.duration_ns,
                outcome=outcome_to_proto(record.outcome),
                reason=record.reason,
                worker=self._worker,
            )
        )
        if error is not None:
            ended.message = (
                str(error) if isinstance(error, HeimdexError) else f"internal error ({type(error).__name__})"
            )
            ended.is_permanent = isinstance(error, HeimdexError) and error.permanent
        return ended

    def _undone(self, work: work_pb2.StageWork, error: HeimdexError) -> _Ended:
        """Tell that an attempt failed before it began. Coming again unanswered is for killed workers: it is poison."""
        now = datetime.now(UTC)
        record = StageRecord(
            video_id=work.video_id,
            owner_id=work.owner_id,
            generation=work.generation,
            stage=self._stage,
            attempt=work.attempt,
            fence=work.fence,
            outcome=Outcome.FAILED,
            reason=error.reason,
            queued_at=work.queued_at.ToDatetime(tzinfo=UTC),
            started_at=now,
            finished_at=now,
            duration_ns=0,
            worker=self._worker,
        )
        return _Ended(self._fact(work, record, error), stage_event(record).SerializeToString())

    async def _give_back(self, delivery: Delivery, work: work_pb2.StageWork) -> None:
        """Tell that the work was put down because the process stops: it costs no attempt and starts again at once."""
        now = datetime.now(UTC)
        ended = work_pb2.StageEnded(
            video_id=work.video_id,
            stage=stage_to_proto(self._stage),
            fence=work.fence,
            started_at=timestamp(now),
            finished_at=timestamp(now),
            outcome=outcome_to_proto(Outcome.CANCELLED),
            reason="STOPPING",
            message="the worker was stopping",
            worker=self._worker,
        )
        with suppress(HeimdexError):
            await self._bus.publish(self._ended_message(ended), patience_seconds=3.0)
            await delivery.ack()
            metrics.MESSAGES_HANDLED.labels(self._consumer, "give_back").inc()

    async def _publish(self, ended: _Ended) -> None:
        event_id = stage_event_pb2.StageEvent.FromString(ended.event).event_id
        event = Outgoing(
            stage_subject(self._context, "stage_event", ended.fact.video_id),
            ended.event,
            "heimdex.metrics.v1.StageEvent",
            f"stage/{event_id}",
        )
        await self._bus.publish(event)
        await self._bus.publish(self._ended_message(ended.fact))

    def _started(self, delivery: Delivery, work: work_pb2.StageWork, at: datetime) -> Outgoing:
        started = work_pb2.StageStarted(
            video_id=work.video_id,
            stage=stage_to_proto(self._stage),
            fence=work.fence,
            started_at=timestamp(at),
            worker=self._worker,
            deliveries=delivery.deliveries,
        )
        return Outgoing(
            fact_subject(self._context, "stage_started", work.video_id),
            started.SerializeToString(),
            "heimdex.ingest.v1.StageStarted",
            f"started/{work.video_id}/{self._stage}/{work.fence}/{delivery.deliveries}",
        )

    def _ended_message(self, ended: work_pb2.StageEnded) -> Outgoing:
        return Outgoing(
            fact_subject(self._context, "stage_ended", ended.video_id),
            ended.SerializeToString(),
            "heimdex.ingest.v1.StageEnded",
            f"ended/{ended.video_id}/{self._stage}/{ended.fence}/{ended.outcome}",
        )

    async def _bury(self, delivery: Delivery) -> None:
        _log.error("a message could not be decoded and was put aside", subject=delivery.subject)
        await self._bus.publish(
            Outgoing(
                dead_subject(self._context, "undecodable", "none"),
                delivery.data,
                delivery.message_type,
                f"dead/{delivery.msg_id}",
            )
        )
        await delivery.reject()
        metrics.MESSAGES_HANDLED.labels(self._consumer, "reject").inc()

    async def _keep(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds)
            await delivery.keep()
