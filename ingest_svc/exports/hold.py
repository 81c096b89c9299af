"""A worker's hold on an export: it shows that it is at it, tells how far it is, and ends the work when it is lost."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError
from chassis.io import logs
from chassis.io.concurrently import all_of
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.watchers import Watchers

__all__ = ["Hold", "LostHold"]

_log = logs.get_logger(__name__)
_BEAT_SECONDS = 1.0
T = TypeVar("T")


class LostHold(Exception):
    """The export was cancelled, has ended, or is somebody else's."""


class Hold:
    """The hold on one hand-out of one export."""

    def __init__(self, store: ExportStore, watchers: Watchers, clock: Clock, export_id: str, fence: int) -> None:
        self._store = store
        self._watchers = watchers
        self._clock = clock
        self._id = export_id
        self._fence = fence
        self._progress = 0.0
        self._is_over = False

    def note(self, progress: float) -> None:
        """Take in how far the work is, 0 to 1; it is stored once a second."""
        self._progress = min(1.0, max(self._progress, progress))

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work while the hold lasts.

        Raises:
            LostHold: it was lost; the work has been cancelled and is over.
        """
        with self._watchers.watching(self._id) as changed:
            results = await all_of(self._working(work, changed), self._beating(changed))
        return results[0]  # type: ignore[return-value]  # the first of the two

    async def _working(self, work: Coroutine[Any, Any, T], changed: asyncio.Event) -> T | None:
        try:
            return await work
        finally:
            self._is_over = True
            changed.set()

    async def _beating(self, changed: asyncio.Event) -> None:
        """Show that somebody is at it once a second; look at once when the export has changed."""
        loop = asyncio.get_running_loop()
        next_beat = loop.time() + _BEAT_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_beat):
                    await changed.wait()
            if self._is_over:
                return
            changed.clear()
            is_due = loop.time() >= next_beat
            if is_due:
                next_beat = loop.time() + _BEAT_SECONDS
            if not await self._is_mine(beats=is_due):
                raise LostHold

    async def _is_mine(self, *, beats: bool) -> bool:
        try:
            if beats:
                return await self._store.beat(self._id, self._fence, self._progress, now=self._clock.now())
            return await self._store.is_held(self._id, self._fence)
        except HeimdexError as error:
            _log.warning("the progress of an export could not be stored", error=str(error))
            return True
