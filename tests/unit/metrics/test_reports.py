from dataclasses import dataclass
from datetime import date

from chassis.core.stages import PIPELINE
from metrics_svc.codec import answers as codec
from metrics_svc.domain.answers.reports import (
    Coverage,
    DayOfVideos,
    FailureCount,
    FailureReport,
    LatencyReport,
    QueueReport,
    RtfReport,
    fill_days,
    in_pipeline_order,
    share_failures,
    split_in_percent,
)


@dataclass(frozen=True)
class Row:
    stage: str
    outcome: str = ""
    model: str = ""


def test_rows_come_in_the_order_of_the_pipeline_and_the_future_comes_last():
    rows = [Row("stage_17"), *(Row(stage) for stage in reversed(PIPELINE))]

    assert [row.stage for row in in_pipeline_order(rows)] == [*PIPELINE, "stage_17"]


def test_within_a_stage_success_comes_first():
    rows = [
        Row("metadata", "outcome_9"),
        Row("metadata", "failed"),
        Row("metadata", "succeeded", "b"),
        Row("metadata", "succeeded", "a"),
    ]

    assert [(row.outcome, row.model) for row in in_pipeline_order(rows)] == [
        ("succeeded", "a"),
        ("succeeded", "b"),
        ("failed", ""),
        ("outcome_9", ""),
    ]


def test_one_failure_in_each_stage_is_an_equal_share_each():
    """R-AD2-04."""
    shares = share_failures(FailureCount(stage, 1) for stage in PIPELINE)

    assert [share.count for share in shares] == [1] * len(PIPELINE)
    assert abs(sum(share.percent for share in shares) - 100) < 1e-9


def test_nothing_failed_is_an_empty_answer():
    """R-AD2-07."""
    assert codec.encode_failures(FailureReport(Coverage(), share_failures(()))).data == []


def test_shares_of_waiting_and_working_sum_to_100():
    """R-AD2-03."""
    assert split_in_percent(1.0, 3.0) == (25.0, 75.0)
    assert sum(split_in_percent(0.1, 0.2)) == 100.0
    assert split_in_percent(0.0, 0.0) is None
    assert split_in_percent(None, 1.0) is None


def test_empty_days_are_there_as_zeros():
    """R-AD1-02."""
    first, second = date(2026, 3, 1), date(2026, 3, 2)
    found = {second: DayOfVideos(day=second, videos_ready=3)}

    assert fill_days((first, second), found, DayOfVideos(day=date.min)) == (DayOfVideos(day=first), found[second])


def test_an_empty_answer_has_counts_and_nothing_else():
    """R-AD2-07, R-STG-11: absent, not 0 and not NaN."""
    for answer in (
        codec.encode_latency(LatencyReport(coverage=Coverage())),
        codec.encode_rtf(RtfReport(coverage=Coverage())),
        codec.encode_queue(QueueReport(coverage=Coverage())),
    ):
        assert not answer.ListFields()
