"""Makes exports: take a message, claim the export, work, store, end it in one transaction, and only then acknowledge.

The truth is the row. A message whose fence is not that of its export is old and is acknowledged; a worker that loses
its fence while it works (cancelled, handed out again, out of time) drops the work at once. Files are written as drafts
and take their place inside of the transaction that completes the export, so a replaced worker can not overwrite.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf.message import DecodeError

from chassis.core.clock import Clock
from chassis.core.errors import DeadlineExceeded, HeimdexError, NotFound, StaleWrite, UpstreamUnavailable
from chassis.core.stages import Outcome, Stage, StageRecord
from chassis.io import correlation, logs, metrics
from chassis.io.blobs import BlobStore
from chassis.io.concurrently import beside
from chassis.io.jetstream import Bus, Delivery
from chassis.io.spending import metered
from chassis.io.stage import measure_stage, reason_of, report_stage, worker_name
from chassis.io.topology import consumer_spec
from heimdex.ingest.v1 import work_pb2
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.domain.exports.facts import Claimed, Done, Fact, GivenBack, Lost, Undone
from ingest_svc.domain.exports.values import ExportState
from ingest_svc.exports.drafts import Drafts, result_of
from ingest_svc.exports.hold import Hold, LostHold
from ingest_svc.exports.making import Job, Maker, Product
from ingest_svc.exports.messages import attempt_message, undecodable_message
from ingest_svc.exports.record import Deed, ExportRow
from ingest_svc.scratch import names_a_full_disk, scratch_folder
from ingest_svc.watchers import Watchers

__all__ = ["CONSUMER", "ExportWorker"]

CONSUMER = "ingest_export_clip"
_log = logs.get_logger(__name__)
_GIVE_BACK_SECONDS = 3.0
_STORE_SECONDS = 60.0
_STORE_PAUSE_SECONDS = 0.5


@dataclass(slots=True)
class _Hand:
    """One export in hand; `record` is there once the work has ended in any way."""

    row: ExportRow
    record: StageRecord | None = None

    @property
    def id(self) -> str:
        return self.row.export.id

    @property
    def fence(self) -> int:
        return self.row.export.fence


class ExportWorker:
    """Takes exports from their consumer."""

    def __init__(
        self,
        *,
        store: ExportStore,
        maker: Maker,
        bus: Bus,
        blobs: BlobStore,
        watchers: Watchers,
        clock: Clock,
        scratch: Path,
    ) -> None:
        self._store = store
        self._maker = maker
        self._bus = bus
        self._blobs = blobs
        self._watchers = watchers
        self._clock = clock
        self._scratch = scratch
        self._slots = 0
        self._worker = worker_name("ingest_svc")
        self._keep_seconds = consumer_spec(CONSUMER).ack_wait_seconds / 4

    async def run(self, *, slots: int, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set and all hands are empty."""
        self._slots = slots
        await self._bus.consume(CONSUMER, self.handle, slots=slots, stopping=stopping)

    async def handle(self, delivery: Delivery) -> None:
        """Make one export; never raises but when cancelled."""
        try:
            work = work_pb2.ExportClip.FromString(delivery.data)
        except DecodeError:
            _log.error("a message could not be decoded and was put aside", subject=delivery.subject)
            await self._bus.publish(undecodable_message(delivery))
            await delivery.reject()
            return
        with correlation.bound_to(delivery.correlation_id), logs.bind(export_id=work.export_id, stage=Stage.EXPORTING):
            try:
                async with beside(self._keep(delivery)):
                    await self._answer(work)
            except NotFound:
                pass  # deleted for good: nobody waits for it
            except HeimdexError as error:
                metrics.MESSAGES_HANDLED.labels(CONSUMER, "retry").inc()
                _log.warning("the answer could not be stored; the work will come again", error=str(error))
                await delivery.retry(1.0)
                return
            await delivery.ack()
            metrics.MESSAGES_HANDLED.labels(CONSUMER, "ack").inc()

    async def _answer(self, work: work_pb2.ExportClip) -> None:
        now = self._clock.now()
        row = await self._store.apply(work.export_id, Claimed(work.fence, now, self._worker), now=now)
        if row.export.fence != work.fence:
            return  # handed out anew
        hand = _Hand(row)
        if row.export.reason == "POISON":
            hand.record = self._unmeasured(row)
            await self._tell(hand, Lost(hand.fence))  # changes nothing any more and brings the event along
        if row.export.state is not ExportState.PROCESSING:
            return
        drafts = Drafts(self._blobs, hand.id, hand.fence, row.order.storage_path)
        try:
            await self._make(hand, drafts)
        except asyncio.CancelledError:
            with suppress(HeimdexError, TimeoutError):
                async with asyncio.timeout(_GIVE_BACK_SECONDS):
                    await self._tell(hand, GivenBack(hand.fence))
            raise

    async def _make(self, hand: _Hand, drafts: Drafts) -> None:
        hold = Hold(self._store, self._watchers, self._clock, hand.id, hand.fence)
        try:
            with names_a_full_disk(), scratch_folder(self._scratch, f"{hand.id}-") as folder:
                product = await hold.during(self._measured(hand, hold, folder, drafts))
            await self._finish(hand, drafts, product)
        except LostHold:
            await self._drop(hand, drafts)
        except Exception as failure:  # noqa: BLE001  # every failure becomes a fact
            await self._fail(hand, drafts, failure)

    async def _measured(self, hand: _Hand, hold: Hold, folder: Path, drafts: Drafts) -> Product:
        export, order = hand.row.export, hand.row.order

        def keep(record: StageRecord) -> None:
            hand.record = record  # told once it is certain what became of the work

        measure = measure_stage(
            Stage.EXPORTING,
            video_id=order.cuts[0].video_id,
            owner_id=export.owner_id,
            generation=0,
            attempt=export.attempt,
            fence=export.fence,
            queued_at=export.queued_at,
            worker=self._worker,
            worker_slots=self._slots,
            clock=self._clock,
            report=keep,
        )
        with measure as span:
            span.video_duration_ns = sum(cut.span.length_ns for cut in order.cuts)
            job = Job(export.id, export.owner_id, order, folder, hold.note, span)
            product = await metered(self._maker.make(job))
            await drafts.write(product)
        return product

    def _unmeasured(self, row: ExportRow) -> StageRecord:
        """Return the record of a hand-out that ended its workers: its length died with them."""
        export, order = row.export, row.order
        started = export.started_at or export.queued_at
        return StageRecord(
            video_id=order.cuts[0].video_id,
            owner_id=export.owner_id,
            generation=0,
            stage=Stage.EXPORTING,
            attempt=export.attempt,
            fence=export.fence,
            outcome=Outcome.FAILED,
            reason=export.reason,
            queued_at=export.queued_at,
            started_at=started,
            finished_at=export.completed_at or started,
            duration_ns=None,
            video_duration_ns=sum(cut.span.length_ns for cut in order.cuts),
            worker=self._worker,
            worker_slots=self._slots,
        )

    async def _finish(self, hand: _Hand, drafts: Drafts, product: Product) -> None:
        deed = Deed(result_of(product), drafts.publish)
        await self._patiently(lambda: self._tell(hand, Done(hand.fence), deed))
        await drafts.remove()  # none is left, unless the answer came too late

    async def _fail(self, hand: _Hand, drafts: Drafts, failure: Exception) -> None:
        await drafts.remove()
        message = str(failure)
        if not isinstance(failure, HeimdexError):
            _log.error("an export ended in a bug", exc_info=failure)
            message = f"internal error ({type(failure).__name__})"
        is_permanent = isinstance(failure, HeimdexError) and failure.permanent
        undone = Undone(hand.fence, reason_of(failure), message.replace("\0", "") or "it failed", is_permanent)
        if hand.record is not None and hand.record.outcome is Outcome.SUCCEEDED:
            hand.record = replace(hand.record, outcome=Outcome.FAILED, reason=undone.reason)
        await self._patiently(lambda: self._tell(hand, undone))

    async def _drop(self, hand: _Hand, drafts: Drafts) -> None:
        """Clear up after work that was taken away; the fact changes nothing any more and brings the event along."""
        _log.info("an export was taken away while it was made")
        await drafts.remove()
        if hand.record is not None:
            hand.record = replace(hand.record, outcome=Outcome.CANCELLED, reason="EXPORT_TAKEN_AWAY")
        await self._patiently(lambda: self._tell(hand, GivenBack(hand.fence)))

    async def _tell(self, hand: _Hand, fact: Fact, deed: Deed | None = None) -> ExportRow:
        """Bring the fact and the event of the work into the record, in one transaction."""
        record = hand.record
        if record is not None and isinstance(fact, GivenBack):
            record = replace(record, outcome=Outcome.CANCELLED)
        events = [] if record is None else [attempt_message(hand.id, record)]
        spread = random.random()  # noqa: S311  # jitter, not a secret
        row = await self._store.apply(hand.id, fact, now=self._clock.now(), spread=spread, deed=deed, tell=events)
        if record is not None:
            report_stage(record)
        return row

    async def _patiently(self, tell: Callable[[], Awaitable[ExportRow]]) -> ExportRow:
        """Try again while the database or the object store is away: what was made is worth some patience."""
        deadline = self._clock.monotonic_ns() + int(_STORE_SECONDS * 1e9)
        while True:
            try:
                return await tell()
            except (UpstreamUnavailable, StaleWrite, DeadlineExceeded):
                if self._clock.monotonic_ns() >= deadline:
                    raise
                await asyncio.sleep(_STORE_PAUSE_SECONDS)

    async def _keep(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(self._keep_seconds)
            await delivery.keep()
