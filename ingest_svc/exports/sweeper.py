"""Keeps two promises: no export stays open without somebody at it, and nothing of an export outlives its time."""

from datetime import timedelta

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError, NotFound, UpstreamUnavailable
from chassis.io import logs
from chassis.io.blobs import BlobStore
from chassis.io.concurrently import pause
from chassis.io.jetstream import Bus
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.adapters.export_sweep_store import ExportSweepStore, HeldExport, OverdueExport
from ingest_svc.domain.exports.facts import Lost, TimePassed
from ingest_svc.domain.exports.rules import QUOTA_WINDOW
from ingest_svc.exports.drafts import remove_objects

__all__ = ["ExportSweeper"]

_log = logs.get_logger(__name__)
_KEEP_EXPIRED = timedelta(days=30)


class ExportSweeper:
    """Hands out again what was lost, ends what is out of time, removes files, forgets what is long over."""

    def __init__(
        self,
        *,
        store: ExportStore,
        sweeps: ExportSweepStore,
        bus: Bus,
        blobs: BlobStore,
        clock: Clock,
        overdue_seconds: float,
        period_seconds: float,
    ) -> None:
        self._store = store
        self._sweeps = sweeps
        self._bus = bus
        self._blobs = blobs
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
                _log.warning("the sweep of exports could not be finished; trying again", error=str(error))

    async def sweep(self) -> None:
        """Sweep once."""
        now = self._clock.now()
        for export_id in await self._sweeps.out_of_time(now):
            await self._end(export_id)
        for one in await self._sweeps.overdue(now - self._overdue):
            if await self._is_lost(one):
                _log.warning("an export was lost and is handed out again", export_id=one.id, fence=one.fence)
                await self._store.apply(one.id, Lost(one.fence), now=self._clock.now())
        while await self._sweeps.empty_one(self._remove):
            pass
        await self._sweeps.purge(expired_before=now - _KEEP_EXPIRED, deleted_before=now - QUOTA_WINDOW)

    async def _end(self, export_id: str) -> None:
        """End an export whose time is over: an open one fails first, and so has its reason, and then expires."""
        try:
            row = await self._store.apply(export_id, TimePassed(), now=self._clock.now())
            if row.export.reason == "EXPORT_TIMED_OUT":
                await self._store.apply(export_id, TimePassed(), now=self._clock.now())
        except NotFound:
            return  # forgotten meanwhile

    async def _remove(self, held: HeldExport) -> None:
        await remove_objects(self._blobs, held.id, held.storage_path)

    async def _is_lost(self, one: OverdueExport) -> bool:
        if one.msg_id is None:
            return True
        if one.published_at is None or one.stream_sequence is None:
            return False  # the outbox still has it
        try:
            return not await self._bus.holds("HEIMDEX_WORK", one.stream_sequence, one.msg_id)
        except UpstreamUnavailable:
            return False
