"""The four stages this service does: downloading, metadata, scene_detection, finalizing."""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from chassis.core.errors import Corruption, NotFound
from chassis.core.mediatime import TimeSpan
from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore, generation_key
from chassis.io.results import load_input
from chassis.io.stage import StageSpan
from heimdex.common.v1 import blob_pb2, media_time_pb2
from heimdex.ingest.v1 import work_pb2
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.keyframes import Scene
from ingest_svc.domain.media_report import SceneOptions
from ingest_svc.scratch import scratch_folder
from ingest_svc.work_codec import facts_from, media_info_message, scene_row

__all__ = ["MediaParts", "StageHandlers"]


@dataclass(frozen=True, slots=True)
class MediaParts:
    """What the media stages work with."""

    sandbox: MediaSandbox
    scratch: Path
    options: SceneOptions

    @property
    def detector(self) -> str:
        """The detector and its settings, as recorded with its result."""
        return f"content threshold={self.options.threshold} min={self.options.min_shot_seconds}s"


class StageHandlers:
    """Each handler loads, works, stores what is large, and returns the result; all may run twice."""

    def __init__(self, blobs: BlobStore, library: LibraryStore, media: MediaParts) -> None:
        self._blobs = blobs
        self._library = library
        self._media = media

    async def download(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:
        """Verify that the object store holds the source whole: size and SHA-256 (R-ING-02).

        Raises:
            NotFound: the object is gone.
            Corruption: it is not what was uploaded.
        """
        digest, size = hashlib.sha256(), 0
        try:
            async for piece in self._blobs.stream(work.source.key):
                digest.update(piece)
                size += len(piece)
        except NotFound as error:
            raise NotFound("the source file is gone; upload it again", reason="SOURCE_MISSING") from error
        span.bytes_read = size
        if size != work.source.size_bytes:
            raise Corruption(
                f"the source has {size} of {work.source.size_bytes} bytes; upload it again", reason="OBJECT_TRUNCATED"
            )
        if digest.hexdigest() != work.source.sha256:
            raise Corruption("the source is not what was uploaded; upload it again", reason="OBJECT_CHANGED")
        return work_pb2.StageResult(download=work_pb2.DownloadOutput(source=work.source))

    async def probe(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:
        """Read the facts about the file and extract its sound.

        Raises:
            UnreadableMedia: the file can not be used; the reason says why.
        """
        async with self._source(work) as (path, folder):
            probed = await self._media.sandbox.probe(path, folder)
            facts = probed.facts
            span.bytes_read, span.video_duration_ns = facts.size_bytes, facts.duration_ns
            info = media_info_message(facts, work.filename)
            output = work_pb2.MetadataOutput(
                media_info=info,
                duration_ns=facts.duration_ns,
                video_stream_index=facts.video.index if facts.video else None,
            )
            if probed.audio is not None:
                output.audio.CopyFrom(await self._keep(work, probed.audio.path, probed.audio.path.name))
        ended = work_pb2.StageEnded(media_info=info, duration_of_video_ns=facts.duration_ns)
        return work_pb2.StageResult(ended=ended, metadata=output)

    async def detect_scenes(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:
        """Find the shots and leave keyframes and thumbnails: one decode pass.

        Raises:
            UnreadableMedia: nothing can be decoded.
        """
        async with self._source(work) as (path, folder):
            facts = facts_from((await load_input(self._blobs, work, Stage.METADATA)).metadata, work.source.size_bytes)
            found = await self._media.sandbox.detect_scenes(path, folder, facts, options=self._media.options)
            span.items, span.bytes_read = found.frames or None, path.stat().st_size
            shots = [await self._shot(work, folder, scene) for scene in found.scenes]
        output = work_pb2.SceneDetectionOutput(
            shots=shots, detector=self._media.detector, decode_errors=found.decode_errors, frame_count=found.frames
        )
        return work_pb2.StageResult(scene_detection=output)

    async def finalize(self, work: work_pb2.StageWork, span: StageSpan) -> work_pb2.StageResult:
        """Turn what was found into rows; what comes after is `ready`.

        Raises:
            Corruption: fewer moments are searchable than were made.
        """
        described = await load_input(self._blobs, work, Stage.SCENE_PROCESSING)
        moments = described.moments.moments
        searchable = (await load_input(self._blobs, work, Stage.INDEXING)).indexing.searchable_moments
        if searchable != len(moments):
            raise Corruption(f"{searchable} of {len(moments)} moments are searchable", reason="INDEX_INCOMPLETE")
        shots = (await load_input(self._blobs, work, Stage.SCENE_DETECTION)).scene_detection.shots
        transcript = (await load_input(self._blobs, work, Stage.TRANSCRIPTION)).transcription
        made_at = described.ended.finished_at.ToDatetime(tzinfo=UTC)
        rows = [scene_row(m.scene, span=_span(shot), at=made_at) for m, shot in zip(moments, shots, strict=True)]
        await self._library.store_findings(
            video_id=work.video_id,
            owner_id=work.owner_id,
            generation=work.generation,
            scenes=rows,
            transcript=transcript.SerializeToString(),
            language=transcript.language,
            thumbnail_key=next((m.scene.thumbnail_key for m in moments if m.scene.thumbnail_key), ""),
        )
        span.items = len(rows)
        return work_pb2.StageResult()

    @asynccontextmanager
    async def _source(self, work: work_pb2.StageWork) -> AsyncIterator[tuple[Path, Path]]:
        """Lend the source as a file with a name of our own, and a folder to work in; both are removed afterwards."""
        with scratch_folder(self._media.scratch, f"{work.video_id}-") as folder:
            path = folder / "source"
            local = self._blobs.local_path(work.source.key)
            try:
                if local is not None:
                    os.link(local, path) if _same_device(local, folder) else shutil.copyfile(local, path)
                else:
                    await self._fetch(work.source.key, path)
                yield path, folder
            except FileNotFoundError as error:
                raise NotFound("the source file is gone; upload it again", reason="SOURCE_MISSING") from error

    async def _fetch(self, key: str, path: Path) -> None:
        with path.open("wb") as sink:
            async for piece in self._blobs.stream(key):
                sink.write(piece)

    async def _shot(self, work: work_pb2.StageWork, folder: Path, scene: Scene) -> work_pb2.Shot:
        keyframes = [
            work_pb2.Keyframe(
                at_ns=frame.at_ns, image=await self._keep(work, folder / frame.file_name, "keyframes", frame.file_name)
            )
            for frame in scene.keyframes
        ]
        small = scene.thumbnail
        return work_pb2.Shot(
            span=media_time_pb2.MediaSpan(start_ns=scene.span.start_ns, end_ns=scene.span.end_ns),
            keyframes=keyframes,
            thumbnail=await self._keep(work, folder / small.file_name, "thumbnails", small.file_name)
            if small
            else None,
        )

    async def _keep(self, work: work_pb2.StageWork, path: Path, *parts: str) -> blob_pb2.BlobRef:
        key = generation_key(work.owner_id, work.video_id, work.generation, *parts)
        return blob_pb2.BlobRef(key=key, size_bytes=await self._blobs.put_file(key, path))


def _span(shot: work_pb2.Shot) -> TimeSpan:
    return TimeSpan(shot.span.start_ns, shot.span.end_ns)


def _same_device(local: Path, folder: Path) -> bool:
    return local.stat().st_dev == folder.stat().st_dev
