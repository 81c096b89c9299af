"""What the workers told comes out of PostgreSQL as it went in."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.adapters.capacity_store import PostgresCapacityStore
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.capacity import ModelChange, WhatIf
from metrics_svc.domain.capacity.plan import plan_capacity
from metrics_svc.handlers import capacity as handlers
from tests.support.capacity_events import START, events_of, recording_of
from tests.support.capacity_simulation import Line, exponential, poisson, simulate
from tests.support.metrics_samples import NOW, run_event, samples_of, stage_event, stamp

DAY = Window(NOW - timedelta(days=1), NOW)
STEP = timedelta(microseconds=1)


@pytest.fixture
def capacity_store(database):
    return PostgresCapacityStore(database)


@pytest.fixture
def keep(event_store):
    async def keep(*events: Message, now=NOW):
        await event_store.add(samples_of(*events, now=now))

    return keep


async def test_every_number_of_a_piece_comes_back(capacity_store, keep):
    """R-AD3-05."""
    at = DAY.start + timedelta(hours=3, microseconds=7)
    await keep(
        stage_event(1, finished_at=at, duration_ns=59_999_999_999, model="base@1", worker="a/b/1", worker_slots=4),
        stage_event(2, finished_at=at, stage="METADATA", outcome="SKIPPED", attempt=3),
    )
    found = await capacity_store.recording(DAY)
    one, other = found.pieces["transcription"], found.pieces["metadata"]
    ended = (at - DAY.start).total_seconds()

    assert one.service_s.tolist() == [59.999999999]
    assert one.started_s.tolist() == [ended - 60]
    assert one.queued_s.tolist() == [ended - 61]
    assert one.wait_s.tolist() == [1]
    assert (one.slots.tolist(), one.attempt.tolist(), one.is_skipped.tolist()) == ([4], [1], [False])
    assert (other.slots.tolist(), other.attempt.tolist(), other.is_skipped.tolist()) == ([0], [3], [True])
    assert found.models == {"base@1": one.model[0]}
    assert one.run[0] != other.run[0]


async def test_exports_are_no_uploads(capacity_store, keep):
    """R-AD3-05: they come one by one, long after; their work is not what an upload brings."""
    at = NOW - timedelta(hours=1)
    await keep(stage_event(1, finished_at=at, model="base@1"))
    before = await capacity_store.recording(DAY)
    await keep(
        stage_event(1, stage="EXPORTING", event_id="e_1/exporting/1", generation=0, finished_at=at, model="yunet@1"),
        stage_event(9, stage="EXPORTING", event_id="e_2/exporting/1", generation=0, finished_at=at),
    )
    after = await capacity_store.recording(DAY)

    assert set(after.pieces) == set(before.pieces) == {"transcription"}
    assert after.models == before.models


async def test_what_was_not_told_is_not_a_number(capacity_store, keep):
    """Absent, not 0."""
    await keep(
        stage_event(1, queued_at=None, started_at=None),
        stage_event(2, provenance=stage_event_pb2.PROVENANCE_BACKFILLED),
        now=NOW,
    )
    pieces = (await capacity_store.recording(Window(DAY.start, NOW + STEP))).pieces["transcription"]
    order = np.argsort(np.isfinite(pieces.queued_s))

    assert np.isfinite(pieces.queued_s[order]).tolist() == [False, True]
    assert np.isfinite(pieces.service_s[order]).tolist() == [True, False]
    assert not np.isfinite(pieces.wait_s[order][0])


async def test_a_run_has_one_key_in_its_end_and_its_work(capacity_store, keep):
    at = NOW - timedelta(hours=1)
    await keep(
        stage_event(1, finished_at=at),
        run_event(1, finished_at=at),
        run_event(2, finished_at=at, queued_at=None),
        run_event(3, finished_at=at, provenance=stage_event_pb2.PROVENANCE_BACKFILLED),
    )
    found = await capacity_store.recording(DAY)

    assert found.pieces["transcription"].run[0] in found.runs.key
    assert np.nanmin(found.runs.queued_s) == (at - DAY.start).total_seconds() - 61
    assert np.isnan(found.runs.queued_s).sum() == 1
    assert found.runs.key.size == 2


async def test_a_window_is_half_open(capacity_store, keep):
    await keep(*(stage_event(number, finished_at=at) for number, at in enumerate([DAY.start, DAY.end - STEP, DAY.end])))

    assert len((await capacity_store.recording(DAY)).pieces["transcription"]) == 2


async def test_an_empty_database_has_an_empty_recording(capacity_store):
    """R-AD2-07."""
    found = await capacity_store.recording(DAY)

    assert (dict(found.pieces), found.models, found.runs.key.size) == ({}, {}, 0)
    assert await capacity_store.begin_of_work(DAY) is None
    assert await capacity_store.begin_of_latest(DAY, 0) is None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.integers(1, 40), pieces=st.integers(0, 12))
async def test_the_latest_pieces_are_counted_from_the_end(capacity_store, keep, days, pieces):
    """However far back they lie."""
    await keep(*(stage_event(number, finished_at=NOW - timedelta(days=4 * number)) for number in range(10)))
    window = Window(NOW - timedelta(days=days), NOW + STEP)
    begin = await capacity_store.begin_of_latest(window, pieces)
    inside = [NOW - timedelta(days=4 * number) for number in range(10) if 4 * number <= days]

    assert begin == (inside[pieces] if pieces < len(inside) else None)


async def test_a_window_begins_with_the_first_record_or_with_itself(capacity_store, keep):
    """A service of yesterday was not idle for a month; one that recorded before the window was."""
    await keep(
        stage_event(1, finished_at=NOW - timedelta(hours=20)), stage_event(2, finished_at=NOW - timedelta(hours=2))
    )
    asked = Question(range_text="30d")
    young = await handlers.capacity(asked, WhatIf(), store=capacity_store, now=NOW)
    explicit = Question(start_at=NOW - timedelta(hours=12), end_at=NOW)
    later = await handlers.capacity(explicit, WhatIf(), store=capacity_store, now=NOW)

    assert young.window == Window(NOW - timedelta(hours=20, seconds=61), NOW)
    assert later.window == Window(NOW - timedelta(hours=12), NOW)


async def test_of_too_much_work_the_latest_is_looked_at(capacity_store, keep, monkeypatch):
    monkeypatch.setattr(handlers, "MAX_PIECES", 3)
    await keep(*(stage_event(number, finished_at=NOW - timedelta(hours=number + 1)) for number in range(8)))
    report = await handlers.capacity(Question(range_text="7d"), WhatIf(), store=capacity_store, now=NOW)

    assert report.stages[0].measured.pieces == 3
    assert report.window.start == NOW - timedelta(hours=4) + STEP


async def test_a_window_that_lies_ahead_is_empty(capacity_store, keep):
    await keep(stage_event(1))
    ahead = Question(start_at=NOW + timedelta(days=1), end_at=NOW + timedelta(days=2))
    report = await handlers.capacity(ahead, WhatIf(), store=capacity_store, now=NOW)

    assert (report.stages, report.uploads) == ((), 0)


async def test_the_answer_from_the_database_is_that_from_memory(capacity_store, keep):
    """R-AD3-05: events in, the same forecast out; rounding to microseconds apart."""
    lines = [
        Line("metadata", 1, exponential(20), model="probe@1"),
        Line("transcription", 2, exponential(300), ("metadata",), fails=0.1, model="base@1"),
    ]
    length_s = 2 * 86_400.0
    seen = simulate(lines, poisson(15), length_s=length_s, seed=5)
    now = START + timedelta(seconds=length_s)
    await keep(*events_of(seen, length_s=length_s), now=now)
    what_if = WhatIf(uploads_factor=1.2, models=(ModelChange(model="base@1", service_factor=1.1),))
    asked = Question(start_at=START, end_at=now)
    told = await handlers.capacity(asked, what_if, store=capacity_store, now=now)
    remembered = plan_capacity(recording_of(seen, length_s=length_s), what_if)

    # The window begins with the first hand-out: nothing was recorded before.
    assert timedelta(0) < told.window.start - START < timedelta(minutes=30)
    assert [one.stage for one in told.stages] == ["metadata", "transcription"]
    for found, expected in zip(told.stages, remembered.stages, strict=True):
        assert found.measured.pieces == expected.measured.pieces
        assert found.measured.mean_wait_s == pytest.approx(expected.measured.mean_wait_s, abs=1e-5)
        assert found.measured.mean_service_s == pytest.approx(expected.measured.mean_service_s)
        assert (found.workers, found.servers) == (expected.workers, expected.servers)
        assert found.load == pytest.approx(expected.load, rel=0.02)


async def test_far_moments_keep_their_microseconds(capacity_store, keep):
    """A clock of 9998 is absurd, and no reason to fail."""
    far = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    await keep(stage_event(1, queued_at=stamp(far), started_at=stamp(far), finished_at=NOW - STEP))
    pieces = (await capacity_store.recording(DAY)).pieces["transcription"]

    assert pieces.queued_s[0] == pytest.approx((far - DAY.start).total_seconds(), abs=1e-4)
