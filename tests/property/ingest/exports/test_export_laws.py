"""Whatever happens to an export, in whatever order and how often: one end per run, and no late answer counts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import NotReady
from ingest_svc.domain.exports.attempts import records_of
from ingest_svc.domain.exports.facts import (
    CancelRequested,
    Claimed,
    Dispatch,
    Done,
    GivenBack,
    Lost,
    RetryRequested,
    RunEnded,
    SourceDeleted,
    TimePassed,
    Undone,
)
from ingest_svc.domain.exports.rules import Limits, quota_of
from ingest_svc.domain.exports.state import advance, ask
from ingest_svc.domain.exports.values import ExportState

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIRST, _ = ask(export_id="e_1", owner_id="ada", at=T0, lives=timedelta(hours=24))
REASONS = ("INTERNAL", "SCRATCH_FULL", "DECODE_FAILED", "SOURCE_MISSING")

fences = st.integers(FIRST.fence - 1, FIRST.fence + 6)
moments = st.integers(-60, 90_000).map(lambda seconds: T0 + timedelta(seconds=seconds))
facts = st.one_of(
    st.builds(Claimed, fences, moments, st.just("w")),
    st.builds(Done, fences),
    st.builds(Undone, fences, st.sampled_from(REASONS), st.just("a sentence"), st.booleans()),
    st.builds(GivenBack, fences),
    st.builds(Lost, fences),
    st.just(CancelRequested()),
    st.just(SourceDeleted()),
    st.just(RetryRequested()),
    st.just(TimePassed()),
)
histories = st.lists(st.tuples(facts, moments), max_size=40)
LEGAL = {
    ExportState.QUEUED: {"processing", "queued", "completed", "failed", "cancelled"},
    ExportState.PROCESSING: {"processing", "queued", "completed", "failed", "cancelled"},
    ExportState.COMPLETED: {"expired"},
    ExportState.FAILED: {"expired", "queued"},
    ExportState.CANCELLED: {"expired", "queued"},
    ExportState.EXPIRED: set(),
}


def steps(history):
    """Yield every change: before, fact, after, what follows, when."""
    export = FIRST
    for fact, now in history:
        try:
            after, out = advance(export, fact, now=now)
        except NotReady:
            assert isinstance(fact, RetryRequested)
            continue
        if after is export:
            assert out == ()
            continue
        yield export, fact, after, out, now
        export = after


@given(histories)
def test_states_follow_the_diagram_and_times_make_sense(history):
    for before, _fact, after, _out, _now in steps(history):
        assert after.state in LEGAL[before.state]
        assert (after.completed_at is not None) == after.state.is_terminal
        assert after.completed_at is None or after.completed_at >= (after.started_at or after.created_at)
        assert after.state is not ExportState.FAILED or (after.reason and after.message)
        assert after.created_at == T0


@given(histories)
def test_every_run_ends_once_and_fences_only_rise(history):
    ends, fence, run = [], FIRST.fence, 1
    for before, _fact, after, out, _now in steps(history):
        ends += [after.run for one in out if isinstance(one, RunEnded)]
        handed = [one.fence for one in out if isinstance(one, Dispatch)]
        assert handed == ([after.fence] if after.fence != before.fence else [])
        assert after.fence >= fence
        assert after.run >= run
        fence, run = after.fence, after.run

    assert len(ends) == len(set(ends))


@given(histories)
def test_the_same_fact_again_at_once_ends_nothing_twice(history):
    """Duplicates: whatever ended a run, coming again changes nothing; a claim alone counts again."""
    for _before, fact, after, out, now in steps(history):
        if any(isinstance(one, RunEnded) for one in out) and not isinstance(fact, TimePassed):
            assert advance(after, fact, now=now) == (after, ())


@given(histories)
def test_hand_outs_are_recorded_and_closed_once(history):
    """Every fence has one record, and every one but the present is closed."""
    records = {one.fence: one for one in records_of(None, FIRST, None, T0)}
    closed: set[int] = set()
    last = FIRST
    for before, fact, after, _out, now in steps(history):
        for one in records_of(before, after, fact, now):
            assert one.fence not in closed
            closed |= {one.fence} if one.outcome else set()
            records[one.fence] = one
        last = after

    assert {fence for fence in records if fence not in closed} == ({last.fence} if last.is_open else set())
    assert all((one.outcome is None) == (one.finished_at is None) for one in records.values())


@given(st.lists(st.integers(0, 86_399_999_999), max_size=30).map(sorted), st.integers(0, 12))
def test_a_place_is_free_exactly_when_enough_exports_are_a_day_old(offsets, per_day):
    """R-EXP-04: one microsecond before the told time the quota is used up, at it one can be made."""
    counted = [T0 + timedelta(microseconds=one) for one in offsets]
    limits = Limits(per_day=per_day)
    quota = quota_of(counted, limits)
    if quota.free_at is None:
        assert quota.remaining or not per_day
        return

    def used(at):
        return sum(one > at - timedelta(hours=24) for one in counted)

    assert used(quota.free_at - timedelta(microseconds=1)) >= per_day
    assert used(quota.free_at) < per_day
