"""Tells metrics_svc of the videos that it may not know: those from before it could be told, and those told long ago."""

from datetime import timedelta

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError
from chassis.io import logs
from chassis.io.concurrently import pause
from ingest_svc.adapters.report_store import ReportStore

__all__ = ["TELL_AGAIN_AFTER", "VideoTeller"]

TELL_AGAIN_AFTER = timedelta(days=20)
"""The stream of what is told forgets after 30 days; so it always tells of everything there is."""
_log = logs.get_logger(__name__)
_BATCH = 100
_BREATH_SECONDS = 0.5
"""Between two batches: work that users wait for goes through the same outbox."""
_IDLE_SECONDS = 600.0


class VideoTeller:
    """Goes through all videos, a hundred at a time; changes tell of themselves and need no teller."""

    def __init__(self, store: ReportStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            try:
                told = await self._store.tell_videos(self._clock.now() - TELL_AGAIN_AFTER, _BATCH)
            except HeimdexError as error:
                _log.warning("metrics_svc could not be told of videos; trying again", error=str(error))
                told = _BATCH
            await pause(_BREATH_SECONDS if told == _BATCH else _IDLE_SECONDS)
