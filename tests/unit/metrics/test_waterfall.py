"""A run drawn by hand: two stages side by side, a retry with a pause, and a worker that was killed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.library.waterfall import Attempt, RunEnd, coverage_of, draw_run, draw_runs

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = 1_000_000_000


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def attempt(stage, start, length, *, number=1, outcome="succeeded", **changes: object):
    """Work from `start` on, seconds after the queueing; handed out half a second before."""
    values = {
        "owner_id": "ada",
        "generation": 1,
        "stage": stage,
        "attempt": number,
        "outcome": outcome,
        "reason": "",
        "model": "",
        "worker": "w",
        "queued_at": at(start - 0.5),
        "started_at": at(start),
        "counted_at": at(start + length),
        "duration_ns": round(length * SECOND),
        "wait_ns": SECOND // 2,
        "is_clock_corrected": False,
    }
    rest = dict.fromkeys(("cpu_ns", "gpu_ns", "energy_uj", "model_calls", "items", "bytes_read"))
    return Attempt(**{**values, **rest, **changes})


def end(seconds, stage="completed", outcome="succeeded", **changes: object):
    values = {
        "owner_id": "ada",
        "generation": 1,
        "stage": stage,
        "outcome": outcome,
        "failed_stage": "",
        "reason": "",
        "queued_at": T0,
        "counted_at": at(seconds),
        "is_backfilled": False,
    }
    return RunEnd(**{**values, **changes})


RUN = [
    attempt("downloading", 2, 1),
    attempt("metadata", 3, 1),
    attempt("scene_detection", 5, 2),
    attempt("transcription", 5, 4, outcome="failed"),
    attempt("transcription", 11, 3, number=2),
    attempt("indexing", 14, 1),
]


def seconds(number_ns):
    return number_ns / SECOND


def test_every_second_of_a_run_is_accounted_for():
    run = draw_run(1, RUN, end(16))
    totals = run.totals

    assert [seconds(one) for one in (totals.queue_ns, totals.elapsed_ns, totals.span_ns)] == [2, 14, 16]
    assert [seconds(one) for one in (totals.covered_ns, totals.gap_ns)] == [10, 4]
    assert [seconds(one) for one in (totals.processing_ns, totals.overlap_ns)] == [12, 2]
    assert [(gap.after_stage, gap.before_stage, seconds(gap.start_ns), seconds(gap.end_ns)) for gap in run.gaps] == [
        ("", "downloading", 0, 2),
        ("metadata", "scene_detection", 4, 5),
        ("transcription", "transcription", 9, 11),
        ("indexing", "", 15, 16),
    ]
    assert (run.state, run.queued_at, run.started_at, run.finished_at) == ("ready", T0, at(2), at(16))


def test_the_run_waited_for_the_longer_of_two_stages_side_by_side():
    run = draw_run(1, RUN, end(16))

    assert [(bar.of.stage, seconds(bar.critical_ns)) for bar in run.bars] == [
        ("downloading", 1),
        ("metadata", 1),
        ("scene_detection", 0),
        ("transcription", 4),
        ("transcription", 3),
        ("indexing", 1),
    ]


def test_a_run_that_goes_on_is_shown_as_far_as_it_went():
    run = draw_run(1, RUN[:2], None)

    assert (run.state, run.finished_at, seconds(run.totals.span_ns)) == ("processing", None, 2.5)
    assert [gap.before_stage for gap in run.gaps] == ["downloading"]


def test_a_run_that_never_started_waited_all_its_time():
    cancelled = draw_run(1, (), end(30, "failed", "cancelled"))
    waiting = draw_run(1, (), None)

    assert (cancelled.state, seconds(cancelled.totals.queue_ns), cancelled.totals.elapsed_ns) == ("cancelled", 30, 0)
    assert (waiting.state, waiting.totals.queue_ns, waiting.totals.span_ns, waiting.gaps) == ("queued", None, 0, ())


def test_what_was_filled_in_later_has_an_end_and_nothing_else():
    run = draw_run(1, (), end(30, is_backfilled=True, queued_at=None))

    assert (run.state, run.totals, run.is_backfilled, run.queued_at) == ("ready", None, True, None)
    assert run.finished_at == at(30)


@pytest.mark.parametrize("started_at", [None, T0.replace(year=1970), T0.replace(year=2090)])
def test_a_start_that_can_not_be_believed_is_the_end_less_the_length(started_at):
    run = draw_run(1, [replace(RUN[0], started_at=started_at)], end(3))

    assert (seconds(run.bars[0].start_ns), run.bars[0].is_clock_corrected) == (2, True)
    assert coverage_of([run]) == Coverage(0, 1, 0)


def test_a_start_before_the_queueing_is_the_queueing():
    run = draw_run(1, [attempt("downloading", -5, 1)], end(3))

    assert (run.bars[0].start_ns, run.bars[0].is_clock_corrected, run.totals.queue_ns) == (0, True, 0)


def test_an_attempt_that_nobody_measured_is_shown_where_it_was_and_takes_no_time():
    run = draw_run(1, [RUN[0], replace(RUN[1], duration_ns=None, outcome="failed")], end(6))

    assert [seconds(gap.start_ns) for gap in run.gaps] == [0, 3]
    assert run.bars[1].of.duration_ns is None
    assert coverage_of([run]) == Coverage(1, 0, 1)


def test_the_run_a_video_is_in_is_shown_before_anything_has_happened_in_it():
    runs = draw_runs(RUN, [end(16)], 2)

    assert [(run.generation, run.state) for run in runs] == [(1, "ready"), (2, "queued")]
