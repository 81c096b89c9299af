from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.errors import InvalidInput
from chassis.core.stages import Outcome, Stage
from heimdex.common.v1 import stage_pb2
from metrics_svc.codec.events import decode_search_event, decode_stage_event
from metrics_svc.domain.samples import SearchSample, StageSample, VideoRun
from metrics_svc.domain.words import outcome_word, stage_word
from tests.support.metrics_samples import MINUTE_NS, NOW, run_event, search_event, stage_event, stamp


def decode(event, now=NOW):
    return decode_stage_event(event.SerializeToString(), now)


def test_every_stage_and_outcome_has_its_lower_case_word():
    """R-STG-06."""
    stages, outcomes = stage_pb2.Stage.items(), stage_pb2.Outcome.items()

    assert [stage_word(value) for _, value in stages] == [name.removeprefix("STAGE_").lower() for name, _ in stages]
    assert [outcome_word(value) for _, value in outcomes] == [
        name.removeprefix("OUTCOME_").lower() for name, _ in outcomes
    ]
    assert {stage_word(value) for _, value in stages} == {*Stage, "unspecified"}
    assert {outcome_word(value) for _, value in outcomes} == {*Outcome, "unspecified"}


def test_a_stage_or_outcome_from_the_future_is_kept_under_its_number():
    """R-STG-06: an unknown value from the future is kept, not dropped."""
    event = stage_event(1)
    event.stage, event.outcome = 17, 9
    sample = decode(event)

    assert (sample.stage, sample.outcome) == ("stage_17", "outcome_9")


def test_the_end_of_a_run_is_told_apart_from_a_piece_of_work():
    assert isinstance(decode(stage_event(1)), StageSample)
    ready, failed = decode(run_event(1)), decode(run_event(2, failed_in="METADATA"))

    assert isinstance(ready, VideoRun)
    assert (ready.stage, ready.failed_stage) == ("completed", "")
    assert (failed.stage, failed.outcome, failed.failed_stage) == ("failed", "failed", "metadata")


def test_waiting_is_from_handed_out_to_begun():
    assert decode(stage_event(1)).wait_ns == 1_000_000_000
    assert decode(run_event(1)).queue_ns == 1_000_000_000


def test_clocks_that_contradict_each_other_give_no_negative_time_and_are_marked():
    """R-STG-04: a backwards clock jump gives no negative value; the monotonic length stands."""
    event = stage_event(1, queued_at=stamp(NOW + timedelta(hours=1)), finished_at=NOW - timedelta(days=1))
    sample = decode(event)

    assert (sample.wait_ns, sample.duration_ns, sample.is_clock_corrected) == (0, MINUTE_NS, True)


def test_an_end_in_the_far_future_counts_on_arrival_and_is_kept_as_told():
    future = datetime(9999, 12, 31, tzinfo=UTC)
    sample = decode(stage_event(1, finished_at=future))

    assert (sample.counted_at, sample.finished_at, sample.is_clock_corrected) == (NOW, future, True)


def test_a_clock_that_runs_a_little_ahead_is_believed():
    ahead = NOW + timedelta(minutes=4)

    assert decode(stage_event(1, finished_at=ahead)).counted_at == ahead


def test_what_was_not_measured_stays_unknown():
    """R-STG-11: absent is not 0."""
    event = stage_event(1)
    for field in ("queued_at", "started_at", "finished_at", "video_duration_ns"):
        event.ClearField(field)
    sample = decode(event)

    assert (sample.queued_at, sample.wait_ns, sample.video_duration_ns, sample.items, sample.cpu_ns) == (None,) * 5
    assert sample.counted_at == NOW


def test_a_negative_length_was_not_measured():
    event = stage_event(1, duration_ns=-1, video_duration_ns=-5)
    sample = decode(event)

    assert (sample.duration_ns, sample.video_duration_ns) == (None, None)


def test_a_time_that_no_date_can_hold_is_unknown():
    event = stage_event(1)
    event.finished_at.seconds = 1 << 60

    assert decode(event).finished_at is None


@pytest.mark.parametrize(
    "changes", [{"event_id": ""}, {"event_id": "x" * 513}, {"video_id": "a\x00b"}, {"owner_id": ""}]
)
def test_an_id_that_no_index_can_hold_is_refused(changes):
    with pytest.raises(InvalidInput):
        decode(stage_event(1, **changes))


def test_text_is_made_storable():
    sample = decode(stage_event(1, reason="a\x00b" + "x" * 2_000, model="m\x00"))

    assert (sample.reason[:3], len(sample.reason), sample.model) == (
        "a\N{REPLACEMENT CHARACTER}b",
        1_000,
        "m\N{REPLACEMENT CHARACTER}",
    )


def test_bytes_that_are_no_event_are_refused():
    with pytest.raises(InvalidInput):
        decode_stage_event(b"\xff\xff\xff", NOW)
    with pytest.raises(InvalidInput):
        decode_search_event(b"\x0a\xff", NOW)


def test_a_search_is_kept_with_its_latency():
    sample = decode_search_event(search_event(1).SerializeToString(), NOW)

    assert sample == SearchSample(
        event_id="s1",
        owner_id="owner",
        asked_at=NOW,
        counted_at=NOW,
        latency_ns=20_000_000,
        results_count=0,
        query_text="macaw",
    )
