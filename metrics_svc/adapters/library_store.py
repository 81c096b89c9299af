"""Videos and users in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal

import asyncpg

from chassis.io.postgres import Database, load_queries
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.library.library import (
    RECENT_SEARCHES,
    RECENT_VIDEOS,
    Overview,
    RecentSearch,
    RecentVideo,
    SearchedPhrase,
    User,
    VideoChange,
    last_days,
    newest_changes,
)
from metrics_svc.domain.library.user_pages import PageAsked

__all__ = ["PostgresLibraryStore"]

_NS_PER_MS = 1_000_000
_NS_PER_HOUR = 3_600_000_000_000


class PostgresLibraryStore:
    """LibraryStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/library.sql")

    async def add(self, samples: Sequence[VideoChange]) -> int:
        """Keep what is newer than what is known, and return how many videos changed."""
        newest = newest_changes(samples)
        columns = ([getattr(one, field.name) for one in newest] for field in fields(VideoChange))
        return len(await self._all("add_videos", *columns))

    async def overview(self, now: datetime) -> Overview:
        """Return the key figures."""
        (videos,) = await self._all("video_totals")
        week, month = last_days(7, now), last_days(30, now)
        (searches,) = await self._all("search_totals", week.start, month.start, month.end)
        ((users,),) = await self._all("count_users")
        return Overview(
            **{name: videos[name] for name in _COUNTS},
            users=users,
            hours_ready=_hours(videos["ready_ns"]) if videos["measured"] or not videos["ready"] else None,
            searches_7d=searches["searches_7d"],
            searches_30d=searches["searches_30d"],
            avg_latency_ms_7d=_mean_ms(searches["total_7d"], searches["known_7d"]),
            avg_latency_ms_30d=_mean_ms(searches["total_30d"], searches["known_30d"]),
            unmeasured_searches_30d=searches["searches_30d"] - searches["known_30d"],
            exports_30d=searches["exports_30d"],
            coverage=Coverage(videos["measured"], 0, videos["ready"] - videos["measured"]),
        )

    async def users(self, asked: PageAsked, owner_id: str, window: Window, now: datetime) -> tuple[Sequence[User], int]:
        """Return the users of a page, one more than fit if there are more, and how many users there are in all."""
        after, week = asked.after, last_days(7, now)
        question = asked.sort.value, owner_id, window.start, window.end
        place = (None, "") if after is None else (Decimal(after.rank), after.user_id)
        rows = await self._all("users", *question, *place, asked.size + 1, asked.skip, week.start, week.end)
        if rows:
            return tuple(map(_user, rows)), rows[0]["total"]
        first = await self._all("users", *question, None, "", 1, 0, week.start, week.end)
        return (), first[0]["total"] if first else 0

    async def recent_videos(self, user_id: str) -> tuple[RecentVideo, ...]:
        """Return the newest videos of a user."""
        return tuple(RecentVideo(**dict(row)) for row in await self._all("recent_videos", user_id, RECENT_VIDEOS))

    async def recent_searches(self, user_id: str) -> tuple[RecentSearch, ...]:
        """Return the newest searches of a user."""
        return tuple(RecentSearch(**dict(row)) for row in await self._all("recent_searches", user_id, RECENT_SEARCHES))

    async def searched_phrases(self, owner_id: str, since: datetime, limit: int) -> tuple[SearchedPhrase, ...]:
        """Return what an owner searched for since an instant, the most frequent phrase first."""
        return tuple(SearchedPhrase(**dict(row)) for row in await self._all("searched_phrases", owner_id, since, limit))

    async def videos_by_state(self) -> dict[str, int]:
        """Return how many videos there are in each state."""
        return {row["state"]: row["videos"] for row in await self._all("videos_by_state")}

    async def _all(self, name: str, *values: object) -> Sequence[asyncpg.Record]:
        async with self._database.connection() as connection:
            return await connection.fetch(self._queries[name], *values)


_COUNTS = ("videos", "ready", "failed", "queued", "processing", "cancelled", "scenes")


def _user(row: asyncpg.Record) -> User:
    return User(
        user_id=row["user_id"],
        rank=int(row["rank"]),
        videos=row["videos"],
        ready=row["ready"],
        failed=row["failed"],
        hours_ready=_hours(row["ready_ns"]),
        last_activity=row["last_activity"],
        searches_7d=row["searches_7d"],
        avg_latency_ms_7d=_mean_ms(row["total_ns_7d"], row["known_7d"]),
        uploads=row["uploads"],
        searches=row["searches"],
        coverage=Coverage(row["measured"], 0, row["ready"] - row["measured"]),
    )


def _hours(length_ns: Decimal) -> float:
    return int(length_ns) / _NS_PER_HOUR


def _mean_ms(total_ns: Decimal, count: int) -> float | None:
    return int(total_ns) / count / _NS_PER_MS if count else None
