from datetime import UTC, date, datetime, timedelta

from heimdex.metrics.v1 import timing_pb2
from metrics_svc.codec import timing as codec
from metrics_svc.domain.answers.readings import OTHER_OPERATIONS, DayRows, Group, Readings, Tally
from metrics_svc.domain.answers.timing import TOTAL, LatencyPoint, operations, search_quality, stage_latency
from metrics_svc.domain.answers.windows import Period, Window
from metrics_svc.domain.events.measures import Measure
from metrics_svc.domain.events.sketch import Sketch

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
WEEK = Window(MONDAY, MONDAY + timedelta(days=7))
MS = 1_000_000


def tally(*lengths_ms: int, missing=0):
    sketch = Sketch.of([length * MS for length in lengths_ms])
    return Tally(
        len(lengths_ms),
        0,
        missing,
        sketch.total,
        sketch.smallest,
        sketch.largest,
        sketch.bins.astype("u2"),
        sketch.counts,
    )


def readings(window=WEEK, **days: object):
    """Readings of measures by name: {number of the day: {group: tally}}."""
    measures = {str(measure): {} for measure in (*Measure, OTHER_OPERATIONS)} | days
    of_days = {
        measure: [DayRows(window.start.date() + timedelta(days=number), rows) for number, rows in sorted(found.items())]
        for measure, found in measures.items()
    }
    return Readings(window, of_days, {measure: [one.rows for one in found] for measure, found in of_days.items()})


def group(stage="", outcome="succeeded", model=""):
    return Group(stage, outcome, model)


def test_the_answer_that_is_put_together_of_bytes_is_the_one_that_is_built_of_messages():
    told = stage_latency(
        readings(
            work={1: {group("metadata"): tally(1, 2), group("transcription", model="a@1"): tally(3)}},
            processing={1: {group("completed"): tally(9)}, 2: {group("completed"): tally(missing=2)}},
        ),
        Period.DAY,
    )
    answer, again = codec.encode_stage_latency(told), codec.encode_stage_latency(told)
    built = timing_pb2.StageLatencySeries(
        processing_stage="metadata", count=2, avg_ms=1.5, measured=2, p50_ms=answer.series[1].p50_ms
    )
    built.p95_ms, built.p99_ms = answer.series[1].p95_ms, answer.series[1].p99_ms
    for number in range(7):
        built.data.add(day=date(2026, 11, 16 + number).isoformat())
    built.data[1].count, built.data[1].avg_ms = 2, 1.5
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        setattr(built.data[1], name, getattr(built, name))

    assert answer.series[1] == built
    assert answer == again
    assert [one.processing_stage for one in answer.series] == [TOTAL, "metadata", "transcription"]
    assert (answer.measured, answer.missing) == (4, 2)
    assert not answer.series[0].data[2].HasField("avg_ms")


def test_long_lengths_are_framed_right():
    """A length of 128 bytes and more takes a second byte."""
    stages = [f"stage_{'9' * size}" for size in (1, 100, 120, 200)]
    told = stage_latency(readings(work={0: {group(stage): tally(1) for stage in stages}}), Period.MONTH)

    assert [one.processing_stage for one in codec.encode_stage_latency(told).series] == [TOTAL, *sorted(stages)]


def test_series_are_bounded_and_those_of_the_future_are_left_out_first():
    stages = [*(f"stage_{number}" for number in range(100, 200)), "indexing", "metadata"]
    told = stage_latency(readings(work={0: {group(stage): tally(1) for stage in stages}}), Period.DAY)

    assert ([one.stage for one in told.series[:3]], len(told.series)) == ([TOTAL, "metadata", "indexing"], 32)
    assert told.series_left_out == 71


def test_points_of_days_that_did_not_change_are_made_once():
    some = readings(work={0: {group("metadata"): tally(1)}, 3: {group("metadata"): tally(2)}})
    for period in Period:
        once, again = stage_latency(some, period), stage_latency(some, period)
        assert [old is new for old, new in zip(once.series[1].points, again.series[1].points, strict=True)] == [
            True
        ] * len(once.series[1].points)
    changed = DayRows(date(2026, 11, 19), {group("metadata"): tally(8)})
    some.days["work"][1] = changed

    assert stage_latency(some, Period.WEEK).series[1].points[0].summary.mean == 4.5
    assert [one.summary.mean for one in stage_latency(some, Period.DAY).series[1].points[:4]] == [1, None, None, 8]


def test_made_up_filters_fill_no_memory():
    some = readings(work={0: {group("metadata", model="a@1"): tally(1)}})
    for number in range(50):
        stage_latency(some, Period.DAY, model=f"made up {number}")
        stage_latency(some, Period.DAY, outcome=f"outcome_{number}")

    assert not some.days["work"][0].made


def test_a_filter_leaves_whole_videos_out():
    """Models and outcomes are those of attempts."""
    some = readings(
        work={0: {group("metadata", model="a@1"): tally(1), group("metadata", "failed"): tally(5)}},
        processing={0: {group("completed"): tally(9)}},
    )
    stages = [
        [(one.stage, one.summary.mean) for one in stage_latency(some, Period.DAY, **filters).series]
        for filters in ({}, {"model": "a@1"}, {"outcome": "failed"}, {"outcome": "succeeded"}, {"model": "b@1"})
    ]

    assert stages == [
        [(TOTAL, 9), ("metadata", 1)],
        [("metadata", 1)],
        [("metadata", 5)],
        [(TOTAL, 9), ("metadata", 1)],
        [],
    ]


def test_a_share_of_searches_without_a_result_is_there_only_with_searches():
    """R-STG-11."""
    told = search_quality(
        readings(search={1: {group(): tally(5, 7)}}, empty_search={1: {group(): Tally(1)}}), Period.DAY
    )

    assert [(one.searches, one.zero_result_rate_pct) for one in told.points[:3]] == [(0, None), (2, 50.0), (0, None)]
    assert told.whole.zero_result_rate_pct == 50.0


def test_operations_come_in_a_known_order_and_are_bounded():
    strange = {group(f"operation_{number}"): tally(1) for number in range(7, 157)}
    told = operations(
        readings(
            export={0: {group(): tally(1)}},
            upload={0: {group(outcome="failed"): tally(1), group(): tally(2)}},
            search={0: {group(): tally(3)}},
            operation={0: strange},
        )
    )

    assert [(row.operation, row.outcome) for row in told.rows[:5]] == [
        ("search", "succeeded"),
        ("upload", "succeeded"),
        ("upload", "failed"),
        ("export", "succeeded"),
        ("operation_10", "succeeded"),
    ]
    assert (len(told.rows), told.rows_left_out, told.coverage.measured) == (100, 54, 154)


def test_the_encoding_of_a_point_is_no_part_of_its_value():
    point = LatencyPoint(date(2026, 1, 1), stage_latency(readings(), Period.DAY).series[0].summary)
    point.wire = b"x"

    assert point == LatencyPoint(point.day, point.summary)
