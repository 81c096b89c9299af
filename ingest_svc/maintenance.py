"""MaintenanceService: the ends of old videos, a page at a time, for metrics_svc, which keeps the position."""

from functools import partial
from typing import Any

from chassis.core.clock import Clock
from chassis.core.errors import FieldViolation, InvalidInput
from chassis.core.ids import check_id
from chassis.io.identity import require_service
from chassis.io.stage import timestamp
from heimdex.ingest.v1 import maintenance_service_pb2 as api
from heimdex.ingest.v1.maintenance_service_pb2_grpc import MaintenanceServiceServicer
from ingest_svc.adapters.backfill_store import BackfillStore
from ingest_svc.codec import state_to_proto
from ingest_svc.domain.backfill import Candidate, Judgement, Trouble, Verdict, check, judge
from ingest_svc.pages import check_page_size
from ingest_svc.run_ends import backfilled_run_message

__all__ = ["MaintenanceApi"]

_PAGE, _LARGEST_PAGE = 200, 1_000
_MAX_ID_CHARACTERS = 512
_MAX_NAME_CHARACTERS = 255


class MaintenanceApi(MaintenanceServiceServicer):
    """For services only."""

    def __init__(self, store: BackfillStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def BackfillEnds(  # noqa: N802  # gRPC names the methods
        self, request: api.BackfillEndsRequest, _context: Any
    ) -> api.BackfillEndsResponse:
        """Fill in the ends of one page."""
        require_service()
        if not check_id(request.backfill_id):
            raise _wrong("backfill_id", "must have the shape of an id")
        after = _position(request.after_video_id)
        judgements, is_last = await self._store.fill_in(
            after,
            check_page_size(request.page_size, default=_PAGE, largest=_LARGEST_PAGE),
            backfill_id=request.backfill_id,
            judge=partial(judge, backfill_id=request.backfill_id, now=self._clock.now()),
            tell=backfilled_run_message,
            is_dry=request.dry_run,
        )
        verdicts = [one.verdict for one in judgements]
        return api.BackfillEndsResponse(
            examined=len(judgements),
            changed=verdicts.count(Verdict.CHANGED),
            fine=verdicts.count(Verdict.FINE),
            unfinished=verdicts.count(Verdict.UNFINISHED),
            failed=verdicts.count(Verdict.FAILED),
            videos=[_judged(one) for one in judgements if one.verdict in {Verdict.CHANGED, Verdict.FAILED}],
            last_video_id=judgements[-1].video.id if judgements else "",
            is_last=is_last,
            videos_total=None if after else await self._store.count(),
        )

    async def CheckEnds(  # noqa: N802  # likewise
        self, request: api.CheckEndsRequest, _context: Any
    ) -> api.CheckEndsResponse:
        """Look for wrong times on one page."""
        require_service()
        size = check_page_size(request.page_size, default=_PAGE, largest=_LARGEST_PAGE)
        page = await self._store.page(_position(request.after_video_id), size)
        now = self._clock.now()
        found = [(video, check(video, now=now)) for video in page.videos]
        return api.CheckEndsResponse(
            examined=len(found),
            troubled=[_end(video, trouble) for video, trouble in found if trouble is not None],
            backfilled=[_end(video) for video, _ in found if video.backfilled_by is not None],
            last_video_id=page.videos[-1].id if page.videos else "",
            is_last=page.is_last,
        )


def _judged(judgement: Judgement) -> api.VideoEnd:
    return _end(judgement.video, judgement.trouble)


def _end(video: Candidate, trouble: Trouble | None = None) -> api.VideoEnd:
    ended_at = video.ended_at if video.has_end or trouble else video.changed_at
    return api.VideoEnd(
        video_id=video.id,
        owner_id=video.owner_id,
        filename=video.filename[:_MAX_NAME_CHARACTERS],
        state=state_to_proto(video.state),
        generation=video.generation,
        finished_at=timestamp(ended_at),
        trouble=trouble or "",
    )


def _position(video_id: str) -> str:
    """Return the id of a video to go on after; ids of old videos may have any shape that the database holds."""
    if len(video_id) > _MAX_ID_CHARACTERS or "\0" in video_id:
        raise _wrong("after_video_id", f"must have at most {_MAX_ID_CHARACTERS} characters and no NUL")
    return video_id


def _wrong(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field} {text}", violations=(FieldViolation(field, text),))
