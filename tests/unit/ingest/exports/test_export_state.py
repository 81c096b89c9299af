"""The state machine of an export, one fact at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.errors import NotReady
from ingest_svc.domain.exports.facts import (
    CancelRequested,
    Claimed,
    Dispatch,
    Done,
    Fact,
    GivenBack,
    Lost,
    RetryRequested,
    RunEnded,
    SourceDeleted,
    TimePassed,
    Undone,
)
from ingest_svc.domain.exports.state import MAX_ATTEMPTS, MAX_ATTEMPTS_OF_A_BUG, advance, ask
from ingest_svc.domain.exports.values import ExportState

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


def asked():
    return ask(export_id="e_1", owner_id="ada", at=T0, lives=DAY)[0]


def after(export, *facts: Fact, now=T0):
    out = []
    for fact in facts:
        export, more = advance(export, fact, now=now)
        out += more
    return export, out


def claimed():
    export = asked()
    return after(export, Claimed(export.fence, T0, "w"))[0]


def failing(reason="SCRATCH_FULL", *, is_permanent=False):
    return lambda export: Undone(export.fence, reason, "a sentence", is_permanent)


def test_a_new_export_is_handed_out_at_once():
    export, out = ask(export_id="e_1", owner_id="ada", at=T0, lives=DAY)

    assert (export.state, export.expires_at - export.created_at) == (ExportState.QUEUED, DAY)
    assert out == (Dispatch(export.fence, T0),)


@pytest.mark.parametrize(("reason", "limit"), [("INTERNAL", MAX_ATTEMPTS_OF_A_BUG), ("SCRATCH_FULL", MAX_ATTEMPTS)])
def test_what_may_pass_is_tried_up_to_a_limit_with_growing_waits(reason, limit):
    export, waits = asked(), []
    for _ in range(limit - 1):
        export, out = advance(export, failing(reason)(export), now=T0)
        waits.append(out[0].not_before - T0)
    export, out = advance(export, failing(reason)(export), now=T0)

    assert (export.state, export.attempt, out) == (ExportState.FAILED, limit, (RunEnded(),))
    assert waits == sorted(set(waits))
    assert sum(waits, timedelta()) <= timedelta(minutes=3)


def test_what_will_not_pass_ends_at_once_and_is_charged_if_it_is_the_files():
    ours, _ = after(claimed(), failing("SOURCE_MISSING", is_permanent=True)(claimed()))
    theirs, _ = after(claimed(), failing("DECODE_FAILED", is_permanent=True)(claimed()))

    assert (ours.state, ours.is_charged, ours.completed_at) == (ExportState.FAILED, False, T0)
    assert (theirs.state, theirs.is_charged) == (ExportState.FAILED, True)


def test_the_fourth_start_of_one_hand_out_is_poison():
    export = asked()
    for _ in range(3):
        export, _ = after(export, Claimed(export.fence, T0, "w"))
        assert export.state is ExportState.PROCESSING
    export, out = after(export, Claimed(export.fence, T0, "w"))

    assert (export.state, export.reason, out) == (ExportState.FAILED, "POISON", [RunEnded()])


@pytest.mark.parametrize("fact", [GivenBack, Lost])
def test_what_was_put_down_or_lost_costs_no_attempt(fact):
    export = claimed()
    again, out = after(export, fact(export.fence))

    assert (again.state, again.attempt, again.fence) == (ExportState.QUEUED, 1, export.fence + 1)
    assert (again.starts, out) == (0, [Dispatch(again.fence, T0)])


@pytest.mark.parametrize("fact", [Claimed(7, T0, "w"), Done(7), GivenBack(7), Lost(7), Undone(7, "X", "", False)])
def test_an_answer_with_another_fence_changes_nothing(fact):
    export = claimed()

    assert advance(export, fact, now=T0) == (export, ())


@pytest.mark.parametrize(
    ("fact", "state", "reason"),
    [(CancelRequested(), ExportState.CANCELLED, ""), (SourceDeleted(), ExportState.FAILED, "SOURCE_MISSING")],
)
def test_an_open_export_can_be_stopped_and_an_ended_one_stays(fact, state, reason):
    for export in (asked(), claimed()):
        stopped, out = after(export, fact)
        assert (stopped.state, stopped.reason, stopped.completed_at, out) == (state, reason, T0, [RunEnded()])
    done, _ = after(claimed(), Done(claimed().fence))

    assert advance(done, fact, now=T0) == (done, ())


def test_a_retry_begins_a_new_run_and_keeps_the_day():
    failed, _ = after(claimed(), failing("DECODE_FAILED", is_permanent=True)(claimed()))
    again, out = after(failed, RetryRequested(), now=T0 + timedelta(hours=1))

    assert (again.run, again.attempt, again.reason, again.completed_at) == (2, 1, "", None)
    assert (again.expires_at, again.asked_at) == (failed.expires_at, T0 + timedelta(hours=1))
    assert out == [Dispatch(failed.fence + 1, T0 + timedelta(hours=1))]
    assert advance(again, RetryRequested(), now=T0) == (again, ())


def test_a_finished_export_is_not_tried_again():
    done, _ = after(claimed(), Done(claimed().fence))
    with pytest.raises(NotReady) as refused:
        advance(done, RetryRequested(), now=T0)

    assert refused.value.reason == "EXPORT_NOT_FAILED"


def test_time_ends_everything():
    """R-EXP-11: ended ones expire; an open one fails first, and that is ours."""
    done, _ = after(claimed(), Done(claimed().fence))
    late, out = after(claimed(), TimePassed(), now=T0 + DAY)
    gone, _ = after(late, TimePassed(), now=T0 + DAY)

    assert advance(done, TimePassed(), now=T0 + DAY - timedelta(microseconds=1)) == (done, ())
    assert after(done, TimePassed(), now=T0 + DAY)[0].state is ExportState.EXPIRED
    assert (late.state, late.reason, late.is_charged, out) == (
        ExportState.FAILED,
        "EXPORT_TIMED_OUT",
        False,
        [RunEnded()],
    )
    assert (gone.state, gone.completed_at) == (ExportState.EXPIRED, late.completed_at)


def test_clocks_that_disagree_make_no_negative_times():
    export, _ = after(asked(), Claimed(asked().fence, T0 - timedelta(seconds=5), "w"))
    ahead, _ = after(asked(), Claimed(asked().fence, T0 + timedelta(seconds=5), "w"))
    done, _ = after(ahead, Done(ahead.fence))

    assert export.started_at == T0
    assert done.completed_at == done.started_at
