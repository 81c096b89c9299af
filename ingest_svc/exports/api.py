"""ExportService over gRPC: decode, decide who is asking, call, encode."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from google.api import httpbody_pb2

from chassis.core.clock import Clock
from chassis.core.errors import NotFound
from chassis.io.blobs import BlobStore
from chassis.io.identity import require_user
from heimdex.ingest.v1 import export_pb2, export_service_pb2_grpc
from heimdex.ingest.v1 import export_service_pb2 as api
from ingest_svc.adapters.export_library_store import ExportLibraryStore
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.domain.exports.facts import CancelRequested, RetryRequested
from ingest_svc.domain.exports.values import ExportState
from ingest_svc.exports.asking import Asking
from ingest_svc.exports.codec import (
    export_message,
    options_from,
    preview_message,
    quota_message,
    segments_from,
    state_from,
)
from ingest_svc.exports.proposals import Proposer
from ingest_svc.exports.record import ExportRow, beside_key
from ingest_svc.pages import check_page_size, read_video_token, write_video_token
from ingest_svc.watchers import Watchers

__all__ = ["ExportApi"]

_MAX_PAGE = 200
_WATCH_SAFETY_SECONDS = 5.0
_CAPTION_TYPES = {
    "captions.srt": ("srt", "application/x-subrip; charset=utf-8"),
    "captions.vtt": ("vtt", "text/vtt; charset=utf-8"),
}


class ExportApi(export_service_pb2_grpc.ExportServiceServicer):
    """The exports of the calling user; those of others do not exist here."""

    def __init__(
        self,
        *,
        asking: Asking,
        exports: ExportStore,
        library: ExportLibraryStore,
        proposer: Proposer,
        blobs: BlobStore,
        watchers: Watchers,
        clock: Clock,
        media_secret: str,
    ) -> None:
        self._asking = asking
        self._exports = exports
        self._library = library
        self._proposer = proposer
        self._blobs = blobs
        self._watchers = watchers
        self._clock = clock
        self._secret = media_secret

    async def CreateExport(self, request: api.CreateExportRequest, _context: Any) -> api.CreateExportResponse:  # noqa: N802  # gRPC names the methods
        """Take a wish for a clip; the answer comes at once."""
        owner, options = require_user().user_id, options_from(request)
        segments = segments_from(request)
        if request.validate_only:
            planned = await self._asking.preview(owner, request.scene, segments, options)
            return api.CreateExportResponse(export=preview_message(planned.export, planned.order))
        row = await self._asking.ask(owner, request.request_id, request.scene, segments, options)
        return api.CreateExportResponse(export=self._shown(self._living(row)))

    async def GetExport(self, request: api.GetExportRequest, _context: Any) -> api.GetExportResponse:  # noqa: N802
        """Return one export."""
        return api.GetExportResponse(export=self._shown(await self._get(request.export)))

    async def ListExports(self, request: api.ListExportsRequest, _context: Any) -> api.ListExportsResponse:  # noqa: N802
        """Return a page of exports, newest first; those that have expired say so."""
        size = check_page_size(request.page_size, default=50, largest=_MAX_PAGE)
        rows = await self._library.page(
            require_user().user_id,
            state=state_from(request.status),
            scene_id=request.scene,
            video_id=request.video,
            after=read_video_token(request.page_token),
            limit=size + 1,
        )
        last = rows[size - 1].export if len(rows) > size else None
        token = write_video_token(last.created_at, last.id) if last else ""
        shown = [self._shown(self._as_of_now(row)) for row in rows[:size]]
        return api.ListExportsResponse(exports=shown, next_page_token=token)

    async def CancelExport(self, request: api.CancelExportRequest, _context: Any) -> api.CancelExportResponse:  # noqa: N802
        """Stop an export; one that has ended stays as it is."""
        owner = (await self._get(request.export)).export.owner_id
        row = await self._exports.apply(request.export, CancelRequested(), now=self._clock.now(), owner_id=owner)
        return api.CancelExportResponse(export=self._shown(row))

    async def RetryExport(self, request: api.RetryExportRequest, _context: Any) -> api.RetryExportResponse:  # noqa: N802
        """Try a failed or cancelled export again."""
        owner = (await self._get(request.export)).export.owner_id
        row = await self._exports.apply(request.export, RetryRequested(), now=self._clock.now(), owner_id=owner)
        return api.RetryExportResponse(export=self._shown(row))

    async def DeleteExport(self, request: api.DeleteExportRequest, _context: Any) -> api.DeleteExportResponse:  # noqa: N802
        """Remove an export; the sweep removes its files."""
        await self._exports.delete(require_user().user_id, request.export, now=self._clock.now())
        return api.DeleteExportResponse()

    async def WatchExport(  # noqa: N802
        self, request: api.WatchExportRequest, _context: Any
    ) -> AsyncIterator[api.WatchExportResponse]:
        """Yield the export now and after every change, until it has ended."""
        version = 0
        with self._watchers.watching(request.export) as changed:
            while True:
                changed.clear()
                row = await self._get(request.export)
                if row.version != version:
                    version = row.version
                    yield api.WatchExportResponse(export=self._shown(row))
                if row.export.state.is_terminal:
                    return
                try:
                    async with asyncio.timeout(_WATCH_SAFETY_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    continue

    async def DownloadCaptions(  # noqa: N802
        self, request: api.DownloadCaptionsRequest, _context: Any
    ) -> httpbody_pb2.HttpBody:
        """Return the captions of a finished export as a file."""
        row = await self._get(request.export)
        if request.file not in _CAPTION_TYPES:
            raise NotFound("there is no such file", reason="FILE_NOT_FOUND")
        is_made = row.export.state is ExportState.COMPLETED and row.result is not None
        if not (is_made and row.result and row.result.has_captions):
            raise NotFound("the export has no captions", reason="CAPTIONS_NOT_FOUND")
        kind, content_type = _CAPTION_TYPES[request.file]
        content = await self._blobs.get(beside_key(row.order.storage_path, kind))
        return httpbody_pb2.HttpBody(content_type=content_type, data=content)

    async def GetExportQuota(self, _request: api.GetExportQuotaRequest, _context: Any) -> api.GetExportQuotaResponse:  # noqa: N802
        """Return what the caller has used of the last 24 hours."""
        return quota_message(await self._exports.quota(require_user().user_id, now=self._clock.now()))

    async def ProposeShorts(self, request: api.ProposeShortsRequest, _context: Any) -> api.ProposeShortsResponse:  # noqa: N802
        """Return the stretches of a video that would make shorts, best first."""
        return await self._proposer.propose(require_user().user_id, request)

    async def _get(self, export_id: str) -> ExportRow:
        return self._living(await self._library.get(require_user().user_id, export_id))

    def _living(self, row: ExportRow) -> ExportRow:
        """Insist that the time of an export is not over, whether or not the sweep has come by (R-EXP-11)."""
        if row.export.state is ExportState.EXPIRED or self._clock.now() >= row.export.expires_at:
            raise NotFound("the export has expired; ask for it again", reason="EXPORT_EXPIRED")
        return row

    def _as_of_now(self, row: ExportRow) -> ExportRow:
        """Return an export whose time is over as what it is about to be."""
        if row.export.is_open or self._clock.now() < row.export.expires_at:
            return row
        return replace(row, export=replace(row.export, state=ExportState.EXPIRED))

    def _shown(self, row: ExportRow) -> export_pb2.Export:
        return export_message(row, self._secret, self._clock.now())
