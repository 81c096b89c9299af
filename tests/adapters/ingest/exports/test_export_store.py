"""Exports in PostgreSQL: one transaction over state, hand-outs, result, quota and outbox."""

from datetime import timedelta

import pytest

from chassis.core.errors import AlreadyExists, NotFound, Overloaded, UpstreamUnavailable
from chassis.io.concurrently import all_of
from chassis.io.jetstream import Outgoing
from heimdex.ingest.v1 import work_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.domain.exports.facts import CancelRequested, Done, GivenBack, Lost, RetryRequested, TimePassed, Undone
from ingest_svc.domain.exports.values import ExportState, Strategy
from tests.support.export_lab import DAY, NS, a_deed, claim, order_one
from tests.support.ingest_lab import OWNER, T0, count

OURS = {"reason": "INTERNAL", "message": "internal error", "is_permanent": True}
THEIRS = {"reason": "DECODE_FAILED", "message": "not one picture can be decoded", "is_permanent": True}


async def sent(database, pattern="%"):
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM ingest.outbox WHERE msg_id LIKE $1 ORDER BY id", pattern)
    return [dict(row) for row in rows]


async def attempts(database, export_id="e_1"):
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT run, number, outcome, reason, starts FROM ingest.export_attempts"
            " WHERE export_id = $1 ORDER BY fence",
            export_id,
        )
    return [tuple(row) for row in rows]


async def operations(database):
    return [stage_event_pb2.OperationEvent.FromString(row["payload"]) for row in await sent(database, "operation/%")]


async def test_an_export_is_stored_with_its_work(exports, shelf, database):
    """R-EXP-01, R-EXP-07: the row, the first hand-out and the message come together."""
    made = await order_one(exports)
    (message,) = await sent(database)
    work = work_pb2.ExportClip.FromString(message["payload"])

    assert made == await shelf.get(OWNER, "e_1")
    assert (made.export.state, made.export.attempt, made.progress, made.result) == (ExportState.QUEUED, 1, None, None)
    assert (made.export.expires_at, made.order.storage_path) == (T0 + DAY, "exports/ada/e_1.mp4")
    assert (work.export_id, work.fence) == ("e_1", made.export.fence)
    assert message["subject"] == "heimdex.work.v1.ingest.export_clip.e_1"
    assert await attempts(database) == [(1, 1, None, "", 0)]


async def test_a_finished_export_has_everything_the_record_must_have(exports, shelf, database, ticks):
    """R-EXP-07: status, path, size, length, resolution, both times; its owner waited so long."""
    export = await claim(exports, (await order_one(exports)).export)
    ticks.ns += 7 * NS
    done = await exports.apply("e_1", Done(export.fence), now=T0 + timedelta(seconds=9), deed=a_deed())
    (event,) = await operations(database)

    assert done == await shelf.get(OWNER, "e_1")
    assert (done.export.state, done.progress) == (ExportState.COMPLETED, 1.0)
    assert done.export.completed_at == T0 + timedelta(seconds=9)
    assert done.result.size_bytes == 1_234
    assert done.result.used_strategy is Strategy.BLUR_PAD
    assert (event.duration_ns, event.size_bytes, event.media_duration_ns) == (7 * NS, 1_234, 10 * NS)
    assert event.operation == stage_event_pb2.OPERATION_EXPORT
    assert await attempts(database) == [(1, 1, "succeeded", "", 1)]


async def test_a_wait_that_ends_by_another_clock_was_not_measured(exports, database, ticks):
    """K4: no length comes of two clocks; a negative one says so."""
    export = await claim(exports, (await order_one(exports)).export)
    ticks.clock = "boot-2"
    await exports.apply("e_1", Done(export.fence), now=T0, deed=a_deed())
    (event,) = await operations(database)

    assert event.duration_ns == -1


async def test_a_failed_export_has_its_time_and_message(exports, database):
    """R-EXP-08."""
    export = await claim(exports, (await order_one(exports)).export)
    failed = (await exports.apply("e_1", Undone(export.fence, **THEIRS), now=T0)).export
    (event,) = await operations(database)

    assert (failed.state, failed.completed_at, failed.reason) == (ExportState.FAILED, T0, "DECODE_FAILED")
    assert failed.message == "not one picture can be decoded"
    assert event.reason == "DECODE_FAILED"


async def test_a_retryable_failure_is_handed_out_again_later(exports, database):
    """Backoff: the next message has another fence and waits."""
    export = await claim(exports, (await order_one(exports)).export)
    again = await exports.apply("e_1", Undone(export.fence, "SCRATCH_FULL", "full", is_permanent=False), now=T0)
    messages = await sent(database, "work/%")

    assert (again.export.state, again.export.attempt, again.progress) == (ExportState.QUEUED, 2, None)
    assert [row["not_before"] - T0 for row in messages] == [timedelta(0), timedelta(seconds=1)]
    assert await attempts(database) == [(1, 1, "failed", "SCRATCH_FULL", 1), (1, 2, None, "", 0)]


