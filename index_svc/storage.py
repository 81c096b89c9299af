"""Measures what the search index takes on the disk, and tells metrics_svc (R-AD3-03). A server measures itself."""

import asyncio
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError, UpstreamUnavailable
from chassis.core.subjects import stage_subject
from chassis.io import logs
from chassis.io.concurrently import pause
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.stage import timestamp
from heimdex.metrics.v1 import storage_measured_pb2

__all__ = ["IndexScanner", "bytes_below"]

_log = logs.get_logger(__name__)
_SOON_SECONDS = 2.0
_TELL_AGAIN_AFTER = timedelta(days=20)
"""The stream of what is told forgets after 30 days."""


def bytes_below(folder: Path) -> int:
    """Return the sum of the lengths of the files below a folder in bytes, as `du` counts them; blocks.

    A file that goes away meanwhile counts nothing.
    """
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


class IndexScanner:
    """Counts the files of a local index now and then, and tells when their sum has changed."""

    def __init__(self, folder: Path, bus: Bus, clock: Clock, *, period_seconds: float) -> None:
        self._folder = folder
        self._bus = bus
        self._clock = clock
        self._period_seconds = period_seconds
        self._told: tuple[int, datetime] | None = None

    async def run(self) -> None:
        """Measure, soon and then once per period, until cancelled."""
        await pause(min(_SOON_SECONDS, self._period_seconds))
        while True:
            try:
                await self.scan()
            except HeimdexError as error:
                _log.warning("the search index could not be measured; trying again", error=str(error))
            await pause(self._period_seconds)

    async def scan(self) -> None:
        """Measure once.

        Raises:
            UpstreamUnavailable: the folder can not be read, or the broker does not answer.
        """
        at = self._clock.now()
        try:
            size = await asyncio.to_thread(bytes_below, self._folder)
            disk = await asyncio.to_thread(shutil.disk_usage, self._folder)
        except OSError as error:
            raise UpstreamUnavailable(
                "the folder of the search index can not be read", reason="INDEX_FAILED"
            ) from error
        if self._told is None or size != self._told[0] or self._told[1] < at - _TELL_AGAIN_AFTER:
            await self._bus.publish(_measured(size, at))
            self._told = size, at
        await self._bus.publish(_scanned(at, disk.free, disk.total))


def _measured(size: int, at: datetime) -> Outgoing:
    event = storage_measured_pb2.StorageMeasured(
        measured_at=timestamp(at), stored=[storage_measured_pb2.StoredBytes(kind="index", bytes=size)]
    )
    return Outgoing(
        stage_subject("index", "storage_measured", "none"),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"stored/index/{at.isoformat()}",
    )


def _scanned(at: datetime, free: int, total: int) -> Outgoing:
    event = storage_measured_pb2.StoreScanned(
        store="index", scanned_at=timestamp(at), free_bytes=free, total_bytes=total
    )
    return Outgoing(
        stage_subject("index", "store_scanned", "index"),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"scanned/index/{at.isoformat()}",
    )
