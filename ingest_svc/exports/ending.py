"""What becomes of exports whose video is deleted: those under way fail, those that were made stay until they expire."""

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError
from chassis.io import logs
from ingest_svc.adapters.export_library_store import ExportLibraryStore
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.domain.exports.facts import SourceDeleted

__all__ = ["ExportsOfVideos"]

_log = logs.get_logger(__name__)


class ExportsOfVideos:
    """Ends exports that can not be made any more, with SOURCE_MISSING."""

    def __init__(self, store: ExportStore, library: ExportLibraryStore, clock: Clock) -> None:
        self._store = store
        self._library = library
        self._clock = clock

    async def end(self, owner_id: str, video_id: str) -> None:
        """End the exports of a video that was deleted; one that is missed here fails when its file is looked for."""
        try:
            for export_id in await self._library.open_of_video(owner_id, video_id):
                await self._store.apply(export_id, SourceDeleted(), now=self._clock.now())
        except HeimdexError as error:
            _log.warning("exports of a deleted video could not be ended at once", video_id=video_id, error=str(error))
