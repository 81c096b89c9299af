"""The JSON of backfills, as types. Every key may be missing: read with `.get`."""

from typing import TypedDict

__all__ = ["BackfillAnswer", "BackfilledVideo", "Problem", "Verification"]


class BackfilledVideo(TypedDict, total=False):
    """What became of one video; `finished_at` is RFC 3339."""

    video_id: str
    owner_id: str
    filename: str
    state: str
    generation: int
    finished_at: str
    trouble: str
    sentence: str


class BackfillAnswer(TypedDict, total=False):
    """A backfill and how far it is."""

    backfill_id: str
    request_id: str
    dry_run: bool
    state: str
    videos_total: int
    examined: int
    changed: int
    fine: int
    unfinished: int
    failed: int
    progress_pct: float
    last_video_id: str
    preview: list[BackfilledVideo]
    failures: list[BackfilledVideo]
    sentence: str
    started_by: str
    started_at: str
    updated_at: str
    finished_at: str


class Problem(TypedDict, total=False):
    """Something that is not as it should be."""

    video_id: str
    owner_id: str
    filename: str
    problem: str
    sentence: str


class Verification(TypedDict, total=False):
    """What a check found."""

    problems_total: int
    problems: list[Problem]
    videos_examined: int
    videos_backfilled: int
    runs_forgotten: int
    next_page_token: str
