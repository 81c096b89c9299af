"""VideoService over gRPC: decode, decide who is asking, call, encode."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf.json_format import MessageToJson

from chassis.core.clock import Clock
from chassis.core.errors import FieldViolation, InvalidInput, NotFound, NotReady
from chassis.core.stages import PIPELINE, Stage
from chassis.io.identity import require_user
from chassis.io.stage import stage_from_proto, stage_to_proto, timestamp
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import (
    video_pb2,
    video_service_pb2,
    video_service_pb2_grpc,
)
from ingest_svc import subtitles
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.codec import job_messages, scene_message, state_from_proto, step_state_to_proto, video_message
from ingest_svc.deletion import Deletion
from ingest_svc.domain.advance import advance
from ingest_svc.domain.facts import CancelRequested, Fact, ReprocessRequested
from ingest_svc.metadata import metadata_change
from ingest_svc.pages import check_page_size, read_index_token, read_video_token, write_index_token, write_video_token
from ingest_svc.ports import TransitionRow, VideoRow
from ingest_svc.uploads import UploadFacts, Uploads
from ingest_svc.watchers import Watchers

__all__ = ["VideoApi"]

_Context = grpc.aio.ServicerContext[Any, Any]
_MAX_PAGE = 200
_MAX_SCENES = 1_000
_MAX_REPLAY = 1_000
_WATCH_SAFETY_SECONDS = 5.0


class VideoApi(video_service_pb2_grpc.VideoServiceServicer):
    """The library of the calling user."""

    def __init__(  # the parts it is made of
        self,
        *,
        library: LibraryStore,
        progress: ProgressStore,
        uploads: Uploads,
        deletion: Deletion,
        watchers: Watchers,
        clock: Clock,
        media_secret: str,
    ) -> None:
        self._library = library
        self._progress = progress
        self._uploads = uploads
        self._deletion = deletion
        self._watchers = watchers
        self._clock = clock
        self._secret = media_secret

    async def UploadVideo(
        self, request_iterator: AsyncIterator[video_service_pb2.UploadVideoRequest], context: _Context
    ) -> video_service_pb2.UploadVideoResponse:
        """Take a file in pieces."""
        owner = require_user().user_id
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("content") != "header":
            raise InvalidInput(
                "the first message must be the header", violations=(FieldViolation("header", "is required first"),)
            )
        header = first.header
        facts = UploadFacts(
            header.filename, header.mime_type, header.title, header.description, header.size_bytes, header.sha256
        )
        video = await self._uploads.take(owner, facts, _chunks(request_iterator))
        return video_service_pb2.UploadVideoResponse(video=await self._video(owner, video))

    async def GetVideo(
        self, request: video_service_pb2.GetVideoRequest, context: _Context
    ) -> video_service_pb2.GetVideoResponse:
        """Return one video."""
        return video_service_pb2.GetVideoResponse(video=await self._video(require_user().user_id, request.video))

    async def ListVideos(
        self, request: video_service_pb2.ListVideosRequest, context: _Context
    ) -> video_service_pb2.ListVideosResponse:
        """Return a page of videos, newest first."""
        size = check_page_size(request.page_size, default=50, largest=_MAX_PAGE)
        after = read_video_token(request.page_token)
        state = state_from_proto(request.state)
        rows = await self._library.list_videos(require_user().user_id, state=state, after=after, limit=size + 1)
        token = write_video_token(rows[size - 1].created_at, rows[size - 1].id) if len(rows) > size else ""
        return video_service_pb2.ListVideosResponse(
            videos=[self._shown(row) for row in rows[:size]], next_page_token=token
        )

    async def UpdateVideo(
        self, request: video_service_pb2.UpdateVideoRequest, context: _Context
    ) -> video_service_pb2.UpdateVideoResponse:
        """Change what people say about a video."""
        change = metadata_change(request.metadata, tuple(request.update_mask.paths))
        row = await self._library.update_metadata(require_user().user_id, request.video, change)
        return video_service_pb2.UpdateVideoResponse(video=self._shown(row))

    async def DeleteVideo(
        self, request: video_service_pb2.DeleteVideoRequest, context: _Context
    ) -> video_service_pb2.DeleteVideoResponse:
        """Remove a video with everything that belongs to it."""
        await self._deletion.delete(require_user().user_id, request.video)
        return video_service_pb2.DeleteVideoResponse()

    async def ReprocessVideo(
        self, request: video_service_pb2.ReprocessVideoRequest, context: _Context
    ) -> video_service_pb2.ReprocessVideoResponse:
        """Run a video again from a stage on."""
        stage = _pipeline_stage(request.from_stage, "from_stage") or Stage.DOWNLOADING
        video = await self._apply(require_user().user_id, request.video, ReprocessRequested(stage))
        return video_service_pb2.ReprocessVideoResponse(video=video)

    async def CancelVideo(
        self, request: video_service_pb2.CancelVideoRequest, context: _Context
    ) -> video_service_pb2.CancelVideoResponse:
        """Stop a video that is on its way."""
        return video_service_pb2.CancelVideoResponse(
            video=await self._apply(require_user().user_id, request.video, CancelRequested())
        )

    async def ReplayFailed(
        self, request: video_service_pb2.ReplayFailedRequest, context: _Context
    ) -> video_service_pb2.ReplayFailedResponse:
        """Run every failed video again from the stage where it broke; finished stages are kept."""
        owner = require_user().user_id
        limit = check_page_size(request.limit, default=100, largest=_MAX_REPLAY)
        stage = _pipeline_stage(request.stage, "stage")
        started = []
        for video, failed in await self._library.list_failed(
            owner, stage=stage, reason=request.reason or None, limit=limit
        ):
            try:
                await self._apply(owner, video, ReprocessRequested(failed))
            except (NotFound, NotReady):
                continue  # deleted or started by somebody else meanwhile
            started.append(video)
        return video_service_pb2.ReplayFailedResponse(video_ids=started)

    async def WatchVideo(
        self, request: video_service_pb2.WatchVideoRequest, context: _Context
    ) -> AsyncIterator[video_service_pb2.WatchVideoResponse]:
        """Yield the history of a video and then every change until the run is over."""
        owner = require_user().user_id
        last = 0
        with self._watchers.watching(request.video) as changed:
            while True:
                changed.clear()
                changes = await self._library.list_transitions(request.video, last)
                row = await self._library.get_video(owner, request.video)  # read last: never older than its changes
                for change in changes:
                    last = change.sequence
                    yield self._change(change, row)
                if row.state.is_terminal:
                    if changes:
                        continue  # the end itself may have come between the two reads
                    return
                try:
                    async with asyncio.timeout(_WATCH_SAFETY_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    continue

    async def ListScenes(
        self, request: video_service_pb2.ListScenesRequest, context: _Context
    ) -> video_service_pb2.ListScenesResponse:
        """Return a page of scenes, in order."""
        size = check_page_size(request.page_size, default=200, largest=_MAX_SCENES)
        start = read_index_token(request.page_token)
        row = await self._library.get_video(require_user().user_id, request.video)
        scenes = await self._library.list_scenes(row.id, from_index=start, limit=size + 1)
        token = write_index_token(start + size) if len(scenes) > size else ""
        return video_service_pb2.ListScenesResponse(
            scenes=[scene_message(scene, self._secret) for scene in scenes[:size]], next_page_token=token
        )

    async def GetScene(
        self, request: video_service_pb2.GetSceneRequest, context: _Context
    ) -> video_service_pb2.GetSceneResponse:
        """Return one scene."""
        row = await self._library.get_scene(require_user().user_id, request.scene)
        return video_service_pb2.GetSceneResponse(scene=scene_message(row, self._secret))

    async def ListJobs(
        self, request: video_service_pb2.ListJobsRequest, context: _Context
    ) -> video_service_pb2.ListJobsResponse:
        """Return every attempt at a video."""
        rows = await self._library.list_attempts(require_user().user_id, request.video)
        return video_service_pb2.ListJobsResponse(jobs=job_messages(rows))

    async def GetTranscript(
        self, request: video_service_pb2.GetTranscriptRequest, context: _Context
    ) -> video_service_pb2.GetTranscriptResponse:
        """Return what is said."""
        return video_service_pb2.GetTranscriptResponse(transcript=await self._transcript(request.video))

    async def DownloadTranscript(
        self, request: video_service_pb2.DownloadTranscriptRequest, context: _Context
    ) -> httpbody_pb2.HttpBody:
        """Return what is said as a file."""
        kinds = {
            "transcript.srt": ("application/x-subrip", subtitles.to_srt),
            "transcript.vtt": ("text/vtt; charset=utf-8", subtitles.to_vtt),
            "transcript.txt": ("text/plain; charset=utf-8", subtitles.to_txt),
            "transcript.json": ("application/json", lambda t: MessageToJson(t, preserving_proto_field_name=True)),
        }
        if request.file not in kinds:
            raise NotFound("there is no such file", reason="FILE_NOT_FOUND")
        content_type, write = kinds[request.file]
        return httpbody_pb2.HttpBody(
            content_type=content_type, data=write(await self._transcript(request.video)).encode()
        )

    async def _transcript(self, video: str) -> video_pb2.Transcript:
        return video_pb2.Transcript.FromString(await self._library.get_transcript(require_user().user_id, video))

    async def _video(self, owner: str, video: str) -> video_pb2.Video:
        return self._shown(await self._library.get_video(owner, video))

    def _shown(self, row: VideoRow) -> video_pb2.Video:
        return video_message(row, self._secret)

    async def _apply(self, owner: str, video: str, fact: Fact) -> video_pb2.Video:
        await self._progress.apply(video, lambda before: advance(before, fact, now=self._clock.now()), owner_id=owner)
        return await self._video(owner, video)

    def _change(self, change: TransitionRow, row: VideoRow) -> video_service_pb2.WatchVideoResponse:
        return video_service_pb2.WatchVideoResponse(
            sequence=change.sequence,
            stage=stage_to_proto(Stage(change.stage)) if change.stage else stage_pb2.STAGE_UNSPECIFIED,
            step_state=step_state_to_proto(change.step_state or "unspecified"),
            at=timestamp(change.at),
            video=self._shown(row),
        )


async def _chunks(requests: AsyncIterator[video_service_pb2.UploadVideoRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        match request.WhichOneof("content"):
            case "chunk":
                yield request.chunk
            case "finish":
                return
            case _:
                raise InvalidInput("the header comes once, first", violations=(FieldViolation("header", "came twice"),))
    raise InvalidInput("the upload was cut off; send it again", reason="UPLOAD_INCOMPLETE")


def _pipeline_stage(value: int, field: str) -> Stage | None:
    """Return a stage that does work; None for UNSPECIFIED."""
    if not value:
        return None
    try:
        stage = stage_from_proto(value)
    except ValueError:
        stage = Stage.FAILED
    if stage not in PIPELINE:
        raise InvalidInput("not a stage to run", violations=(FieldViolation(field, "must be a stage of the pipeline"),))
    return stage
