from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.errors import InvalidInput
from chassis.core.stages import Outcome, Stage
from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.codec.events import (
    DECODERS,
    decode_operation_event,
    decode_search_event,
    decode_stage_event,
    micros,
)
from metrics_svc.domain.events.samples import (
    OperationSample,
    SearchSample,
    StageSample,
    VideoRun,
    event_key,
)
from metrics_svc.domain.events.words import operation_word, outcome_word, stage_word
from tests.support.metrics_samples import (
    MINUTE_NS,
    NOW,
    operation_event,
    run_event,
    search_event,
    stage_event,
    stamp,
)

NOW_US = micros(NOW)


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
    future = datetime(9998, 12, 31, tzinfo=UTC)
    sample = decode(stage_event(1, finished_at=future))

    assert (sample.counted_us, sample.finished_us, sample.is_clock_corrected) == (NOW_US, micros(future), True)


def test_an_end_before_the_year_2000_is_a_clock_that_was_never_set():
    """R-STG-04."""
    sample = decode(stage_event(1, finished_at=datetime(1970, 1, 1, 0, 5, tzinfo=UTC)))

    assert (sample.counted_us, sample.finished_us, sample.is_clock_corrected) == (NOW_US, 300_000_000, True)


def test_a_wait_that_no_64_bits_can_hold_is_not_known():
    sample = decode(stage_event(1, queued_at=stamp(datetime(2, 1, 1, tzinfo=UTC))))

    assert (sample.wait_ns, sample.is_clock_corrected) == (None, True)


def test_a_clock_that_runs_a_little_ahead_is_believed():
    ahead = NOW + timedelta(minutes=4)

    assert decode(stage_event(1, finished_at=ahead)).counted_us == micros(ahead)


def test_what_was_not_measured_stays_unknown():
    """R-STG-11: absent is not 0."""
    event = stage_event(1)
    for field in ("queued_at", "started_at", "finished_at", "video_duration_ns"):
        event.ClearField(field)
    sample = decode(event)

    assert (sample.queued_us, sample.wait_ns, sample.video_duration_ns, sample.items, sample.cpu_ns) == (None,) * 5
    assert (sample.gpu_ns, sample.energy_uj, sample.model_calls, sample.worker_slots) == (None, None, None, 0)
    assert sample.counted_us == NOW_US


def test_a_negative_length_was_not_measured():
    event = stage_event(1, duration_ns=-1, video_duration_ns=-5, cpu_ns=-1, gpu_ns=-1, energy_uj=-1, model_calls=-1)
    sample = decode(event)

    assert (sample.duration_ns, sample.video_duration_ns) == (None, None)
    assert (sample.cpu_ns, sample.gpu_ns, sample.energy_uj, sample.model_calls) == (None,) * 4


def test_what_was_measured_is_kept():
    """Every field of an attempt, each in its place."""
    sample = decode(
        stage_event(
            7,
            attempt=2,
            generation=3,
            reason="WHY",
            items=11,
            bytes_read=12,
            model="m@1",
            worker="w/1",
            cpu_ns=13,
            gpu_ns=14,
            energy_uj=15,
            model_calls=16,
            worker_slots=17,
        )
    )

    assert sample == StageSample(
        event_id="v7/1/transcription/1",
        video_id="v7",
        owner_id="owner",
        generation=3,
        stage="transcription",
        attempt=2,
        outcome="succeeded",
        reason="WHY",
        queued_us=NOW_US - 61_000_000,
        started_us=NOW_US - 60_000_000,
        finished_us=NOW_US,
        counted_us=NOW_US,
        duration_ns=MINUTE_NS,
        wait_ns=1_000_000_000,
        is_clock_corrected=False,
        video_duration_ns=2 * MINUTE_NS,
        items=11,
        bytes_read=12,
        model="m@1",
        worker="w/1",
        cpu_ns=13,
        gpu_ns=14,
        energy_uj=15,
        model_calls=16,
        worker_slots=17,
        is_backfilled=False,
    )


def test_the_end_of_a_run_has_its_own_measures():
    sample = decode(run_event(1, elapsed_ns=5, unmeasured_attempts=2))

    assert (sample.duration_ns, sample.elapsed_ns, sample.unmeasured_attempts) == (MINUTE_NS, 5, 2)


def test_what_was_filled_in_later_has_no_lengths_whatever_it_says():
    """R-BKF: nobody measured them; when it happened is kept."""
    run = decode(run_event(1, elapsed_ns=5, provenance=stage_event_pb2.PROVENANCE_BACKFILLED))
    attempt = decode(stage_event(1, provenance=stage_event_pb2.PROVENANCE_BACKFILLED))

    assert (run.duration_ns, run.queue_ns, run.elapsed_ns, run.is_backfilled) == (None, None, None, True)
    assert (run.counted_us, run.video_duration_ns) == (NOW_US, 2 * MINUTE_NS)
    assert (attempt.duration_ns, attempt.wait_ns, attempt.is_backfilled) == (None, None, True)


def test_an_attempt_that_nobody_measured_has_no_length():
    assert decode(stage_event(1, unmeasured_attempts=1, duration_ns=0)).duration_ns is None


def test_a_time_that_no_date_can_hold_is_unknown():
    event = stage_event(1)
    event.finished_at.seconds = 1 << 60

    assert decode(event).finished_us is None


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
        asked_us=NOW_US,
        counted_us=NOW_US,
        latency_ns=20_000_000,
        results_count=0,
        query_text="macaw",
    )


def test_an_operation_is_kept_with_its_length():
    assert decode_operation_event(operation_event(1).SerializeToString(), NOW) == OperationSample(
        event_id="upload/1",
        operation="upload",
        owner_id="owner",
        video_id="v1",
        outcome="succeeded",
        reason="",
        started_us=NOW_US - 2_000_000,
        finished_us=NOW_US,
        counted_us=NOW_US,
        duration_ns=2_000_000_000,
        is_clock_corrected=False,
        size_bytes=1_000_000,
        media_duration_ns=None,
    )


def test_an_operation_may_have_no_video_and_be_from_the_future():
    event = operation_event(1, operation="EXPORT", outcome="FAILED", video_id="", duration_ns=-1)
    sample = decode_operation_event(event.SerializeToString(), NOW)
    event.operation = 7

    assert (sample.operation, sample.outcome, sample.video_id, sample.duration_ns) == ("export", "failed", "", None)
    assert decode_operation_event(event.SerializeToString(), NOW).operation == "operation_7"


def test_every_operation_has_its_word():
    names = [name.removeprefix("OPERATION_").lower() for name, value in stage_event_pb2.Operation.items() if value]

    assert [operation_word(number) for number in range(1, len(names) + 1)] == names


def test_every_event_of_the_contract_has_a_decoder():
    kinds = {f"heimdex.metrics.v1.{name}" for name in stage_event_pb2.DESCRIPTOR.message_types_by_name}

    assert set(DECODERS) == kinds


def test_the_key_of_an_event_is_that_of_the_database():
    """Migration 0003 computes it in SQL; both halves are fixed here."""
    key = event_key("v1/1/transcription/1")

    assert key.hex() == "3bfc269594ef6492e406c641f6ba9384"
    assert key[:8] == event_key("v1/2/indexing/9")[:8] != event_key("v2/1/transcription/1")[:8]
    assert key[8:] != event_key("v1/1/transcription/2")[8:]
