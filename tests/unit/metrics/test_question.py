import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.core.errors import InvalidInput
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import timing_pb2
from metrics_svc.codec.wire import question_of


def test_every_field_of_a_request_is_in_the_question():
    question = question_of(
        timing_pb2.ListStageLatencyRequest(
            range="7d", owner_id="ada", bucket="week", model="tiny@1", outcome="failed", start_at=Timestamp(seconds=1)
        )
    )

    assert (question.range_text, question.owner_id, question.bucket) == ("7d", "ada", "week")
    assert (question.model, question.outcome, question.start_at.year, question.end_at) == (
        "tiny@1",
        "failed",
        1970,
        None,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_at", Timestamp(seconds=-62_135_596_801)),
        ("end_at", Timestamp(seconds=253_402_300_800)),
        ("start_at", Timestamp(seconds=1, nanos=-1)),
        ("end_at", Timestamp(seconds=1, nanos=1_000_000_000)),
        ("owner_id", "a\x00b"),
        ("owner_id", "x" * 513),
        ("model", "\x00"),
        ("outcome", "succeded"),
        ("outcome", "outcome_"),
        ("outcome", "failed\n"),
        ("outcome", "FAILED"),
    ],
)
def test_what_nothing_can_have_is_refused_by_name(field, value):
    """R-AD2-06: 400 with the field."""
    with pytest.raises(InvalidInput) as refused:
        question_of(admin.ListStagePerformanceRequest(**{field: value}))

    assert [violation.field for violation in refused.value.violations] == [field]


@pytest.mark.parametrize("outcome", ["", "succeeded", "skipped", "unspecified", "outcome_9", "outcome_-2147483648"])
def test_outcomes_of_today_and_of_tomorrow_may_be_asked_for(outcome):
    assert question_of(admin.ListStagePerformanceRequest(outcome=outcome)).outcome == outcome