async def test_a_late_answer_changes_nothing_and_its_work_is_told_all_the_same(exports, database):
    """The fence: the result of a worker that was replaced is refused, and nothing of it is published."""
    export = await claim(exports, (await order_one(exports)).export)
    await exports.apply("e_1", Lost(export.fence), now=T0)
    told = Outgoing("heimdex.stage.v1.ingest.stage_event.v_1", b"", "heimdex.metrics.v1.StageEvent", "stage/e_1/1")

    async def publish():
        raise AssertionError("published")

    for _ in range(2):
        late = await exports.apply("e_1", Done(export.fence), now=T0, deed=a_deed(publish), tell=[told])

    assert (late.export.state, late.result) == (ExportState.QUEUED, None)
    assert len(await sent(database, "stage/e_1/1")) == 1
    assert await attempts(database) == [(1, 1, "cancelled", "LOST", 1), (1, 1, None, "", 0)]


async def test_nothing_is_completed_whose_files_could_not_be_published(exports, shelf):
    """The object store is down at the worst moment: all or nothing."""
    export = await claim(exports, (await order_one(exports)).export)

    async def publish():
        raise UpstreamUnavailable("the object store does not answer")

    with pytest.raises(UpstreamUnavailable):
        await exports.apply("e_1", Done(export.fence), now=T0, deed=a_deed(publish))
    assert (await shelf.get(OWNER, "e_1")).export.state is ExportState.PROCESSING


async def test_the_same_request_is_the_same_export(exports, database):
    """`request_id`: one row, one message, also when both come at once; another wish under the name is refused."""
    first, second = await all_of(*(order_one(exports, "e_1", request_id="r") for _ in range(2)))
    with pytest.raises(AlreadyExists) as refused:
        await order_one(exports, "e_1", request_id="r", strategy=Strategy.LETTERBOX)

    assert first == second == await exports.find_request(OWNER, "r", first.order.request_digest)
    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert (await count(database, "exports"), len(await sent(database))) == (1, 1)
    assert (await order_one(exports, "e_2", owner="bob", request_id="r")).export.id == "e_2", "a name is one user's"


async def test_the_eleventh_export_of_a_day_is_refused_until_the_first_is_a_day_old(exports):
    """R-EXP-04, R-USR-05: the reset is the oldest export plus 24 h, exact; other users are not touched."""
    for number in range(10):
        await order_one(exports, f"e_{number}", at=T0 + timedelta(minutes=number))
    now = T0 + timedelta(hours=23, minutes=59)
    with pytest.raises(Overloaded) as refused:
        await order_one(exports, "e_10", at=now)
    quota = await exports.quota(OWNER, now=now)

    assert refused.value.reason == "EXPORT_QUOTA_EXCEEDED"
    assert refused.value.retry_after_seconds == 60.0
    assert refused.value.metadata == {"limit": "10", "used": "10", "reset_at": "2026-11-21T12:00:00Z"}
    assert (quota.limit, quota.used, quota.remaining, quota.reset_at) == (10, 10, 0, T0 + DAY)
    with pytest.raises(Overloaded):
        await order_one(exports, "e_10", at=T0 + DAY - timedelta(microseconds=1))
    await order_one(exports, "e_11", owner="bob", at=now)
    assert (await order_one(exports, "e_10", at=T0 + DAY)).export.id == "e_10"
    assert (await exports.quota(OWNER, now=T0 + DAY)).reset_at == T0 + DAY + timedelta(minutes=1)


async def test_requests_at_once_can_not_take_the_last_place_twice(exports, database):
    """R-EXP-04: requests of one user wait for each other."""
    for number in range(9):
        await order_one(exports, f"e_{number}")

    async def one(number):
        try:
            return await order_one(exports, f"e_{number}")
        except Overloaded:
            return None

    taken = [row for row in await all_of(*(one(number) for number in range(20, 26))) if row is not None]

    assert (len(taken), await count(database, "exports")) == (1, 10)


async def test_failures_of_ours_do_not_count_and_deleted_exports_do(exports):
    """Quota: what is our fault costs nothing; what the file is refused for does; deleting gives no place back."""
    for export_id, failure in (("e_ours", OURS), ("e_theirs", THEIRS)):
        export = await claim(exports, (await order_one(exports, export_id)).export)
        await exports.apply(export_id, Undone(export.fence, **failure), now=T0)
    await order_one(exports, "e_deleted")
    await exports.delete(OWNER, "e_deleted", now=T0)

    assert (await exports.quota(OWNER, now=T0)).used == 2


