"""Ends of old videos in PostgreSQL: one page, one transaction over the rows and the outbox."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chassis.core.errors import Overloaded, StaleWrite
from chassis.io.postgres import Connection, Database, Row, load_queries, record_value
from ingest_svc.adapters.outbox import enqueue, told_video
from ingest_svc.channels import OUTBOX_CHANNEL
from ingest_svc.domain.backfill import Candidate, Judgement, Verdict
from ingest_svc.domain.video import VideoState
from ingest_svc.ports import ScheduledMessage, ToldVideo
from ingest_svc.reports import video_message

__all__ = ["BackfillStore", "Page"]

_Q = load_queries("ingest_svc")
_BACKFILL = load_queries("ingest_svc", "sql/backfill.sql")
_MOST_WAITING = 2_000
"""Messages in the outbox beyond which a backfill waits: work that users wait for goes through the same outbox."""
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """Videos in the order of their ids; `is_last` when none comes after them."""

    videos: tuple[Candidate, ...]
    is_last: bool


TellEnd = Callable[[ToldVideo, str | None], ScheduledMessage]
"""Returns what tells the end of a video's last run, given the stage where it broke, None where nobody knows."""


class BackfillStore:
    """Reads pages, and fills in the ends of those that were judged."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: str, size: int) -> Page:
        """Return the videos after one."""
        async with self._database.connection() as connection:
            return await _page(connection, after, size)

    async def count(self) -> int:
        """Return how many videos there are."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(_BACKFILL["count_videos"]))

    async def fill_in(
        self,
        after: str,
        size: int,
        *,
        backfill_id: str,
        judge: Callable[[Candidate], Judgement],
        tell: TellEnd,
        is_dry: bool,
    ) -> tuple[tuple[Judgement, ...], bool]:
        """Judge the videos of a page and fill in the ends of those that want one, with what must be sent about it.

        Returns the judgements and whether the page is the last one. A dry run reads the same page in a transaction
        that the database itself keeps from writing.

        Raises:
            Overloaded: too much waits to be sent.
            StaleWrite: one of the videos was changed meanwhile; nothing of the page was.
        """
        async with self._database.transaction() as connection:
            if is_dry:
                await connection.execute(_BACKFILL["promise_not_to_write"])
            page = await _page(connection, after, size)
            judgements = tuple(map(judge, page.videos))
            wanted = [one.video for one in judgements if one.verdict is Verdict.CHANGED and not one.video.has_end]
            if wanted and not is_dry:
                await _refuse_when_busy(connection)
                await _change(connection, wanted, backfill_id, tell)
        return judgements, page.is_last


async def _page(connection: Connection, after: str, size: int) -> Page:
    rows = await connection.fetch(_BACKFILL["list_backfill_page"], after, size + 1)
    return Page(tuple(map(_candidate, rows[:size])), is_last=len(rows) <= size)


async def _refuse_when_busy(connection: Connection) -> None:
    row = await connection.fetchrow(_Q["count_outbox"])
    if row is not None and row["waiting"] > _MOST_WAITING:
        raise Overloaded("too many messages wait to be sent", reason="OUTBOX_FULL", retry_after_seconds=_RETRY_SECONDS)


async def _change(connection: Connection, wanted: Sequence[Candidate], backfill_id: str, tell: TellEnd) -> None:
    ids, changes = [video.id for video in wanted], [video.changed_at for video in wanted]
    rows = await connection.fetch(_BACKFILL["backfill_ends"], ids, changes, backfill_id)
    if len(rows) != len(wanted):
        raise StaleWrite("a video was changed while its end was filled in")
    for row in sorted(rows, key=lambda row: str(row["id"])):
        video = told_video(row)
        await enqueue(connection, tell(video, row["failed_stage"]))
        await enqueue(connection, video_message(video))
    await connection.execute(_Q["notify"], OUTBOX_CHANNEL, "")


def _candidate(row: Row) -> Candidate:
    values = {name: record_value(row, name) for name in Candidate.__dataclass_fields__}
    return Candidate(**{**values, "state": VideoState(values["state"])})
