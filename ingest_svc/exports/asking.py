"""Asking for an export: everything that can be known now is checked now, and only then it is stored."""

import uuid
from dataclasses import dataclass

from chassis.core.clock import Clock
from chassis.core.errors import FieldViolation, InvalidInput, NotReady
from chassis.core.ids import derived_id
from chassis.io.blobs import BlobStore
from heimdex.ingest.v1 import video_pb2
from ingest_svc.adapters.export_library_store import ExportLibraryStore
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.domain.exports.facts import Outgoing
from ingest_svc.domain.exports.rules import (
    Limits,
    Segment,
    VideoFacts,
    check_cuts,
    check_request,
    check_span,
    check_video,
)
from ingest_svc.domain.exports.state import Export, ask
from ingest_svc.domain.exports.values import Cut, Options, encoding_of
from ingest_svc.domain.video import VideoState
from ingest_svc.exports.record import ExportRow, Order, SourceRow, digest_of, media_key

__all__ = ["Asking", "Planned"]

_MAX_REQUEST_ID = 128


@dataclass(frozen=True, slots=True)
class Planned:
    """An export before it is stored."""

    export: Export
    order: Order
    out: tuple[Outgoing, ...]


class Asking:
    """Where exports begin."""

    def __init__(
        self, *, exports: ExportStore, library: ExportLibraryStore, blobs: BlobStore, clock: Clock, limits: Limits
    ) -> None:
        self._exports = exports
        self._library = library
        self._blobs = blobs
        self._clock = clock
        self._limits = limits

    async def ask(
        self, owner_id: str, request_id: str, scene: str, segments: tuple[Segment, ...], options: Options
    ) -> ExportRow:
        """Store what was asked for, or return the export of the same request.

        Raises:
            InvalidInput, NotFound, NotReady: what was asked for can not be made; the reason says why.
            AlreadyExists: something else was asked for under this request_id.
            Overloaded: the quota is used up.
        """
        wanted = _checked(request_id, scene, segments)
        known = await self._exports.find_request(owner_id, request_id, digest_of(wanted, options))
        if known is not None:
            return known
        planned = await self._planned(owner_id, request_id, wanted, options)
        return await self._exports.create(planned.export, planned.order, planned.out)

    async def preview(self, owner_id: str, scene: str, segments: tuple[Segment, ...], options: Options) -> Planned:
        """Check the same and store nothing.

        Raises:
            HeimdexError: as `ask`.
        """
        planned = await self._planned(owner_id, "", _checked("", scene, segments), options)
        now = self._clock.now()
        (await self._exports.quota(owner_id, now=now)).check(now)
        return planned

    async def _planned(self, owner_id: str, request_id: str, wanted: tuple[Segment, ...], options: Options) -> Planned:
        cuts = await self._cuts(owner_id, wanted)
        check_cuts(cuts, self._limits)
        export_id = derived_id("e", owner_id, request_id or uuid.uuid4().hex, "named" if request_id else "drawn")
        export, out = ask(export_id=export_id, owner_id=owner_id, at=self._clock.now(), lives=self._limits.lives)
        size = encoding_of(options.ratio, options.quality).size
        order = Order(
            cuts=cuts,
            options=options,
            request_id=request_id,
            request_digest=digest_of(wanted, options),
            resolution=f"{size.width}x{size.height}",
            storage_path=media_key(owner_id, export_id),
        )
        return Planned(export, order, out)

    async def _cuts(self, owner_id: str, wanted: tuple[Segment, ...]) -> tuple[Cut, ...]:
        lengths: dict[str, int] = {}
        cuts = []
        for number, segment in enumerate(wanted):
            scene = await self._library.scene(owner_id, segment.scene_id) if segment.scene_id else None
            video = scene.video_id if scene else segment.video_id
            if video not in lengths:
                lengths[video] = await self._length(owner_id, video)
            span = scene.span if scene else check_span(segment, number, lengths[video])
            cuts.append(Cut(video, span, segment.scene_id))
        return tuple(cuts)

    async def _length(self, owner_id: str, video_id: str) -> int:
        """Return the length of a video that can be cut and whose file is there (R-ING-17)."""
        source = await self._library.source(owner_id, video_id)
        length = check_video(_facts(video_id, source))
        if not source.source_key or not await self._blobs.exists(source.source_key):
            raise NotReady(
                "the source file of the video is gone; upload it again",
                reason="SOURCE_MISSING",
                metadata={"video": video_id},
            )
        return length


def _facts(video_id: str, source: SourceRow) -> VideoFacts:
    info = video_pb2.MediaInfo.FromString(source.media_info)
    return VideoFacts(
        id=video_id,
        is_ready=source.state == VideoState.READY,
        duration_ns=source.duration_ns,
        has_pictures=bool(info.video_codec),
    )


def _checked(request_id: str, scene: str, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    if len(request_id) > _MAX_REQUEST_ID or "\0" in request_id:
        text = f"must have at most {_MAX_REQUEST_ID} characters and no NUL"
        raise InvalidInput(f"request_id {text}", violations=(FieldViolation("request_id", text),))
    return check_request(scene, segments)