async def test_a_retry_takes_a_place_again(exports):
    """An export that failed by our fault counts anew when it is tried again, if there is a place."""
    export = await claim(exports, (await order_one(exports, "e_ours")).export)
    await exports.apply("e_ours", Undone(export.fence, **OURS), now=T0)
    for number in range(10):
        await order_one(exports, f"e_{number}")
    with pytest.raises(Overloaded):
        await exports.apply("e_ours", RetryRequested(), now=T0, owner_id=OWNER)
    later = T0 + DAY
    again = await exports.apply("e_ours", RetryRequested(), now=later, owner_id=OWNER)

    assert (again.export.run, again.export.attempt, again.export.is_charged) == (2, 1, True)


async def test_each_run_is_told_once(exports, database, ticks):
    """K4: a retry is waited for from when it was asked for."""
    export = await claim(exports, (await order_one(exports)).export)
    await exports.apply("e_1", CancelRequested(), now=T0)
    await exports.apply("e_1", CancelRequested(), now=T0)
    ticks.ns += 100 * NS
    again = (await exports.apply("e_1", RetryRequested(), now=T0 + timedelta(seconds=100))).export
    ticks.ns += 3 * NS
    await claim(exports, again)
    await exports.apply("e_1", Done(export.fence), now=T0, deed=a_deed())
    await exports.apply("e_1", Done(again.fence), now=T0, deed=a_deed())

    assert [(one.event_id, one.duration_ns) for one in await operations(database)] == [
        ("e_1/export/1", 0),
        ("e_1/export/2", 3 * NS),
    ]


async def test_progress_rises_while_the_work_is_held_and_a_replaced_worker_is_told_so(exports, shelf):
    """A beat is refused as soon as the export is somebody else's, cancelled or over."""
    export = await claim(exports, (await order_one(exports)).export)
    assert await exports.beat("e_1", export.fence, 0.5, now=T0)
    assert await exports.beat("e_1", export.fence, 0.4, now=T0)
    assert (await shelf.get(OWNER, "e_1")).progress == 0.5
    assert await exports.is_held("e_1", export.fence)
    await exports.apply("e_1", GivenBack(export.fence), now=T0)

    assert not await exports.beat("e_1", export.fence, 0.6, now=T0)
    assert not await exports.is_held("e_1", export.fence)


async def test_what_is_another_users_or_deleted_is_not_there(exports, shelf):
    """R-EXP-02: the same answer as for one that never was."""
    await order_one(exports)
    for look in (
        lambda: shelf.get("bob", "e_1"),
        lambda: exports.apply("e_1", CancelRequested(), now=T0, owner_id="bob"),
        lambda: exports.delete("bob", "e_1", now=T0),
    ):
        with pytest.raises(NotFound) as refused:
            await look()
        assert refused.value.reason == "EXPORT_NOT_FOUND"
    await exports.delete(OWNER, "e_1", now=T0)
    with pytest.raises(NotFound):
        await shelf.get(OWNER, "e_1")
    assert await shelf.page(OWNER, state=None, scene_id="", video_id="", after=None, limit=9) == []


async def test_lists_are_newest_first_and_filtered(exports, shelf):
    for number, video in enumerate(("v_1", "v_2", "v_1")):
        await order_one(exports, f"e_{number}", video=video, at=T0 + timedelta(seconds=number))
    await exports.apply("e_2", CancelRequested(), now=T0)

    async def ids(state=None, scene="", video="", after=None, limit=9):
        rows = await shelf.page(OWNER, state=state, scene_id=scene, video_id=video, after=after, limit=limit)
        return [row.export.id for row in rows]

    assert await ids() == ["e_2", "e_1", "e_0"]
    assert await ids(video="v_1") == ["e_2", "e_0"]
    assert await ids(state="cancelled") == ["e_2"]
    assert (await ids(scene="s_1"), await ids(scene="s_2")) == (["e_2", "e_1", "e_0"], [])
    assert await ids(after=(T0 + timedelta(seconds=2), "e_2"), limit=1) == ["e_1"]


async def test_an_export_expires_with_its_time_and_keeps_its_end(exports, shelf):
    """R-EXP-11, R-EXP-13: `completed_at` stays."""
    export = await claim(exports, (await order_one(exports)).export)
    await exports.apply("e_1", Done(export.fence), now=T0, deed=a_deed())
    early = await exports.apply("e_1", TimePassed(), now=T0 + DAY - timedelta(seconds=1))
    late = await exports.apply("e_1", TimePassed(), now=T0 + DAY)

    assert (early.export.state, late.export.state) == (ExportState.COMPLETED, ExportState.EXPIRED)
    assert late.export.completed_at == T0
