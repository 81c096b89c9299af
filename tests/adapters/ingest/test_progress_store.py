"""ProgressStore: one transaction over inbox, state, history and outbox."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.core.errors import NotFound, NotReady, UpstreamUnavailable
from chassis.core.stages import PIPELINE, Outcome, Stage
from ingest_svc.domain.advance import advance
from ingest_svc.domain.facts import CancelRequested, Ended, Lost, Started
from ingest_svc.domain.video import VideoState
from tests.support.ingest_lab import OWNER, T0, count, finish, open_steps, registered, result_of, settle

TABLES = ("videos", "video_metadata", "steps", "attempts", "transitions", "outbox", "inbox")


async def counts(database):
    return {table: await count(database, table) for table in TABLES}


async def due(progress, at=T0):
    """Take everything that is due and return its messages in the order of sending, but for what tells of videos."""
    taken = []

    async def send(messages):
        taken.extend(one.message for one in messages if ".video_changed." not in one.message.subject)
        return [1_000 + one.id for one in messages]

    while await progress.take_due(at, 3, send):
        pass
    return taken


async def test_registering_twice_is_registering_once(database, progress):
    """R-ING-01, R-STG-01: the queue stamp, the row and the message are one transaction."""
    video = await registered(progress, title="Harbour")
    once = await counts(database)
    await registered(progress, title="Another title")

    assert await counts(database) == once
    assert once == {
        "videos": 1,
        "video_metadata": 1,
        "steps": 7,
        "attempts": 1,
        "transitions": 2,
        "outbox": 2,
        "inbox": 0,
    }
    assert [one.msg_id for one in await due(progress)] == [f"work/{video.id}/downloading/{video.fence}"]


async def test_ten_uploads_of_the_same_bytes_at_once_register_one_video(database, progress):
    """R-ING-01."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(registered(progress))

    assert await count(database, "videos") == 1
    assert await count(database, "outbox", "subject LIKE 'heimdex.work.%'") == 1


async def test_the_same_fact_twice_changes_nothing_the_second_time(database, progress):
    """R-STG-08: a repeated fact is taken in once even when its decision would say otherwise."""
    video = await registered(progress)
    fact = result_of(open_steps(video)[0])
    first = await progress.apply(video.id, lambda before: advance(before, fact, now=T0), fact_id="f1")
    once = await counts(database)
    again = await progress.apply(video.id, lambda before: advance(before, CancelRequested(), now=T0), fact_id="f1")

    assert again == first
    assert await counts(database) == once


async def test_the_same_fact_on_two_replicas_at_once_counts_once(database, progress):
    """R-STG-08, R-RET-06."""
    video = await registered(progress)
    fact = result_of(open_steps(video)[0])
    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(
                progress.apply(video.id, lambda before: advance(before, fact, now=T0), fact_id="the same")
            )

    assert await count(database, "inbox") == 1
    assert await count(database, "outbox", "msg_id LIKE 'work/%/metadata/%'") == 1


async def test_a_decision_that_raises_leaves_nothing_not_even_its_fact(database, progress):
    video = await registered(progress)
    before = await counts(database)

    async def refuse(_connection):
        raise NotReady("no")

    def broken(_video):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await progress.apply(video.id, broken, fact_id="f1")
    with pytest.raises(NotReady):
        await progress.apply(video.id, lambda one: advance(one, CancelRequested(), now=T0), fact_id="f1", also=refuse)
    assert await counts(database) == before
    after = await progress.apply(video.id, lambda one: advance(one, CancelRequested(), now=T0), fact_id="f1")
    assert after.state is VideoState.CANCELLED


async def test_a_video_that_is_not_there_or_not_yours_is_not_found(progress):
    """R-SRC-06."""
    video = await registered(progress)

    for identity, owner in ((video.id, "eve"), ("v_nothing", "")):
        with pytest.raises(NotFound) as refused:
            await progress.apply(identity, lambda one: advance(one, CancelRequested(), now=T0), owner_id=owner)
        assert refused.value.reason == "VIDEO_NOT_FOUND"


async def test_messages_leave_in_the_order_of_decision_and_not_before_their_time(progress):
    """R-RET-01: a retry waits in the outbox for its backoff."""
    video = await registered(progress)
    video = await settle(progress, video, result_of(open_steps(video)[0]))
    waiting = result_of(open_steps(video)[0], Outcome.FAILED, reason="UPSTREAM_UNAVAILABLE", message="gone")
    video = await settle(progress, video, waiting)
    stages = [one.subject.split(".")[4] for one in await due(progress)]

    assert stages == ["downloading", "metadata"]
    assert await due(progress, T0 + timedelta(seconds=0.9)) == []
    assert await progress.outbox_waiting() == (1, T0 + timedelta(seconds=1))
    (again,) = await due(progress, T0 + timedelta(seconds=1))
    assert again.msg_id == f"work/{video.id}/metadata/{video.fence}"
    assert await progress.outbox_waiting() == (0, None)


async def test_messages_that_could_not_be_sent_stay_in_the_outbox(progress):
    video = await registered(progress)

    async def refuse(_messages):
        raise ConnectionResetError

    with pytest.raises(UpstreamUnavailable):
        await progress.take_due(T0, 10, refuse)
    assert [one.msg_id for one in await due(progress)] == [f"work/{video.id}/downloading/{video.fence}"]


async def test_two_relays_never_send_the_same_message_at_once(progress):
    for number in range(6):
        await registered(progress, f"clip {number}")
    both_hold, taken = asyncio.Barrier(2), []

    async def send(messages):
        await both_hold.wait()
        taken.append({one.id for one in messages})
        return [one.id for one in messages]

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(progress.take_due(T0, 3, send))

    assert len(taken[0]) == len(taken[1]) == 3
    assert taken[0].isdisjoint(taken[1])


