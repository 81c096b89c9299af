"""A backfill and how it gets on: pure values. What it finds out about videos is ingest_svc's to say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from chassis.core.errors import FieldViolation, InvalidInput
from chassis.core.ids import derived_id

__all__ = [
    "SHOWN",
    "Backfill",
    "BackfillState",
    "EndPage",
    "KnownRun",
    "Problem",
    "Tally",
    "VideoEnd",
    "after_page",
    "backfill_id_of",
    "problem_of_run",
    "request_id_of",
    "sentence_of",
]

SHOWN = 100
"""Videos that are kept to be shown, of each kind."""
_MAX_REQUEST_CHARS = 128


class BackfillState(StrEnum):
    """What became of a backfill."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Videos by what became of them; `examined` is the sum of the others."""

    examined: int = 0
    changed: int = 0
    fine: int = 0
    unfinished: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        if self.examined != self.changed + self.fine + self.unfinished + self.failed or self.examined < 0:
            raise ValueError("the counts of a backfill do not add up")

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in Tally.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEnd:
    """The end of the last run of a video, as far as it can be known; `trouble` is empty when nothing is wrong."""

    video_id: str
    owner_id: str
    filename: str
    state: str
    generation: int
    finished_at: datetime | None
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPage:
    """What became of a page of videos."""

    tally: Tally
    videos: tuple[VideoEnd, ...]
    last_video_id: str
    is_last: bool
    videos_total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A backfill and how far it is; `number` is the order in which backfills were started."""

    backfill_id: str
    request_id: str
    dry_run: bool
    state: BackfillState
    started_by: str
    started_at: datetime
    updated_at: datetime
    number: int = 0
    pages: int = 0
    last_video_id: str = ""
    videos_total: int | None = None
    tally: Tally = Tally()
    preview: tuple[VideoEnd, ...] = ()
    failures: tuple[VideoEnd, ...] = ()
    sentence: str = ""
    finished_at: datetime | None = None

    @property
    def progress_percent(self) -> float | None:
        """The part that is done, 0 to 100; None while the number of videos is not known."""
        if self.state is BackfillState.DONE:
            return 100.0
        if self.videos_total is None:
            return None
        return min(100.0, 100.0 * self.tally.examined / max(1, self.videos_total))

    def of_kind(self, *, dry_run: bool) -> "Backfill":
        """Return it, if it is of the kind that is asked for.

        Raises:
            InvalidInput: the id of its request is used again for the other kind.
        """
        if self.dry_run == dry_run:
            return self
        text = f"started a backfill with dry_run {str(self.dry_run).lower()}; choose another"
        raise InvalidInput(f"request_id {text}", violations=(FieldViolation("request_id", text),))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRun:
    """The end of a run as metrics_svc counts it."""

    video_id: str
    generation: int
    is_backfilled: bool
    finished_at: datetime | None
    duration_ns: int | None
    queue_ns: int | None
    elapsed_ns: int | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be."""

    end: VideoEnd
    problem: str


def request_id_of(asked: str, *, fresh: str) -> str:
    """Return the id of a request: the caller's, or a fresh one when it chose none.

    Raises:
        InvalidInput: it is too long, or holds a NUL.
    """
    if len(asked) > _MAX_REQUEST_CHARS or "\0" in asked:
        text = f"must have at most {_MAX_REQUEST_CHARS} characters and no NUL"
        raise InvalidInput(f"request_id {text}", violations=(FieldViolation("request_id", text),))
    return asked or fresh


def backfill_id_of(request_id: str) -> str:
    """Return the id of the backfill that a request starts."""
    return derived_id("bf", request_id)


def after_page(backfill: Backfill, page: EndPage, now: datetime) -> Backfill:
    """Return a backfill after one more page."""
    changed = tuple(video for video in page.videos if not video.trouble)
    failures = tuple(video for video in page.videos if video.trouble)
    return replace(
        backfill,
        pages=backfill.pages + 1,
        last_video_id=page.last_video_id or backfill.last_video_id,
        videos_total=backfill.videos_total if page.videos_total is None else page.videos_total,
        tally=backfill.tally + page.tally,
        preview=(backfill.preview + changed)[:SHOWN],
        failures=(backfill.failures + failures)[:SHOWN],
        state=BackfillState.DONE if page.is_last else backfill.state,
        sentence="",
        updated_at=now,
        finished_at=now if page.is_last else None,
    )


def problem_of_run(end: VideoEnd, run: KnownRun | None) -> str:
    """Return what is wrong with how metrics_svc counts a run whose end was filled in; empty when nothing is."""
    if run is None:
        return "RUN_NOT_COUNTED"
    if not run.is_backfilled:
        return "RUN_NOT_MARKED"
    if (run.duration_ns, run.queue_ns, run.elapsed_ns) != (None, None, None):
        return "RUN_INVENTED"
    return "" if run.finished_at == end.finished_at else "RUN_OTHER_END"


_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "NO_END": "It has ended and nobody knows when. Run: heimdex backfill timing",
        "LENGTH_WOULD_BE_INVENTED": "Its start is known: an approximate end would make a length that nobody measured."
        " Reprocess it.",
        "NO_BELIEVABLE_TIME": "Its last change is said to be in the future, before the year 2000, or no date at all."
        " Reprocess it.",
        "UNUSABLE_ID": "Its id, or that of its owner, is none that a message can carry. Upload it again.",
        "START_INVENTED": "Its end was filled in and it has a start all the same. Reprocess it.",
        "END_AFTER_LAST_CHANGE": "Its end was filled in and is later than its last change. Reprocess it.",
        "RUN_NOT_COUNTED": "Its end was filled in and is not counted yet. Wait a moment; if it stays so, see what is"
        " wrong with: heimdex doctor",
        "RUN_NOT_MARKED": "Its end was filled in, but its run is counted as measured. Reprocess it.",
        "RUN_INVENTED": "Its run is counted with a length that nobody measured. Reprocess it.",
        "RUN_OTHER_END": "Its run is counted with another end. Reprocess it.",
    }
)


def sentence_of(trouble: str) -> str:
    """Return what is wrong and what to do; empty for nothing, the word itself for one of a newer version."""
    return _SENTENCES.get(trouble, trouble)
