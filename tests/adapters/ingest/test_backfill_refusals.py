"""MaintenanceService when others are faster, when there is too much to do, and when rows or callers are hostile."""

import asyncio

import pytest

from chassis.core.errors import InvalidInput, Overloaded, PermissionDenied, Unauthenticated
from heimdex.ingest.v1 import maintenance_service_pb2 as api
from ingest_svc.adapters import backfill_store
from ingest_svc.adapters.backfill_store import BackfillStore
from tests.support.backfill_lab import T_OLD, old_videos
from tests.support.ingest_lab import count
from tests.support.maintenance_lab import USERS, counts, maintenance, page, run_events


@pytest.fixture
async def call(database):
    async with maintenance(database) as call:
        yield call


async def test_the_database_itself_refuses_to_write_in_a_dry_run(database):
    """R-BKF-03: not only the absence of a statement."""
    await old_videos(database, "v_a")
    store = BackfillStore(database)
    backfill_queries = backfill_store._BACKFILL
    async with database.transaction() as connection:
        await connection.execute(backfill_queries["promise_not_to_write"])
        with pytest.raises(Exception, match="read-only transaction"):
            await connection.fetch(backfill_queries["backfill_ends"], ["v_a"], [T_OLD], "bf")

    assert (await store.page("", 5)).videos[0].has_end is False


async def test_a_video_that_changes_meanwhile_makes_its_page_come_again_whole(database, call, monkeypatch):
    """R-BKF-04: all of a page or nothing of it."""
    await old_videos(database, "v_a", "v_b")
    store, real = BackfillStore(database), backfill_store._page

    async def slow(connection, after, size):
        found = await real(connection, after, size)
        async with database.connection() as other:
            await other.execute("UPDATE ingest.videos SET updated_at = now() WHERE id = 'v_b'")
        return found

    monkeypatch.setattr(backfill_store, "_page", slow)
    with pytest.raises(Exception, match="was changed"):
        await call(page())
    monkeypatch.undo()

    assert not any(one.has_end for one in (await store.page("", 9)).videos)
    assert await count(database, "outbox") == 0
    assert counts(await call(page()))[:2] == (2, 2)


async def test_two_that_ask_for_the_same_page_at_once_agree(database, call):
    """R-BKF-04: whoever comes second finds what the first one left, or is told to come again."""
    await old_videos(database, *(f"v_{number}" for number in range(9)))
    answers = await asyncio.gather(*(call(page()) for _ in range(6)), return_exceptions=True)
    told = [one for one in answers if not isinstance(one, Exception)]

    assert {counts(one) for one in told} == {(9, 9, 0, 0, 0)}
    assert len(await run_events(database)) == 9


async def test_a_full_outbox_makes_a_backfill_wait(database, call, monkeypatch):
    """Work that users wait for goes through the same outbox."""
    monkeypatch.setattr(backfill_store, "_MOST_WAITING", 3)
    await old_videos(database, "v_a", "v_b", "v_c", "v_d")
    await call(page(size=2))

    with pytest.raises(Overloaded) as refused:
        await call(page("v_b", size=2))
    assert (refused.value.reason, refused.value.retry_after_seconds) == ("OUTBOX_FULL", 1.0)
    assert counts(await call(page("v_b", size=2, dry=True))) == (2, 2, 0, 0, 0)


async def test_times_that_no_date_can_hold_and_ids_that_no_message_can_carry_stop_nothing(database, call):
    """Hostile rows are counted with the reason, and the others go on."""
    await old_videos(database, "v_fine", "v_inf", "v_created", "v ä")
    async with database.connection() as connection:
        await connection.execute("UPDATE ingest.videos SET updated_at = 'infinity' WHERE id = 'v_inf'")
        await connection.execute("UPDATE ingest.videos SET created_at = '-infinity' WHERE id = 'v_created'")
    answer = await call(page())

    assert counts(answer) == (4, 1, 0, 0, 3)
    assert {one.video_id: one.trouble for one in answer.videos} == {
        "v_fine": "",
        "v_inf": "NO_BELIEVABLE_TIME",
        "v_created": "NO_BELIEVABLE_TIME",
        "v ä": "UNUSABLE_ID",
    }


@pytest.mark.parametrize("token", [*USERS, "not a token"])
async def test_only_services_may_call_it(call, token):
    """R-USR-04: not even an administrator; metrics_svc asks on their behalf."""
    for request in (page(), api.CheckEndsRequest()):
        with pytest.raises((PermissionDenied, Unauthenticated)):
            await call(request, token)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (page(size=1_001), "page_size"),
        (page(size=-1), "page_size"),
        (page(backfill=""), "backfill_id"),
        (page(backfill="a b"), "backfill_id"),
        (page("x" * 513), "after_video_id"),
        (page("\0"), "after_video_id"),
        (api.CheckEndsRequest(page_size=-5), "page_size"),
        (api.CheckEndsRequest(after_video_id="a\0"), "after_video_id"),
    ],
)
async def test_bad_input_is_refused_with_the_field(call, request_, field):
    with pytest.raises(InvalidInput) as refused:
        await call(request_)

    assert [one.field for one in refused.value.violations] == [field]