async def test_every_attempt_of_a_retried_stage_has_its_row(progress, library):
    """R-RET-07, R-RET-01, K4: given back, lost, failed twice, done; only failures count as attempts."""
    video = await registered(progress)

    def step():
        return open_steps(video)[0]

    video = await settle(progress, video, Started(Stage.DOWNLOADING, step().fence, T0, "w1", 1))
    video = await settle(progress, video, result_of(step(), Outcome.CANCELLED, reason="STOPPING", worker="w1"))
    video = await settle(progress, video, Lost(Stage.DOWNLOADING, step().fence))
    for worker in ("w2", "w3"):
        video = await settle(progress, video, Started(Stage.DOWNLOADING, step().fence, T0, worker, 2))
        failure = result_of(step(), Outcome.FAILED, reason="UPSTREAM_UNAVAILABLE", message="gone", worker=worker)
        video = await settle(progress, video, failure)
    video = await settle(progress, video, result_of(step(), worker="w4"))
    rows = [row for row in await library.list_attempts(OWNER, video.id) if row.stage == "downloading"]

    assert [(row.number, row.outcome, row.reason, row.worker) for row in rows] == [
        (1, "cancelled", "GIVEN_BACK", "w1"),
        (1, "cancelled", "GIVEN_BACK", ""),
        (1, "failed", "UPSTREAM_UNAVAILABLE", "w2"),
        (2, "failed", "UPSTREAM_UNAVAILABLE", "w3"),
        (3, "succeeded", "", "w4"),
    ]
    assert [row.fence for row in rows] == sorted({row.fence for row in rows})
    # A failed attempt ended when its worker says so, not when the next one begins after the backoff.
    assert [(row.started_at, row.finished_at) for row in rows if row.worker] == [(T0, T0 + timedelta(seconds=1))] * 4


async def test_a_late_answer_of_a_given_up_attempt_changes_nothing(database, progress):
    """R-STG-07: the fence of an attempt that was given up is refused."""
    video = await registered(progress)
    old = open_steps(video)[0]
    video = await settle(progress, video, Lost(old.stage, old.fence))
    before = await counts(database)
    after = await settle(progress, video, result_of(old))

    assert after == video
    assert await counts(database) == before


async def test_a_run_leaves_its_times_its_history_and_one_end(database, progress, library):
    """R-STG-01, R-STG-02, R-STG-03, R-ING-18: times in order, 12.345 s exact, one end-of-run event."""
    video = await finish(progress, await registered(progress), at=T0 + timedelta(seconds=2))
    row = await library.get_video(OWNER, video.id)

    assert (row.state, row.duration_ns, row.stage) == (VideoState.READY, 12_345_000_000, "finalizing")
    assert row.queued_at == T0
    assert row.processing_started_at == T0 + timedelta(seconds=2)
    assert row.processing_finished_at == row.indexed_at == T0 + timedelta(seconds=3)
    assert await count(database, "outbox", "subject LIKE '%.stage_event.%'") == 1
    history = await library.list_transitions(video.id, 0)
    assert [one.sequence for one in history] == sorted(one.sequence for one in history)
    assert history[-1].state == "ready"
    done = [one.stage for one in history if one.step_state == "done"]
    assert sorted(done) == sorted(PIPELINE)
    assert done.index("metadata") < done.index("scene_detection") < done.index("scene_processing")


async def test_a_failed_run_has_all_three_times_and_keeps_the_stage_that_broke(progress, library):
    """R-STG-03, K3."""
    video = await registered(progress)
    broken = result_of(
        open_steps(video)[0], Outcome.FAILED, reason="OBJECT_TRUNCATED", is_permanent=True, message="cut"
    )
    await settle(progress, video, broken)
    row = await library.get_video(OWNER, video.id)

    assert (row.state, row.stage, row.failed_stage) == (VideoState.FAILED, "downloading", "downloading")
    assert (row.error_reason, row.error_message) == ("OBJECT_TRUNCATED", "cut")
    assert row.queued_at <= row.processing_started_at <= row.processing_finished_at
    assert await library.list_failed(OWNER, stage=None, reason=None, limit=5) == [(video.id, Stage.DOWNLOADING)]
    assert await library.list_failed(OWNER, stage=Stage.METADATA, reason=None, limit=5) == []
    assert await library.list_failed(OWNER, stage=None, reason="OTHER", limit=5) == []


offsets = st.integers(-5_000, 5_000).map(lambda ms: timedelta(milliseconds=ms))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 60), offsets, offsets)
async def test_clocks_that_disagree_never_break_the_order_of_times(progress, library, number, began, ended):
    """R-STG-01, R-STG-04: the database itself refuses times out of order, so no skew may reach it."""
    video = await registered(progress, f"skew {number}", owner="skew")
    while waiting := open_steps(video):
        step = waiting[0]
        fact = Ended(step.stage, step.fence, T0 + began, T0 + ended, Outcome.SUCCEEDED, "key", media_info=b"\x0a\x00")
        video = await settle(progress, video, Started(step.stage, step.fence, T0 + began, "w", 1), fact)
    row = await library.get_video("skew", video.id)

    assert row.queued_at <= row.processing_started_at <= row.processing_finished_at


async def test_what_was_sent_or_taken_in_long_ago_is_forgotten(database, progress):
    video = await registered(progress)
    await progress.apply(video.id, lambda one: (one, ()), fact_id="old")
    await due(progress)
    later = T0 + timedelta(days=36_500)
    await registered(progress, "still waiting")
    await progress.purge(outbox_before=later, inbox_before=later)

    assert await count(database, "inbox") == 0
    assert await count(database, "outbox", "subject LIKE 'heimdex.work.%'") == 1  # what was not sent is never forgotten
