"""What a batch adds, by column and at once, against what each sample adds, one by one and in plain words."""

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metrics_svc.domain.events.increments import HOUR_US, Cell, Entries, Increments, increments_of
from metrics_svc.domain.events.measures import ALL_OWNERS, SUM_ONLY, TALLIES, Measure
from metrics_svc.domain.events.samples import Batch, OperationSample, SearchSample, StageSample, VideoRun
from metrics_svc.domain.events.sketch import MAX_VALUE, Sketch

amounts = st.none() | st.integers(0, 3) | st.integers(0, MAX_VALUE) | st.just(MAX_VALUE)
counted = st.integers(0, 4).map(lambda halves: 493_000 * HOUR_US + halves * HOUR_US // 2)
owners = st.sampled_from(("ada", "bob"))
flags = st.booleans()
stages = st.builds(
    StageSample,
    event_id=st.text(),
    video_id=st.just("v"),
    owner_id=owners,
    generation=st.just(1),
    stage=st.sampled_from(("transcription", "stage_17")),
    attempt=st.just(1),
    outcome=st.sampled_from(("succeeded", "failed")),
    reason=st.just(""),
    queued_us=st.none(),
    started_us=st.none(),
    finished_us=st.none(),
    counted_us=counted,
    duration_ns=amounts,
    wait_ns=amounts,
    is_clock_corrected=flags,
    video_duration_ns=amounts,
    items=st.none(),
    bytes_read=st.none(),
    model=st.sampled_from(("", "m@1")),
    worker=st.just("w"),
    cpu_ns=amounts,
    gpu_ns=amounts,
    energy_uj=amounts,
    model_calls=amounts,
    worker_slots=st.just(0),
    is_backfilled=flags,
)
runs = st.builds(
    VideoRun,
    event_id=st.text(),
    video_id=st.just("v"),
    owner_id=owners,
    generation=st.just(1),
    stage=st.sampled_from(("completed", "completed", "failed")),
    outcome=st.sampled_from(("succeeded", "succeeded", "failed", "cancelled")),
    failed_stage=st.sampled_from(("", "metadata")),
    reason=st.just(""),
    queued_us=st.none(),
    started_us=st.none(),
    finished_us=st.none(),
    counted_us=counted,
    duration_ns=amounts,
    queue_ns=amounts,
    is_clock_corrected=flags,
    video_duration_ns=amounts,
    elapsed_ns=amounts,
    unmeasured_attempts=st.integers(0, 2),
    is_backfilled=flags,
)
searches = st.builds(
    SearchSample,
    event_id=st.text(),
    owner_id=owners,
    asked_us=st.none(),
    counted_us=counted,
    latency_ns=amounts,
    results_count=st.integers(0, 2),
    query_text=st.just(""),
    video_id=st.just(""),
)
operations = st.builds(
    OperationSample,
    event_id=st.text(),
    operation=st.sampled_from(("upload", "export", "operation_7")),
    owner_id=owners,
    video_id=st.just(""),
    outcome=st.sampled_from(("succeeded", "failed")),
    reason=st.just(""),
    started_us=st.none(),
    finished_us=st.none(),
    counted_us=counted,
    duration_ns=amounts,
    is_clock_corrected=flags,
    size_bytes=st.none(),
    media_duration_ns=st.none(),
)
batches = st.lists(st.one_of(stages, runs, searches, operations), max_size=40).map(Batch.of)

Fact = tuple[str, str, str, str, int | None, bool]
"""Measure, stage, outcome, model, value, whether it is approximate."""


def facts_of_stage(one: StageSample) -> list[Fact]:
    key = (one.stage, one.outcome, one.model)
    rests_on_clocks = one.is_clock_corrected or one.is_backfilled
    resources = ((Measure.GPU, one.gpu_ns), (Measure.ENERGY, one.energy_uj), (Measure.CALLS, one.model_calls))
    return [
        (Measure.WORK, *key, one.duration_ns, rests_on_clocks),
        (Measure.WAIT, *key, one.wait_ns, rests_on_clocks),
        (Measure.CPU, *key, one.cpu_ns, False),
        *((measure, *key, value, False) for measure, value in resources if value is not None),
    ]


def facts_of_run(one: VideoRun) -> list[Fact]:
    facts: list[Fact] = [(Measure.RUN, one.failed_stage or one.stage, one.outcome, "", 0, one.is_backfilled)]
    if (one.stage, one.outcome) != ("completed", "succeeded"):
        return facts
    key = ("completed", "succeeded", "")
    work, queue, video = one.duration_ns, one.queue_ns, one.video_duration_ns
    rests_on_clocks = one.is_clock_corrected or one.is_backfilled
    is_partial = rests_on_clocks or one.unmeasured_attempts > 0
    has_both, has_rtf = work is not None and queue is not None, work is not None and bool(video)
    rtf = min(round(Fraction(work, video) * 10**9), MAX_VALUE) if has_rtf else None
    return [
        *facts,
        (Measure.PROCESSING, *key, work, is_partial),
        (Measure.QUEUE, *key, queue, rests_on_clocks),
        (Measure.TOTAL, *key, min(work + queue, MAX_VALUE) if has_both else None, is_partial),
        (Measure.QUEUED_PROCESSING, *key, work if has_both else None, is_partial),
        (Measure.ELAPSED, *key, one.elapsed_ns, rests_on_clocks),
        (Measure.RTF, *key, rtf, is_partial),
        (Measure.RTF_VIDEO, *key, video if has_rtf else None, is_partial),
        (Measure.RTF_PROCESSING, *key, work if has_rtf else None, is_partial),
        (Measure.VIDEO_LENGTH, *key, video, one.is_backfilled),
    ]


def facts_of_search(one: SearchSample) -> list[Fact]:
    facts: list[Fact] = [(Measure.SEARCH, "", "succeeded", "", one.latency_ns, False)]
    return facts if one.results_count else [*facts, (Measure.EMPTY_SEARCH, "", "succeeded", "", 0, False)]


def facts_of_operation(one: OperationSample) -> list[Fact]:
    return [(one.operation, "", one.outcome, "", one.duration_ns, one.is_clock_corrected)]


def one_by_one(batch):
    """Every row as (measured, approximate, missing, values)."""
    rows = defaultdict(lambda: [0, 0, 0, []])
    for samples, facts_of in (
        (batch.stages, facts_of_stage),
        (batch.runs, facts_of_run),
        (batch.searches, facts_of_search),
        (batch.operations, facts_of_operation),
    ):
        for one in samples:
            for measure, stage, outcome, model, value, is_approximate in facts_of(one):
                for owner in (one.owner_id, ALL_OWNERS):
                    row = rows[Cell(owner, one.counted_us // HOUR_US * HOUR_US, measure, stage, outcome, model)]
                    row[2 if value is None else int(is_approximate)] += 1
                    if value is not None and measure not in TALLIES:
                        row[3].append(value)
    return rows


def by_cell(increments: Increments):
    parts = increments.entries.by_row(len(increments.cells))
    return {
        cell: (
            increments.measured[place],
            increments.approximate[place],
            increments.missing[place],
            Sketch(*parts[place], increments.total[place], increments.smallest[place], increments.largest[place]),
        )
        for place, cell in enumerate(increments.cells)
    }


def without_bins(sketch):
    nothing = np.empty(0, np.int64)
    return Sketch(nothing, nothing, sketch.total, sketch.smallest, sketch.largest)


@given(batches)
@example(Batch())
def test_a_batch_adds_what_its_samples_add(batch):
    told = by_cell(increments_of(batch))
    true = one_by_one(batch)

    assert told.keys() == true.keys()
    for cell, (measured, approximate, missing, values) in true.items():
        sketch = Sketch.of(values)
        assert told[cell][:3] == (measured, approximate, missing), cell
        if cell.measure == Measure.RTF:  # a double has 53 bits of the quotient
            assert told[cell][3].total == pytest.approx(sketch.total, rel=1e-12)
            assert told[cell][3].count == sketch.count
        else:
            assert told[cell][3] == (without_bins(sketch) if cell.measure in SUM_ONLY else sketch), cell


@given(batches)
def test_a_cell_is_there_once_and_its_bins_in_order(batch):
    increments = increments_of(batch)
    entries = increments.entries

    assert len(set(increments.cells)) == len(increments.cells)
    pairs = list(zip(entries.rows.tolist(), entries.bins.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert {increments.cells[row].measure for row in entries.rows.tolist()}.isdisjoint(SUM_ONLY | TALLIES)


entries_of = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(1, 1 << 50)), max_size=30)


@given(entries_of, st.randoms(use_true_random=False))
def test_adding_up_entries_does_not_depend_on_order_or_grouping(parts, random):
    def added(some):
        columns = np.array(some, np.int64).reshape(-1, 3).T
        return Entries.of(*columns)

    def listed(entries):
        return list(zip(entries.rows.tolist(), entries.bins.tolist(), entries.counts.tolist(), strict=True))

    shuffled = random.sample(parts, len(parts))
    cut = random.randint(0, len(parts))

    assert listed(added(parts)) == listed(added(listed(added(shuffled[:cut])) + listed(added(shuffled[cut:]))))
