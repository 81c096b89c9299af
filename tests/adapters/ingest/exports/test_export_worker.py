"""The worker of exports on a real broker, a real database and a real folder, with a maker that writes small files."""

import asyncio
import errno
from typing import Any

import pytest

from chassis.core.errors import UnreadableMedia, UpstreamUnavailable
from chassis.io.jetstream import Outgoing
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import work_pb2
from ingest_svc.domain.exports.facts import CancelRequested, Claimed, Lost
from ingest_svc.domain.exports.values import ExportState
from ingest_svc.exports import worker as worker_module
from ingest_svc.exports.worker import CONSUMER
from tests.support.eventually import eventually
from tests.support.export_worker_lab import CLOCK, asked, attempts_of, becomes, events, keys, working
from tests.support.ingest_lab import OWNER


async def test_an_export_is_made_stored_and_told_once(lab):
    """R-EXP-06, R-EXP-07: files at their places, one stage event, an empty scratch folder, nothing left to do."""
    await asked(lab)
    async with working(lab.worker):
        done = await becomes(lab, ExportState.COMPLETED)
        await eventually(lambda: _is_idle(lab.bus))
    (event,) = await events(lab.database)

    assert await keys(lab.blobs, "exports") == [f"exports/ada/e_1.{kind}" for kind in ("jpg", "mp4", "srt", "vtt")]
    assert await keys(lab.blobs, "uploads") == []
    assert await lab.blobs.get(done.order.storage_path) == b"mp4 1"
    assert (event.event_id, event.stage) == (f"e_1/exporting/{done.export.fence}", stage_pb2.STAGE_EXPORTING)
    assert (event.video_id, event.generation, event.attempt, event.duration_ns > 0) == ("v_1", 0, 1, True)
    assert list(lab.scratch.iterdir()) == []


async def _is_idle(bus):
    return await bus.pending(CONSUMER) == 0


async def test_progress_is_seen_while_it_is_made(lab):
    """R-EXP-09: at most once a second, and for those who watch."""
    go_on = asyncio.Event()

    async def half_way(job):
        job.on_progress(0.5)
        await go_on.wait()

    lab.maker.before = half_way
    await asked(lab)

    async def is_half_way():
        return (await lab.shelf.get(OWNER, "e_1")).progress == 0.5

    async with working(lab.worker):
        await eventually(is_half_way)
        go_on.set()
        assert (await becomes(lab, ExportState.COMPLETED)).progress == 1.0


async def test_a_cancelled_export_is_dropped_at_once(lab):
    """Cancelling ends the lab.maker, leaves no object, and tells its work as cancelled."""

    async def for_ever(_job):
        await asyncio.Event().wait()

    lab.maker.before = for_ever
    await asked(lab)
    async with working(lab.worker):
        await eventually(lambda: bool(lab.maker.jobs))
        began = CLOCK.monotonic_ns()
        await lab.exports.apply("e_1", CancelRequested(), now=CLOCK.now(), owner_id=OWNER)
        await eventually(lambda: lab.maker.ended == 1)
        took_s = (CLOCK.monotonic_ns() - began) / 1e9
        (event,) = await eventually(lambda: _told(lab.database))

    assert took_s < 0.9, "it was told by a notification, not found by the next beat"
    assert (event.outcome, event.reason) == (stage_pb2.OUTCOME_CANCELLED, "EXPORT_TAKEN_AWAY")
    assert (await lab.shelf.get(OWNER, "e_1")).export.state is ExportState.CANCELLED
    assert await keys(lab.blobs, "") == []


async def _told(database):
    return await events(database) or False


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (UnreadableMedia("not one picture can be decoded", reason="DECODE_FAILED"), "DECODE_FAILED"),
        (ZeroDivisionError("a secret"), "INTERNAL"),
    ],
)
async def test_failures_end_with_a_reason(lab, failure, reason):
    """R-EXP-08: a refused file at once, a bug after three attempts; the text of a bug stays with us."""

    async def fail(_job):
        raise failure

    lab.maker.before = fail
    await asked(lab)
    async with working(lab.worker):
        failed = (await becomes(lab, ExportState.FAILED)).export

    assert (failed.reason, failed.completed_at is not None) == (reason, True)
    assert "secret" not in failed.message
    assert len(lab.maker.jobs) == (3 if reason == "INTERNAL" else 1)
    assert [event.attempt for event in await events(lab.database)] == list(range(1, len(lab.maker.jobs) + 1))
    assert (await lab.exports.quota(OWNER, now=CLOCK.now())).used == (0 if reason == "INTERNAL" else 1)
    assert await keys(lab.blobs, "") == []


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (UpstreamUnavailable("inference_svc starts again", reason="UNAVAILABLE"), "UNAVAILABLE"),
        (OSError(errno.ENOSPC, "No space left on device"), "SCRATCH_FULL"),
    ],
)
async def test_a_passing_trouble_is_tried_again(lab, trouble, reason):
    """A full disk, a service that starts again: named, another attempt, one result."""

    async def fail_once(_job):
        if len(lab.maker.jobs) == 1:
            raise trouble

    lab.maker.before = fail_once
    await asked(lab)
    async with working(lab.worker):
        done = await becomes(lab, ExportState.COMPLETED)
    first, second = await events(lab.database)

    assert (done.export.attempt, done.export.reason) == (2, "")
    assert (first.outcome, second.outcome) == (stage_pb2.OUTCOME_FAILED, stage_pb2.OUTCOME_SUCCEEDED)
    async with lab.database.connection() as connection:
        assert await connection.fetchval("SELECT reason FROM ingest.export_attempts ORDER BY fence LIMIT 1") == reason


