"""Removing a video: its rows first, then objects and vectors; a crash in between leaves nothing that users can see."""

from collections.abc import Callable

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError
from chassis.io import logs
from chassis.io.blobs import BlobStore, video_prefix
from ingest_svc.adapters.index_client import IndexClient
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.exports.ending import ExportsOfVideos
from ingest_svc.work_codec import forget_message

__all__ = ["Deletion"]

_log = logs.get_logger(__name__)


class Deletion:
    """Removes rows, objects and vectors of a video (R-STO-05)."""

    def __init__(
        self,
        library: LibraryStore,
        blobs: BlobStore,
        index: IndexClient,
        clock: Clock,
        *,
        exports: ExportsOfVideos | None = None,
        on_removed: Callable[[str], None] = lambda _video: None,
    ) -> None:
        """`exports` ends what can not be made any more; `on_removed` hears of every video whose objects have gone."""
        self._library = library
        self._blobs = blobs
        self._index = index
        self._clock = clock
        self._exports = exports
        self._on_removed = on_removed

    async def delete(self, owner_id: str, video_id: str) -> None:
        """Remove a video; the index forgets it before this returns if it answers, and in any case soon after.

        Raises:
            NotFound: there is none of that id, or it is not the owner's.
        """
        await self._library.delete_video(owner_id, video_id, [forget_message(video_id, owner_id, self._clock.now())])
        if self._exports is not None:
            await self._exports.end(owner_id, video_id)
        try:
            await self._index.forget_video(owner_id, video_id)
        except HeimdexError as error:
            _log.warning(
                "the index did not forget a video at once; its work queue will", video_id=video_id, error=str(error)
            )
        removed = await self._blobs.delete_prefix(video_prefix(owner_id, video_id))
        self._on_removed(video_id)
        _log.info("a video was removed", video_id=video_id, objects=removed)
