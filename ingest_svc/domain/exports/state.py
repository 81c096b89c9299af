"""The state machine of an export. Everything that can happen to one goes through `advance`, which is pure.

    queued -> processing -> completed | failed | cancelled -> expired

Each hand-out draws the next fence; an answer that carries any other fence changes nothing, so duplicated, reordered and
late facts are harmless by construction. A failed or cancelled export begins anew as the next run when it is retried.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.core.backoff import delay_seconds
from chassis.core.errors import NotReady
from ingest_svc.domain.exports.blame import is_ours
from ingest_svc.domain.exports.facts import (
    CancelRequested,
    Claimed,
    Dispatch,
    Done,
    Fact,
    GivenBack,
    Lost,
    Outgoing,
    RetryRequested,
    RunEnded,
    SourceDeleted,
    TimePassed,
    Undone,
)
from ingest_svc.domain.exports.values import ExportState

__all__ = ["MAX_ATTEMPTS", "MAX_ATTEMPTS_OF_A_BUG", "MAX_STARTS", "Export", "advance", "ask"]

MAX_ATTEMPTS = 8
"""Attempts of a run before it fails; together they wait about two minutes."""
MAX_ATTEMPTS_OF_A_BUG = 3
"""Attempts when the failure is a bug of ours: trying longer seldom helps."""
MAX_STARTS = 3
"""A hand-out that was begun this often and never answered has killed its worker each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export as far as its progress goes.

    Attributes:
        run: counted from 1; a retry begins the next one.
        asked_at: when this run was asked for; `created_at` of the first.
        attempt: counted from 1 within the run.
        fence: the last one that was handed out.
        starts: how often workers began the present hand-out.
        started_at: when the present or last attempt began; None until a worker did.
        completed_at: when the run ended, in success or failure; None until then.
        reason: why it failed, for programs; empty otherwise.
        is_charged: whether it counts in the quota of its owner.
    """

    id: str
    owner_id: str
    state: ExportState
    run: int
    attempt: int
    fence: int
    starts: int
    created_at: datetime
    asked_at: datetime
    queued_at: datetime
    expires_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    worker: str = ""
    reason: str = ""
    message: str = ""
    is_charged: bool = True

    @property
    def is_open(self) -> bool:
        """Whether somebody is asked to make it."""
        return not self.state.is_terminal


def ask(*, export_id: str, owner_id: str, at: datetime, lives: timedelta) -> tuple[Export, tuple[Outgoing, ...]]:
    """Return a new export, handed out. Fences start at the present time in milliseconds."""
    export = Export(
        id=export_id,
        owner_id=owner_id,
        state=ExportState.QUEUED,
        run=1,
        attempt=1,
        fence=int(at.timestamp() * 1000),
        starts=0,
        created_at=at,
        asked_at=at,
        queued_at=at,
        expires_at=at + lives,
    )
    return _hand_out(export, at, attempt=1)


def advance(export: Export, fact: Fact, *, now: datetime, spread: float = 0.5) -> tuple[Export, tuple[Outgoing, ...]]:
    """Return the export after a fact, and what must be sent because of it.

    A fact that changes nothing returns the same export.

    Args:
        export: the export before.
        fact: what happened.
        now: wall time; stamps hand-outs and ends.
        spread: position in the jitter window of a retry, 0 to 1.

    Raises:
        NotReady: a retry that the state does not allow. Facts from workers never raise.
    """
    match fact:
        case RetryRequested():
            return _retry(export, now)
        case TimePassed():
            return _time_passed(export, now)
        case CancelRequested() | SourceDeleted():
            return _given_up(export, fact, now)
        case _:
            is_answer = export.is_open and fact.fence == export.fence
            return _answered(export, fact, now, spread) if is_answer else (export, ())


def _given_up(
    export: Export, fact: CancelRequested | SourceDeleted, now: datetime
) -> tuple[Export, tuple[Outgoing, ...]]:
    if not export.is_open:
        return export, ()
    if isinstance(fact, SourceDeleted):
        return _failed(export, "SOURCE_MISSING", "a video of it was deleted", now)
    return _ended(export, ExportState.CANCELLED, now)


def _answered(
    export: Export, fact: Claimed | Done | Undone | GivenBack | Lost, now: datetime, spread: float
) -> tuple[Export, tuple[Outgoing, ...]]:
    match fact:
        case Claimed():
            return _claimed(export, fact, now)
        case Done():
            return _ended(export, ExportState.COMPLETED, now)
        case Undone():
            return _undone(export, fact, now, spread)
        case GivenBack() | Lost():
            return _hand_out(export, now, attempt=export.attempt)


def _hand_out(
    export: Export, now: datetime, *, attempt: int, wait_seconds: float = 0.0
) -> tuple[Export, tuple[Outgoing, ...]]:
    not_before = now + timedelta(seconds=wait_seconds)
    queued = replace(
        export,
        state=ExportState.QUEUED,
        attempt=attempt,
        fence=export.fence + 1,
        starts=0,
        queued_at=not_before,
        worker="",
    )
    return queued, (Dispatch(queued.fence, not_before),)


def _claimed(export: Export, fact: Claimed, now: datetime) -> tuple[Export, tuple[Outgoing, ...]]:
    if export.starts >= MAX_STARTS:
        return _failed(export, "POISON", "making it ended its worker whenever it was tried", now)
    begun = replace(
        export,
        state=ExportState.PROCESSING,
        starts=export.starts + 1,
        started_at=max(fact.at, export.created_at),
        worker=fact.worker,
    )
    return begun, ()


def _undone(export: Export, fact: Undone, now: datetime, spread: float) -> tuple[Export, tuple[Outgoing, ...]]:
    limit = MAX_ATTEMPTS_OF_A_BUG if fact.reason == "INTERNAL" else MAX_ATTEMPTS
    if fact.is_permanent or export.attempt >= limit:
        return _failed(export, fact.reason, fact.message, now)
    wait = delay_seconds(export.attempt, spread=spread)
    return _hand_out(export, now, attempt=export.attempt + 1, wait_seconds=wait)


def _failed(export: Export, reason: str, message: str, now: datetime) -> tuple[Export, tuple[Outgoing, ...]]:
    """End in failure: the one place that does, so that reason and time are always there (R-EXP-08)."""
    failed = replace(export, reason=reason, message=message, is_charged=not is_ours(reason))
    return _ended(failed, ExportState.FAILED, now)


def _ended(export: Export, state: ExportState, now: datetime) -> tuple[Export, tuple[Outgoing, ...]]:
    at = max(now, export.started_at or export.created_at)
    return replace(export, state=state, completed_at=at), (RunEnded(),)


def _retry(export: Export, now: datetime) -> tuple[Export, tuple[Outgoing, ...]]:
    if export.is_open:
        return export, ()  # the same request twice
    if export.state not in {ExportState.FAILED, ExportState.CANCELLED}:
        raise NotReady(
            f"the export is {export.state}; only a failed or cancelled one is tried again", reason="EXPORT_NOT_FAILED"
        )
    fresh = replace(
        export,
        run=export.run + 1,
        asked_at=now,
        started_at=None,
        completed_at=None,
        reason="",
        message="",
        is_charged=True,
    )
    return _hand_out(fresh, now, attempt=1)


def _time_passed(export: Export, now: datetime) -> tuple[Export, tuple[Outgoing, ...]]:
    if now < export.expires_at or export.state is ExportState.EXPIRED:
        return export, ()
    if export.is_open:
        return _failed(export, "EXPORT_TIMED_OUT", "it was not made before its time was over; ask for it again", now)
    return replace(export, state=ExportState.EXPIRED), ()
