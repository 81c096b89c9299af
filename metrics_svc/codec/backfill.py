"""Backfills to answers."""

from collections.abc import Iterable

from heimdex.metrics.v1 import backfill_pb2
from metrics_svc.codec.wire import stamp_of
from metrics_svc.domain.alerts.pages import write_number
from metrics_svc.domain.backfill.backfill import Backfill, Problem, VideoEnd, sentence_of
from metrics_svc.domain.backfill.verification import Verification

__all__ = ["encode_backfill", "encode_backfills", "encode_verification"]


def encode_backfill(backfill: Backfill) -> backfill_pb2.Backfill:
    """Return a backfill and how far it is."""
    tally = backfill.tally
    return backfill_pb2.Backfill(
        backfill_id=backfill.backfill_id,
        request_id=backfill.request_id,
        dry_run=backfill.dry_run,
        state=backfill.state,
        videos_total=backfill.videos_total,
        examined=tally.examined,
        changed=tally.changed,
        fine=tally.fine,
        unfinished=tally.unfinished,
        failed=tally.failed,
        progress_pct=backfill.progress_percent,
        last_video_id=backfill.last_video_id,
        preview=map(_video, backfill.preview),
        failures=map(_video, backfill.failures),
        sentence=backfill.sentence,
        started_by=backfill.started_by,
        started_at=stamp_of(backfill.started_at),
        updated_at=stamp_of(backfill.updated_at),
        finished_at=stamp_of(backfill.finished_at),
    )


def encode_backfills(backfills: Iterable[Backfill], next_before: int | None) -> backfill_pb2.ListBackfillsResponse:
    """Return a page of backfills."""
    return backfill_pb2.ListBackfillsResponse(
        backfills=map(encode_backfill, backfills), next_page_token=write_number(next_before)
    )


def encode_verification(found: Verification) -> backfill_pb2.VerifyBackfillResponse:
    """Return what a check has found."""
    return backfill_pb2.VerifyBackfillResponse(
        problems_total=found.problems_total,
        problems=map(_problem, found.problems),
        videos_examined=found.examined,
        videos_backfilled=found.backfilled,
        runs_forgotten=found.forgotten,
        next_page_token=found.next_token,
    )


def _video(end: VideoEnd) -> backfill_pb2.BackfilledVideo:
    return backfill_pb2.BackfilledVideo(
        video_id=end.video_id,
        owner_id=end.owner_id,
        filename=end.filename,
        state=end.state,
        generation=end.generation,
        finished_at=stamp_of(end.finished_at),
        trouble=end.trouble,
        sentence=sentence_of(end.trouble),
    )


def _problem(problem: Problem) -> backfill_pb2.BackfillProblem:
    end = problem.end
    return backfill_pb2.BackfillProblem(
        video_id=end.video_id,
        owner_id=end.owner_id,
        filename=end.filename,
        problem=problem.problem,
        sentence=sentence_of(problem.problem),
    )