async def test_a_worker_that_was_replaced_publishes_nothing(lab):
    """The fence: what a replaced worker made does not overwrite what its successor did."""
    go_on = asyncio.Event()

    async def slow_first(_job):
        if len(lab.maker.jobs) == 1:
            await go_on.wait()

    lab.maker.before = slow_first
    export = await asked(lab)
    async with working(lab.worker, slots=2):
        await eventually(lambda: bool(lab.maker.jobs))
        await lab.exports.apply("e_1", Lost(export.fence), now=CLOCK.now())
        done = await becomes(lab, ExportState.COMPLETED)
        go_on.set()
        await eventually(lambda: lab.maker.ended == 2)

    assert done.export.fence == export.fence + 1
    assert await lab.blobs.get(done.order.storage_path) == b"mp4 2"
    assert await keys(lab.blobs, "uploads") == []


async def test_what_kills_its_worker_three_times_is_poison(lab):
    """The fourth delivery is refused; its attempt is told without a length."""
    export = await asked(lab)
    for _ in range(3):
        await lab.exports.apply("e_1", Claimed(export.fence, CLOCK.now(), "w/h/1"), now=CLOCK.now())
    async with working(lab.worker):
        failed = await becomes(lab, ExportState.FAILED)
        (event,) = await eventually(lambda: _told(lab.database))

    assert (failed.export.reason, lab.maker.jobs) == ("POISON", [])
    assert (event.reason, event.unmeasured_attempts) == ("POISON", 1)
    assert (await lab.exports.quota(OWNER, now=CLOCK.now())).used == 0


async def test_work_that_is_put_down_when_the_service_stops_costs_no_attempt(lab):
    """It is handed out again at once under its number."""

    async def for_ever(_job):
        await asyncio.Event().wait()

    lab.maker.before = for_ever
    export = await asked(lab)
    async with working(lab.worker):
        await eventually(lambda: bool(lab.maker.jobs))
    row = (await lab.shelf.get(OWNER, "e_1")).export

    assert (row.state, row.attempt, row.fence) == (ExportState.QUEUED, 1, export.fence + 1)
    lab.maker.before = lab.maker.nothing
    async with working(lab.worker):
        await becomes(lab, ExportState.COMPLETED)


async def test_a_message_that_is_no_work_is_put_aside(lab):
    """It reaches the dead letters and holds nobody up."""
    await lab.bus.publish(Outgoing("heimdex.work.v1.ingest.export_clip.x", b"\xff\xff", "what", "strange"))
    async with working(lab.worker):
        await eventually(lambda: _is_idle(lab.bus))
        assert await lab.bus.holds("HEIMDEX_DEAD", 1, "dead/strange")


async def test_an_object_store_that_refuses_the_end_costs_an_attempt_and_no_export(lab, monkeypatch):
    """What was made can not take its place: tried for a while, then made again; the carrier is not asked to judge."""
    monkeypatch.setattr(worker_module, "_STORE_SECONDS", 0.2)
    in_the_way = lab.blobs.local_path("exports")
    in_the_way.write_bytes(b"a file where a folder must be")
    await asked(lab)

    async def has_failed():
        return (await lab.shelf.get(OWNER, "e_1")).export.attempt == 2

    async with working(lab.worker):
        await eventually(has_failed)
        in_the_way.unlink()
        done = await becomes(lab, ExportState.COMPLETED)

    assert (await attempts_of(lab))[0] == ("failed", "BLOB_STORE_UNAVAILABLE")
    assert await lab.blobs.get(done.order.storage_path) == b"mp4 2"


async def test_a_database_that_was_away_delays_an_export_and_costs_it_nothing(lab, monkeypatch):
    """The claim could not be stored: the message comes again."""
    claims = []
    apply = lab.exports.apply

    async def away_once(export_id, fact, **more: Any):
        if isinstance(fact, Claimed):
            claims.append(fact)
            if len(claims) == 1:
                raise UpstreamUnavailable("the database does not answer")
        return await apply(export_id, fact, **more)

    monkeypatch.setattr(lab.exports, "apply", away_once)
    await asked(lab)
    async with working(lab.worker):
        done = await becomes(lab, ExportState.COMPLETED)

    assert (done.export.attempt, done.export.starts, len(claims)) == (1, 1, 2)


async def test_work_on_an_export_that_is_not_there_any_more_is_done(lab):
    work = work_pb2.ExportClip(export_id="e_gone", fence=1)
    message = Outgoing(
        "heimdex.work.v1.ingest.export_clip.e_gone", work.SerializeToString(), "heimdex.ingest.v1.ExportClip", "gone"
    )
    await lab.bus.publish(message)
    async with working(lab.worker):
        await eventually(lambda: _is_idle(lab.bus))

    assert lab.maker.jobs == []
