"""ingest_svc as metrics_svc sees it: the ends of videos."""

from datetime import UTC
from typing import Any

from chassis.core.errors import Corruption, NotReady, PermissionDenied, Unauthenticated, UpstreamUnavailable
from chassis.io.grpc_client import GrpcClient
from heimdex.ingest.v1 import maintenance_service_pb2 as api
from heimdex.ingest.v1 import video_pb2
from heimdex.ingest.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub
from metrics_svc.domain.backfill.backfill import EndPage, Tally, VideoEnd
from metrics_svc.ports.backfill import CheckedPage

__all__ = ["IngestVideoEnds"]

_TIMEOUT_SECONDS = 20.0
_STATES = {number: name.removeprefix("VIDEO_STATE_").lower() for name, number in video_pb2.VideoState.items()}


class IngestVideoEnds:
    """VideoEnds over MaintenanceService."""

    def __init__(self, client: GrpcClient | None) -> None:
        """None says that nobody told where ingest_svc is."""
        self._client = client

    async def fill_in(self, backfill_id: str, *, after: str, dry_run: bool) -> EndPage:
        """Give the videos of a page their ends."""
        request = api.BackfillEndsRequest(backfill_id=backfill_id, after_video_id=after, dry_run=dry_run)
        answer = await self._ask("BackfillEnds", request)
        try:
            tally = Tally(**{name: getattr(answer, name) for name in Tally.__dataclass_fields__})
        except ValueError as error:
            raise Corruption("ingest_svc gave counts that do not add up", reason="INGEST_MISCOUNTED") from error
        return EndPage(
            tally=tally,
            videos=tuple(map(_end, answer.videos)),
            last_video_id=answer.last_video_id,
            is_last=answer.is_last,
            videos_total=answer.videos_total if answer.HasField("videos_total") else None,
        )

    async def check(self, after: str, *, size: int) -> CheckedPage:
        """Look at a page of videos."""
        answer = await self._ask("CheckEnds", api.CheckEndsRequest(after_video_id=after, page_size=size))
        return CheckedPage(
            examined=answer.examined,
            troubled=tuple(map(_end, answer.troubled)),
            backfilled=tuple(map(_end, answer.backfilled)),
            last_video_id=answer.last_video_id,
            is_last=answer.is_last,
        )

    async def _ask(self, name: str, request: Any) -> Any:
        if self._client is None:
            raise NotReady(
                "metrics_svc was not told where ingest_svc is; set HEIMDEX_INGEST_ADDR and restart it",
                reason="INGEST_UNKNOWN",
            )
        method = getattr(self._client.stub(MaintenanceServiceStub), name)
        try:
            return await self._client.call(method, request, timeout_seconds=_TIMEOUT_SECONDS)
        except (PermissionDenied, Unauthenticated) as error:
            raise NotReady(
                "ingest_svc does not know metrics_svc; set HEIMDEX_SERVICE_TOKEN and restart it",
                reason="INGEST_REFUSED",
            ) from error
        except UpstreamUnavailable as error:
            raise UpstreamUnavailable(
                "ingest_svc, or its database, does not answer; see what is wrong with: heimdex doctor",
                reason=error.reason,
            ) from error


def _end(message: api.VideoEnd) -> VideoEnd:
    return VideoEnd(
        video_id=message.video_id,
        owner_id=message.owner_id,
        filename=message.filename,
        state=_STATES.get(message.state, f"state_{message.state}"),
        generation=message.generation,
        finished_at=message.finished_at.ToDatetime(tzinfo=UTC) if message.HasField("finished_at") else None,
        trouble=message.trouble,
    )
