"""The record of a hand-out: what a fact makes of the present one, and which one it closes."""

from dataclasses import dataclass
from datetime import datetime

from chassis.core.stages import Outcome
from ingest_svc.domain.exports.facts import Fact, Lost, Undone
from ingest_svc.domain.exports.state import Export
from ingest_svc.domain.exports.values import ExportState

__all__ = ["AttemptRecord", "records_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One hand-out. `outcome` is None while it is open; a reason is there unless it is open or succeeded."""

    fence: int
    run: int
    number: int
    worker: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: Outcome | None
    reason: str
    message: str
    starts: int


def records_of(before: Export | None, after: Export, fact: Fact | None, now: datetime) -> tuple[AttemptRecord, ...]:
    """Return the hand-outs that changed, as they are now; `before` and `fact` are None for a new export."""
    records = []
    if before is not None and before.is_open and after.fence != before.fence:
        records.append(_given_up(before, fact, now))
    if after.is_open:
        records.append(_record(after))
    elif before is not None and before.is_open:
        records.append(_record(after, _outcome_of(after), after.reason or _word_of(after), after.message))
    return tuple(records)


def _given_up(before: Export, fact: Fact | None, now: datetime) -> AttemptRecord:
    if isinstance(fact, Undone):
        return _record(before, Outcome.FAILED, fact.reason, fact.message, now)
    reason = "LOST" if isinstance(fact, Lost) else "GIVEN_BACK"
    return _record(before, Outcome.CANCELLED, reason, "the work was given back or lost and handed out again", now)


def _outcome_of(export: Export) -> Outcome:
    if export.state is ExportState.COMPLETED:
        return Outcome.SUCCEEDED
    return Outcome.CANCELLED if export.state is ExportState.CANCELLED else Outcome.FAILED


def _word_of(export: Export) -> str:
    return "CANCELLED" if export.state is ExportState.CANCELLED else ""


def _record(
    export: Export,
    outcome: Outcome | None = None,
    reason: str = "",
    message: str = "",
    finished_at: datetime | None = None,
) -> AttemptRecord:
    has_begun = export.starts > 0
    return AttemptRecord(
        fence=export.fence,
        run=export.run,
        number=export.attempt,
        worker=export.worker,
        queued_at=export.queued_at,
        started_at=export.started_at if has_begun else None,
        finished_at=(finished_at or export.completed_at) if outcome else None,
        outcome=outcome,
        reason=reason,
        message=message,
        starts=export.starts,
    )
