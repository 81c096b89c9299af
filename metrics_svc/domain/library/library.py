"""Videos and users as administrators see them: what is known of a video, and who did what."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window, midnight
from metrics_svc.domain.events.samples import CLOCK_TOLERANCE_US, FIRST_BELIEVED_US

__all__ = [
    "RECENT_SEARCHES",
    "RECENT_VIDEOS",
    "Overview",
    "RecentSearch",
    "RecentVideo",
    "SearchedPhrase",
    "User",
    "UserDetail",
    "UserSort",
    "VideoChange",
    "believed",
    "failure_rate_pct",
    "last_days",
    "newest_changes",
]

RECENT_VIDEOS, RECENT_SEARCHES = 20, 50
"""How many of the newest are shown of one user."""
_FIRST_BELIEVED = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=FIRST_BELIEVED_US)
_TOLERANCE = timedelta(microseconds=CLOCK_TOLERANCE_US)


class UserSort(StrEnum):
    """By what users are sorted, from the most down; users that are equal in it by id."""

    LAST_ACTIVITY = "last_activity"
    HOURS_READY = "hours_ready"
    VIDEOS_READY = "videos_ready"
    SEARCHES_7D = "searches_7d"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoChange:
    """A video as it is after a change; the one with the highest sequence is all there is to know.

    The fields are the columns of `metrics.videos`, in order.
    """

    video_id: str
    owner_id: str
    sequence: int
    filename: str
    state: str
    stage: str
    generation: int
    duration_ns: int | None
    size_bytes: int | None
    scene_count: int | None
    error_reason: str
    error_message: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    is_deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Key figures as of now; a video that was deleted counts nowhere. `coverage` is of ready videos: is a length known?

    Counts by state, hours of video, and searches of 7 and 30 UTC days with their mean latency in milliseconds.
    """

    videos: int = 0
    ready: int = 0
    failed: int = 0
    queued: int = 0
    processing: int = 0
    cancelled: int = 0
    scenes: int = 0
    users: int = 0
    hours_ready: float | None = None
    searches_7d: int = 0
    searches_30d: int = 0
    avg_latency_ms_7d: float | None = None
    avg_latency_ms_30d: float | None = None
    unmeasured_searches_30d: int = 0
    exports_30d: int = 0
    coverage: Coverage = field(default_factory=Coverage)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One user. `rank` is what users are sorted by; `uploads` and `searches` are those of the window."""

    user_id: str
    rank: int
    videos: int
    ready: int
    failed: int
    hours_ready: float
    last_activity: datetime
    searches_7d: int
    avg_latency_ms_7d: float | None
    uploads: int
    searches: int
    coverage: Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentVideo:
    """A video of a user."""

    video_id: str
    filename: str
    state: str
    duration_ns: int | None
    updated_at: datetime
    error_message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentSearch:
    """A search of a user; `video_id` is the video it was limited to, empty for none or several."""

    query_text: str
    asked_at: datetime
    latency_ns: int | None
    results_count: int
    video_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedPhrase:
    """What a user searched for in words, in lower case, how often, and when last."""

    phrase: str
    searches: int
    last_asked_at: datetime


@dataclass(frozen=True, slots=True)
class UserDetail:
    """One user with the newest videos and searches, newest first."""

    user: User
    videos: tuple[RecentVideo, ...]
    searches: tuple[RecentSearch, ...]


def newest_changes(changes: Iterable[VideoChange]) -> tuple[VideoChange, ...]:
    """Return the change with the highest sequence of each video, in the order of their ids; of equal ones the first."""
    newest: dict[str, VideoChange] = {}
    for change in changes:
        if change.video_id not in newest or change.sequence > newest[change.video_id].sequence:
            newest[change.video_id] = change
    return tuple(newest[video] for video in sorted(newest))


def believed(at: datetime | None, default: datetime, *, now: datetime) -> datetime:
    """Return a time that a sender told, or `default` when it told none or its clock can not be believed."""
    return at if at is not None and _FIRST_BELIEVED <= at <= now + _TOLERANCE else default


def last_days(count: int, now: datetime) -> Window:
    """Return the last UTC days, the present one to its end."""
    tomorrow = midnight(now.date()) + timedelta(days=1)
    return Window(tomorrow - timedelta(days=count), tomorrow)


def failure_rate_pct(ready: int, failed: int) -> float | None:
    """Return the failed of ready and failed, 0 to 100; None when there is neither."""
    return 100.0 * failed / (ready + failed) if ready + failed else None
