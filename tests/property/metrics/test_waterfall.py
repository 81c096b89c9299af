"""Laws of the waterfall: times add up, nothing is negative, whatever the clocks say."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chassis.core.stages import PIPELINE
from metrics_svc.domain.library.waterfall import MAX_RUNS, Attempt, RunEnd, coverage_of, draw_run, draw_runs

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MAX_NS = (1 << 63) - 1

close = st.integers(0, 100).map(lambda seconds: NOW - timedelta(seconds=seconds))
absurd = st.datetimes(timezones=st.just(UTC))
times = st.one_of(st.none(), close, close, absurd)
believable = st.one_of(close, st.integers(0, 26 * 365 * 86_400).map(lambda age: NOW - timedelta(seconds=age)))
lengths = st.one_of(st.none(), st.just(0), st.integers(0, 100).map(lambda s: s * 10**9), st.integers(0, MAX_NS))
counts = st.one_of(st.none(), st.integers(0, MAX_NS))
attempts = st.builds(
    Attempt,
    owner_id=st.just("ada"),
    generation=st.integers(1, 3),
    stage=st.sampled_from([str(stage) for stage in PIPELINE]),
    attempt=st.integers(1, 4),
    outcome=st.sampled_from(["succeeded", "failed", "outcome_9"]),
    reason=st.just(""),
    model=st.just(""),
    worker=st.just(""),
    queued_at=times,
    started_at=times,
    counted_at=believable,
    duration_ns=lengths,
    wait_ns=counts,
    is_clock_corrected=st.booleans(),
    cpu_ns=counts,
    gpu_ns=counts,
    energy_uj=counts,
    model_calls=counts,
    items=counts,
    bytes_read=counts,
)
ends = st.builds(
    RunEnd,
    owner_id=st.just("ada"),
    generation=st.integers(1, 3),
    stage=st.sampled_from(["completed", "failed"]),
    outcome=st.sampled_from(["succeeded", "failed", "cancelled"]),
    failed_stage=st.just(""),
    reason=st.just(""),
    queued_at=times,
    counted_at=believable,
    is_backfilled=st.booleans(),
)


@given(st.lists(attempts, max_size=12), st.one_of(st.none(), ends))
def test_times_add_up_and_are_never_negative_with_absurd_clocks(of_run, end):
    run = draw_run(1, of_run, end)
    if run.totals is None:
        assert not run.bars
        return
    totals = run.totals
    gaps = [gap.end_ns - gap.start_ns for gap in run.gaps]

    assert totals.span_ns == (totals.queue_ns or 0) + totals.elapsed_ns
    assert totals.elapsed_ns == totals.covered_ns + totals.gap_ns
    assert totals.processing_ns == totals.covered_ns + totals.overlap_ns
    assert totals.covered_ns == sum(bar.critical_ns for bar in run.bars)
    assert sum(gaps) == (totals.queue_ns or 0) + totals.gap_ns
    assert min([*gaps, totals.queue_ns or 0, totals.elapsed_ns, totals.gap_ns, totals.overlap_ns], default=0) >= 0
    assert all(gap > 0 for gap in gaps)
    assert all(0 <= bar.critical_ns <= bar.length_ns and bar.start_ns >= 0 for bar in run.bars)


@given(st.lists(attempts, min_size=1, max_size=12), st.one_of(st.none(), ends))
def test_gaps_and_bars_share_no_instant_and_leave_none_out(of_run, end):
    """Each instant from the queueing to the end is either in a gap or in a bar."""
    run = draw_run(1, of_run, end)
    edges = sorted({0, *(e for b in run.bars for e in (b.start_ns, b.end_ns)), *(g.end_ns for g in run.gaps)})
    for start, stop in pairwise(edges):
        in_bar = any(bar.start_ns <= start and stop <= bar.end_ns for bar in run.bars)
        in_gap = any(gap.start_ns <= start and stop <= gap.end_ns for gap in run.gaps)
        assert in_bar != in_gap


@given(st.lists(attempts, max_size=12), st.one_of(st.none(), ends), st.randoms(use_true_random=False))
def test_the_order_in_which_attempts_are_read_does_not_matter(of_run, end, chance):
    shuffled = list(of_run)
    chance.shuffle(shuffled)

    assert draw_run(1, of_run, end).totals == draw_run(1, shuffled, end).totals
    assert draw_run(1, of_run, end).gaps == draw_run(1, shuffled, end).gaps


@given(st.lists(attempts, max_size=20), st.lists(ends, max_size=5), st.one_of(st.none(), st.integers(1, 9)))
def test_every_attempt_is_in_its_run_and_every_bar_is_counted_once(of_video, ended, present):
    runs = draw_runs(of_video, ended, present)
    covered = coverage_of(runs)

    assert [run.generation for run in runs] == sorted({run.generation for run in runs})
    assert sum(len(run.bars) for run in runs) == len(of_video)
    assert covered.measured + covered.approximate + covered.missing == len(of_video)
    assert covered.missing == sum(one.duration_ns is None for one in of_video)
    assert present is None or present in {run.generation for run in runs}


@given(st.integers(1, 200))
def test_only_the_newest_runs_are_shown(count):
    ended = [
        RunEnd(
            owner_id="ada",
            generation=generation,
            stage="failed",
            outcome="failed",
            failed_stage="metadata",
            reason="",
            queued_at=NOW,
            counted_at=NOW,
            is_backfilled=False,
        )
        for generation in range(1, count + 1)
    ]

    assert [run.generation for run in draw_runs((), ended, None)] == list(
        range(max(1, count - MAX_RUNS + 1), count + 1)
    )
