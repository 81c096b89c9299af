"""One function per question about backfills."""

from datetime import datetime, timedelta

from chassis.core.errors import NotFound
from metrics_svc.domain.alerts.pages import page_size_of
from metrics_svc.domain.backfill.backfill import (
    Backfill,
    BackfillState,
    Problem,
    backfill_id_of,
    problem_of_run,
    request_id_of,
)
from metrics_svc.domain.backfill.verification import Verification, read_place, write_place
from metrics_svc.ports.backfill import BackfillStore, VideoEnds

__all__ = ["cancel_backfill", "get_backfill", "list_backfills", "start_backfill", "verify_backfill"]

_PAGE = 1_000
_PAGES_AT_ONCE = 20
_SHOWN = 200


async def start_backfill(  # what is asked, by whom, and what it takes
    *, request_id: str, fresh_id: str, dry_run: bool, by: str, now: datetime, store: BackfillStore, ends: VideoEnds
) -> Backfill:
    """Start a backfill, once ingest_svc has shown that it answers; the same request again is the same backfill.

    Raises:
        InvalidInput: the id of the request is none, or belongs to a backfill of the other kind.
        NotReady: another backfill runs, or ingest_svc can not be asked.
        UpstreamUnavailable, DeadlineExceeded: ingest_svc or the database does not answer.
    """
    request = request_id_of(request_id, fresh=fresh_id)
    wanted = Backfill(
        backfill_id=backfill_id_of(request),
        request_id=request,
        dry_run=dry_run,
        state=BackfillState.RUNNING,
        started_by=by,
        started_at=now,
        updated_at=now,
    )
    known = await store.get(wanted.backfill_id)
    if known is None:
        await ends.check("", size=1)
        known = await store.start(wanted)
    return known.of_kind(dry_run=dry_run)


async def get_backfill(backfill_id: str, *, store: BackfillStore) -> Backfill:
    """Answer how far a backfill is.

    Raises:
        NotFound: there is none of that id.
    """
    found = await store.get(backfill_id) if "\0" not in backfill_id else None
    if found is None:
        raise NotFound("there is no such backfill", reason="BACKFILL_NOT_FOUND")
    return found


async def list_backfills(
    *, page_size: int, before: int | None, store: BackfillStore
) -> tuple[tuple[Backfill, ...], int | None]:
    """Answer a page of backfills, the newest first, and the number before which the next page begins.

    Raises:
        InvalidInput: the size of the page is none.
    """
    size = page_size_of(page_size)
    found = await store.list(before=before, limit=size + 1)
    return found[:size], found[size - 1].number if len(found) > size else None


async def cancel_backfill(backfill_id: str, *, by: str, now: datetime, store: BackfillStore) -> Backfill:
    """End a backfill before it is done; one that has ended stays as it is.

    Raises:
        NotFound: there is none of that id.
    """
    await get_backfill(backfill_id, store=store)
    await store.end(backfill_id, BackfillState.CANCELLED, f"{by} cancelled it.", now)
    return await get_backfill(backfill_id, store=store)


async def verify_backfill(
    *, page_token: str, keep_days: int, now: datetime, store: BackfillStore, ends: VideoEnds
) -> Verification:
    """Check what backfills left, up to 20,000 videos from where the token says.

    Raises:
        InvalidInput: the token is not one of ours.
        UpstreamUnavailable, DeadlineExceeded: ingest_svc or the database does not answer.
    """
    after, found = read_place(page_token), Verification()
    kept_from = now - timedelta(days=keep_days)
    for _ in range(_PAGES_AT_ONCE):
        page = await ends.check(after, size=_PAGE)
        runs = await store.runs(page.backfilled)
        forgotten = [end for end in page.backfilled if end.finished_at is not None and end.finished_at < kept_from]
        judged = [
            Problem(end, problem)
            for end in page.backfilled
            if end not in forgotten and (problem := problem_of_run(end, runs.get((end.video_id, end.generation))))
        ]
        problems = [Problem(end, end.trouble) for end in page.troubled] + judged
        found = found.with_page(
            examined=page.examined,
            backfilled=len(page.backfilled),
            forgotten=len(forgotten),
            problems=problems,
            shown=_SHOWN,
        )
        after = page.last_video_id
        if page.is_last:
            return found
    return found.going_on(write_place(after))
