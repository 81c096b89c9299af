"""Which old videos can be given an end, and why others can not. Nothing but the end is ever filled in (R-BKF-02)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from chassis.core.ids import check_id
from ingest_svc.domain.video import VideoState

__all__ = ["Candidate", "Judgement", "Trouble", "Verdict", "check", "judge"]

_FIRST_BELIEVED = datetime(2000, 1, 1, tzinfo=UTC)
"""A clock that says an earlier time was never set; metrics_svc believes none either."""
_CLOCK_TOLERANCE = timedelta(minutes=5)
_MAX_OWNER_CHARACTERS = 512


class Verdict(StrEnum):
    """What a backfill makes of a video."""

    CHANGED = "changed"
    """It has no end and gets one."""
    FINE = "fine"
    """Its end is known."""
    UNFINISHED = "unfinished"
    """It has not ended."""
    FAILED = "failed"
    """It has no end and can not be given one."""


class Trouble(StrEnum):
    """What is wrong with the times of a video."""

    NO_END = "NO_END"
    """It has ended, and nobody knows when: a backfill has not come to it."""
    LENGTH_WOULD_BE_INVENTED = "LENGTH_WOULD_BE_INVENTED"
    """Its start is known: an approximate end would make a length that nobody measured. Reprocess it."""
    NO_BELIEVABLE_TIME = "NO_BELIEVABLE_TIME"
    """Its last change is said to be in the future or before the year 2000, or its times are no dates. Reprocess it."""
    UNUSABLE_ID = "UNUSABLE_ID"
    """Its id, or that of its owner, is none that a message can carry."""
    START_INVENTED = "START_INVENTED"
    """Its end was filled in, and it has a start all the same."""
    END_AFTER_LAST_CHANGE = "END_AFTER_LAST_CHANGE"
    """Its end was filled in and is later than its last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A video as far as its end goes.

    Attributes:
        has_start: whether the start of its last run is known.
        has_end: whether the end is.
        ended_at: the end; None when it is not known, or no date can hold it.
        changed_at: its last change; None when no date can hold it.
        has_beginning: whether the time it was registered is a date.
        backfilled_by: the backfill that filled in the end.
    """

    id: str
    owner_id: str
    filename: str
    state: VideoState
    generation: int
    has_start: bool
    has_end: bool
    ended_at: datetime | None
    changed_at: datetime | None
    has_beginning: bool
    backfilled_by: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a video; `trouble` says why it failed."""

    video: Candidate
    verdict: Verdict
    trouble: Trouble | None = None


def judge(video: Candidate, *, backfill_id: str, now: datetime) -> Judgement:
    """Decide what a backfill makes of a video.

    One that this very backfill has changed is changed, however often it is asked: a page that is asked for again after
    a crash has the same counts.
    """
    if video.has_end:
        return Judgement(video, Verdict.CHANGED if video.backfilled_by == backfill_id else Verdict.FINE)
    if not video.state.is_terminal:
        return Judgement(video, Verdict.UNFINISHED)
    trouble = _obstacle(video, now)
    return Judgement(video, Verdict.FAILED if trouble else Verdict.CHANGED, trouble)


def check(video: Candidate, *, now: datetime) -> Trouble | None:
    """Return what is wrong with the times of a video; None when nothing is."""
    if not video.has_end:
        return (_obstacle(video, now) or Trouble.NO_END) if video.state.is_terminal else None
    if video.backfilled_by is None:
        return None
    if video.has_start:
        return Trouble.START_INVENTED
    if video.ended_at is None or video.changed_at is None or video.ended_at > video.changed_at:
        return Trouble.END_AFTER_LAST_CHANGE
    return None


def _obstacle(video: Candidate, now: datetime) -> Trouble | None:
    if video.has_start:
        return Trouble.LENGTH_WOULD_BE_INVENTED
    at = video.changed_at
    if at is None or not video.has_beginning or not _FIRST_BELIEVED <= at <= now + _CLOCK_TOLERANCE:
        return Trouble.NO_BELIEVABLE_TIME
    if not check_id(video.id) or not 0 < len(video.owner_id) <= _MAX_OWNER_CHARACTERS:
        return Trouble.UNUSABLE_ID
    return None
