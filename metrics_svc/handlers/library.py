"""One function per question about videos, users, bytes and single runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.core.errors import FieldViolation, InvalidInput, NotFound
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.events.samples import MAX_ID_CHARS
from metrics_svc.domain.library.library import Overview, UserDetail, VideoChange
from metrics_svc.domain.library.storage import MAX_OWNERS, StorageReport, bytes_by_day, bytes_by_owner, largest_first
from metrics_svc.domain.library.user_pages import UserPage, ask_page, page_of
from metrics_svc.domain.library.waterfall import Attempt, RunEnd, Waterfall, draw_runs
from metrics_svc.ports.library import LibraryStore, StorageStore, WaterfallStore

__all__ = ["PageRequest", "overview", "storage", "user_detail", "user_page", "waterfall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page of users is asked for; not yet validated."""

    sort: str = ""
    page: int = 0
    page_size: int = 0
    token: str = ""


async def overview(*, store: LibraryStore, now: datetime) -> Overview:
    """Answer the key figures."""
    return await store.overview(now)


async def user_page(question: Question, request: PageRequest, *, store: LibraryStore, now: datetime) -> UserPage:
    """Answer a page of users.

    Raises:
        InvalidInput: there is no such window, order or page.
    """
    window = question.window(now)
    asked = ask_page(
        sort=request.sort,
        page=request.page,
        page_size=request.page_size,
        token=request.token,
        question=_words_of(question),
    )
    users, total = await store.users(asked, question.owner_id, window, now)
    return page_of(users, asked, total=total)


async def user_detail(question: Question, user_id: str, *, store: LibraryStore, now: datetime) -> UserDetail:
    """Answer one user in detail.

    Raises:
        InvalidInput: there is no such window.
        NotFound: nobody of that id ever had a video or searched.
    """
    window = question.window(now)
    _require("user_id", user_id)
    asked = ask_page(sort="", page=1, page_size=1, token="", question="")
    users, _ = await store.users(asked, user_id, window, now)
    if not users:
        raise NotFound("nobody of that id ever had a video or searched", reason="USER_NOT_FOUND")
    return UserDetail(users[0], await store.recent_videos(user_id), await store.recent_searches(user_id))


async def storage(question: Question, *, store: StorageStore, now: datetime) -> StorageReport:
    """Answer bytes by kind, by owner and by day; days that are still to come are left out.

    Raises:
        InvalidInput: there is no such window.
    """
    window, owner_id = question.window(now), question.owner_id
    rows, owner_count = await store.by_owner(owner_id, MAX_OWNERS)
    first = await store.first_measured()
    return StorageReport(
        kinds=largest_first(await store.by_kind(owner_id)),
        owners=bytes_by_owner(rows),
        owner_count=owner_count,
        days=bytes_by_day(
            [day for day in window.days if day <= now.date()],
            await store.changes(window, owner_id),
            None if first is None else first.date(),
        ),
        stores=await store.stores(),
        coverage=await store.measured_videos(owner_id),
    )


async def waterfall(video_id: str, generation: int, *, store: WaterfallStore) -> Waterfall:
    """Answer where every second of a video went.

    Raises:
        InvalidInput: the run is no number of a run.
        NotFound: there is no such video, or no such run of it.
    """
    if generation < 0:
        raise _refusal("generation", "must be 1 or more, or 0 for all")
    _require("video_id", video_id)
    video = await store.video(video_id)
    attempts, ends = await store.attempts(video_id, generation), await store.ends(video_id, generation)
    present = video.generation if video is not None and not video.is_deleted else None
    runs = draw_runs(attempts, ends, present if generation in {0, present} else None)
    if not runs and (video is None or generation):
        raise NotFound("there is no such video, or no such run of it", reason="VIDEO_NOT_FOUND")
    return Waterfall(video_id, _owner_of(video, attempts, ends), video, runs)


def _owner_of(video: VideoChange | None, attempts: Sequence[Attempt], ends: Sequence[RunEnd]) -> str:
    return next((one.owner_id for one in (video, *attempts, *ends) if one is not None), "")


def _words_of(question: Question) -> str:
    times = (at and at.isoformat() for at in (question.start_at, question.end_at))
    return json.dumps([question.owner_id, question.range_text, *times])


def _require(field: str, value: str) -> None:
    if not 0 < len(value) <= MAX_ID_CHARS or "\x00" in value:
        raise _refusal(field, f"must have 1 to {MAX_ID_CHARS} characters and no NUL")


def _refusal(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field}: {text}", reason="INVALID_QUESTION", violations=(FieldViolation(field, text),))
