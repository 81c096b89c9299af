"""The videos of an export on the local disk: their files, their facts, and what is said in them."""

import asyncio
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chassis.core.errors import Corruption, NotFound
from chassis.io.blobs import BlobStore
from heimdex.ingest.v1 import video_pb2
from ingest_svc.adapters.export_library_store import ExportLibraryStore
from ingest_svc.domain.exports.values import SpokenWord
from ingest_svc.domain.probe import MediaFacts
from ingest_svc.exports.record import SourceRow
from ingest_svc.exports.speech import spoken_words

__all__ = ["Outliner", "Source", "Sources"]


class Outliner(Protocol):
    """Knows the streams of a file."""

    async def outline(self, path: Path, out_dir: Path, info: video_pb2.MediaInfo, duration_ns: int) -> MediaFacts:
        """Return the facts about a file that was measured before.

        Raises:
            UnreadableMedia: it can not be opened.
            UpstreamUnavailable: try again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """One video; `silence` says why no words are known, empty when some are."""

    path: Path
    facts: MediaFacts
    words: tuple[SpokenWord, ...]
    silence: str


class Sources:
    """Lends videos to whoever makes exports."""

    def __init__(self, library: ExportLibraryStore, blobs: BlobStore, outliner: Outliner) -> None:
        self._library = library
        self._blobs = blobs
        self._outliner = outliner

    async def fetch(self, owner_id: str, video_ids: Iterable[str], folder: Path) -> dict[str, Source]:
        """Bring the files of some videos into a folder, each once; the caller removes them.

        Raises:
            NotFound: a video or its file has gone, `SOURCE_MISSING`.
            Corruption: a file is not as long as what was uploaded, `OBJECT_TRUNCATED`.
            UnreadableMedia: a file can not be opened.
            UpstreamUnavailable: the object store does not answer, or the disk is full; try again.
        """
        found: dict[str, Source] = {}
        for video_id in dict.fromkeys(video_ids):
            found[video_id] = await self._one(owner_id, video_id, folder, len(found))
        return found

    async def _one(self, owner_id: str, video_id: str, folder: Path, number: int) -> Source:
        path = folder / f"source_{number}"
        try:
            row = await self._library.source(owner_id, video_id)
            await self._bring(row.source_key, path)
        except (NotFound, FileNotFoundError) as error:
            raise NotFound(
                "the source file of the video is gone; upload it again",
                reason="SOURCE_MISSING",
                metadata={"video": video_id},
            ) from error
        size = path.stat().st_size
        if size != row.size_bytes:
            raise Corruption(
                f"the source has {size} of {row.size_bytes} bytes; upload it again", reason="OBJECT_TRUNCATED"
            )
        info = video_pb2.MediaInfo.FromString(row.media_info)
        facts = await self._outliner.outline(path, folder, info, row.duration_ns or 0)
        return Source(path, facts, *_speech(row))

    async def _bring(self, key: str, path: Path) -> None:
        """Link or copy an object to a name of our own."""
        local = self._blobs.local_path(key)
        if local is not None:
            await asyncio.to_thread(_link_or_copy, local, path)
            return
        with path.open("wb") as sink:
            async for piece in self._blobs.stream(key):
                sink.write(piece)


def _link_or_copy(local: Path, path: Path) -> None:
    if local.stat().st_dev == path.parent.stat().st_dev:
        os.link(local, path)
    else:
        shutil.copyfile(local, path)


def _speech(row: SourceRow) -> tuple[tuple[SpokenWord, ...], str]:
    if row.transcript is None:
        return (), "the video has no transcript"
    transcript = video_pb2.Transcript.FromString(row.transcript)
    words = spoken_words(transcript)
    if words:
        return words, ""
    return (), transcript.skipped_reason or "nothing is said in the video that can be trusted"
