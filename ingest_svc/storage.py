"""Measures what the object store holds, of which video and kind, and tells metrics_svc what changed (R-AD3-03).

All of it is listed now and then; one video is as soon as its run has ended or it was removed. The files themselves are
counted, not what was meant to be written, so the sum is what `du` says.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError
from chassis.io import logs
from chassis.io.blobs import BlobStore, video_prefix
from chassis.io.concurrently import pause
from chassis.io.jetstream import Bus
from ingest_svc.adapters.report_store import ReportStore, StoredExport
from ingest_svc.domain.stored import NO_VIDEO, Holding, Inventory, export_of
from ingest_svc.reports import scanned_message
from ingest_svc.telling import TELL_AGAIN_AFTER

__all__ = ["StorageScanner"]

_log = logs.get_logger(__name__)
_BATCH = 100
_BREATH_SECONDS = 0.2
"""After a batch that had something to tell: work that users wait for goes through the same outbox."""
_SOON_SECONDS = 2.0
_SETTLE_SECONDS = 1.0
"""From the last change of a video to its measurement."""


class StorageScanner:
    """Lists the store and tells the differences; several at once tell nothing twice that matters."""

    def __init__(self, store: ReportStore, blobs: BlobStore, bus: Bus, clock: Clock, *, period_seconds: float) -> None:
        self._store = store
        self._blobs = blobs
        self._bus = bus
        self._clock = clock
        self._period_seconds = period_seconds
        self._touched: set[str] = set()
        self._is_touched = asyncio.Event()

    def touch(self, video_id: str) -> None:
        """Say that a video has changed or gone; its bytes are measured soon, unless it is still in work."""
        if video_id:
            self._touched.add(video_id)
            self._is_touched.set()

    async def run(self) -> None:
        """Measure everything, soon and then once per period, until cancelled."""
        await pause(min(_SOON_SECONDS, self._period_seconds))
        while True:
            try:
                await self.scan()
            except HeimdexError as error:
                _log.warning("the object store could not be measured; trying again", error=str(error))
            await pause(self._period_seconds)

    async def follow(self) -> None:
        """Measure the videos that were touched, until cancelled."""
        while True:
            await self._is_touched.wait()
            await pause(_SETTLE_SECONDS)
            touched, self._touched = self._touched, set()
            self._is_touched.clear()
            try:
                await self.measure(sorted(touched))
            except HeimdexError as error:
                _log.warning("videos could not be measured; the next scan will", error=str(error))

    async def scan(self) -> None:
        """Measure everything once."""
        began_at = self._clock.now()
        found = Inventory()
        await self._list(found)
        owners = await self._owners(found.video_ids)
        if strange := found.unknown(owners):
            for prefix in strange:  # registered or removed since it was listed, or nobody's
                found.without(prefix)
                await self._list(found, prefix)
            owners = await self._owners(found.video_ids)
        exports = {export: one.holder for export, one in (await self._store.exports(None)).items()}
        holdings = found.holdings(owners, began_at, exports)
        here = {holding.video_id for holding in holdings}
        stored = await self._store.stored_videos(None)
        holdings += [Holding(video, owner, {}) for video, owner in stored.items() if video not in here]
        await self._tell(holdings, began_at)
        disk = await asyncio.to_thread(self._blobs.disk)
        await self._bus.publish(scanned_message(began_at, disk))

    async def measure(self, video_ids: Sequence[str]) -> None:
        """Measure some videos, those whose run is over or that are gone."""
        for start in range(0, len(video_ids), _BATCH):
            began_at = self._clock.now()
            known = await self._store.known(video_ids[start : start + _BATCH])
            stored = await self._store.stored_videos(video_ids[start : start + _BATCH])
            owners = stored | {video: one.owner_id for video, one in known.items()}
            over = [video for video in owners if video not in known or not known[video].is_open]
            exports = await self._store.exports(over)
            await self._tell([await self._holding(video, owners[video], exports) for video in over], began_at)

    async def _holding(self, video_id: str, owner_id: str, exports: Mapping[str, StoredExport]) -> Holding:
        mine = {export: one for export, one in exports.items() if one.holder.video_id == video_id}
        found = Inventory()
        await self._list(found, video_prefix(owner_id, video_id))
        for folder in {one.storage_path.rpartition("/")[0] for one in mine.values()}:
            async for one in self._blobs.list_objects(folder):
                if export_of(one.key) in mine:
                    found.add(one.key, one.size_bytes, one.modified_at)
        holders = {export: one.holder for export, one in mine.items()}
        holdings = found.holdings({video_id: owner_id}, self._clock.now(), holders)
        return next((one for one in holdings if one.video_id != NO_VIDEO), Holding(video_id, owner_id, {}))

    async def _list(self, found: Inventory, prefix: str = "") -> None:
        async for one in self._blobs.list_objects(prefix):
            found.add(one.key, one.size_bytes, one.modified_at)

    async def _owners(self, video_ids: Iterable[str]) -> dict[str, str]:
        return {video: one.owner_id for video, one in (await self._store.known(list(video_ids))).items()}

    async def _tell(self, holdings: Sequence[Holding], measured_at: datetime) -> None:
        for start in range(0, len(holdings), _BATCH):
            changed = await self._store.tell_stored(
                holdings[start : start + _BATCH],
                measured_at=measured_at,
                now=self._clock.now(),
                tell_before=measured_at - TELL_AGAIN_AFTER,
            )
            if changed and len(holdings) > _BATCH:
                await pause(_BREATH_SECONDS)
