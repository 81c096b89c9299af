from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.stages import PIPELINE, Outcome, Stage
from chassis.io.stage import outcome_to_proto, stage_from_proto, stage_to_proto, timestamp
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import video_pb2, work_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.codec import state_from_proto, state_to_proto, step_state_to_proto
from ingest_svc.domain.advance import advance, register
from ingest_svc.domain.facts import CancelRequested, Ended, RunEnded, Started
from ingest_svc.domain.lengths import AttemptLength, RunLength
from ingest_svc.domain.video import NEEDS, StepState, VideoState
from ingest_svc.ports import SourceFacts
from ingest_svc.work_codec import decode_fact, encode_outgoing

T0 = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = SourceFacts("users/u/videos/v/source", 10, "ab" * 32, "clip.mp4", "Harbour", None)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)  # PostgreSQL has no NUL
fences = st.integers(0, (1 << 63) - 1)


@given(st.sampled_from(PIPELINE), fences, moments, words, st.integers(0, 1 << 30))
def test_a_start_comes_back_as_it_was(stage, fence, at, worker, deliveries):
    fact = Started(stage, fence, at, worker, deliveries)
    message = work_pb2.StageStarted(
        video_id="v",
        stage=stage_to_proto(stage),
        fence=fence,
        started_at=timestamp(at),
        worker=worker,
        deliveries=deliveries,
    )

    assert decode_fact("heimdex.ingest.v1.StageStarted", message.SerializeToString()) == ("v", fact)


ends = st.builds(
    Ended,
    stage=st.sampled_from(PIPELINE),
    fence=fences,
    started_at=moments,
    finished_at=moments,
    outcome=st.sampled_from(Outcome),
    result_key=words,
    reason=words,
    message=words,
    is_permanent=st.booleans(),
    worker=words,
    deliveries=st.integers(0, 1 << 30),
)


@given(ends)
def test_an_end_comes_back_as_it_was(fact):
    message = work_pb2.StageEnded(
        video_id="v",
        stage=stage_to_proto(fact.stage),
        fence=fact.fence,
        started_at=timestamp(fact.started_at),
        finished_at=timestamp(fact.finished_at),
        outcome=outcome_to_proto(fact.outcome),
        result_key=fact.result_key,
        reason=fact.reason,
        message=fact.message,
        is_permanent=fact.is_permanent,
        worker=fact.worker,
        deliveries=fact.deliveries,
    )

    assert decode_fact("heimdex.ingest.v1.StageEnded", message.SerializeToString()) == ("v", fact)


def test_a_message_of_a_newer_version_is_nobodys_fact_and_a_broken_one_is_refused():
    """R-SCH-16."""
    assert decode_fact("heimdex.ingest.v9.Later", b"\xff") is None
    with pytest.raises(DecodeError):
        decode_fact("heimdex.ingest.v1.StageEnded", b"\xff\xff\xff")
    with pytest.raises(ValueError, match="99"):
        decode_fact("heimdex.ingest.v1.StageEnded", work_pb2.StageEnded(stage=99).SerializeToString())


def test_every_state_has_its_word_in_the_contract():
    """R-SCH-14, R-ING-16: a round trip of every value."""
    assert [state_from_proto(state_to_proto(state)) for state in VideoState] == list(VideoState)
    assert len(video_pb2.VideoState.values()) == len(VideoState) + 1
    assert {step_state_to_proto(state) for state in StepState} == set(video_pb2.StepState.values()) - {0}
    assert [stage_from_proto(stage_to_proto(stage)) for stage in Stage] == list(Stage)
    assert len(stage_pb2.Stage.values()) == len(Stage) + 1
    assert {outcome_to_proto(outcome) for outcome in Outcome} == set(stage_pb2.Outcome.values()) - {0}
    assert state_from_proto(0) is None


def test_work_carries_what_its_worker_needs_and_a_name_that_is_its_own():
    """R-RET-06: identity = video, stage, fence; the results of earlier stages come along by key."""
    video, out = register(video_id="v", owner_id="ada", at=T0)
    names = []
    while out:
        for one in out[:1]:
            told = replace(one, length=RunLength(0, 0)) if isinstance(one, RunEnded) else one
            sent = encode_outgoing(video, told, FACTS)
            names.append(sent.message.msg_id)
            if not hasattr(one, "step"):
                break
            work = work_pb2.StageWork.FromString(sent.message.payload)
            inputs = {stage_from_proto(one.stage) for one in work.inputs}

            assert sent.message.msg_id == f"work/v/{one.step.stage}/{one.step.fence}"
            assert (work.fence, work.attempt, work.title, work.source.key) == (
                one.step.fence,
                1,
                "Harbour",
                FACTS.source_key,
            )
            assert set(NEEDS[one.step.stage]) <= inputs
        waiting = [step for step in video.steps if step.state.is_open]
        if not waiting:
            break
        step = waiting[0]
        later = T0 + timedelta(seconds=1)
        video, more = advance(video, Ended(step.stage, step.fence, T0, later, Outcome.SUCCEEDED, "key"), now=later)
        out = (*out[1:], *more)

    assert len(names) == len(set(names)) == len(PIPELINE) + 1


def broken_run():
    """A video whose first attempt failed for good, two seconds after it began, three after it was queued."""
    video, out = register(video_id="v", owner_id="ada", at=T0)
    step = out[0].step
    began, ended = T0 + timedelta(seconds=3), T0 + timedelta(seconds=5, microseconds=1)
    broken = Ended(step.stage, step.fence, began, ended, Outcome.FAILED, reason="OBJECT_CHANGED", is_permanent=True)
    return advance(video, broken, now=ended)


def told_end(video, end):
    return stage_event_pb2.StageEvent.FromString(encode_outgoing(video, end, FACTS).message.payload)


def test_the_end_of_a_run_is_told_with_the_sum_of_its_attempts_and_the_time_that_passed():
    """R-STG-03, R-STG-04, K4: also in failure; the two are not the same number."""
    video, (letter, end) = broken_run()
    event = told_end(video, replace(end, length=RunLength(1_700_000_123, 2)))

    assert (event.duration_ns, event.unmeasured_attempts, event.elapsed_ns) == (1_700_000_123, 2, 2_000_001_000)
    assert (event.stage, event.failed_stage) == (stage_pb2.STAGE_FAILED, stage_pb2.STAGE_DOWNLOADING)
    assert (event.outcome, event.reason) == (stage_pb2.OUTCOME_FAILED, "OBJECT_CHANGED")
    assert event.provenance == stage_event_pb2.PROVENANCE_UNSPECIFIED
    assert encode_outgoing(video, letter, FACTS).message.subject == "heimdex.dead.v1.ingest.downloading.v"


def test_a_run_that_never_began_has_no_elapsed_time():
    """R-STG-11: absent is not 0."""
    video, _ = register(video_id="v", owner_id="ada", at=T0)
    cancelled, (end,) = advance(video, CancelRequested(), now=T0 + timedelta(seconds=1))
    event = told_end(cancelled, replace(end, length=RunLength(0, 0)))

    assert not event.HasField("elapsed_ns")
    assert not event.HasField("started_at")
    assert (event.duration_ns, event.unmeasured_attempts) == (0, 0)


def test_no_clock_that_jumps_makes_a_negative_elapsed_time():
    """R-STG-04: the start of a run is never before it was queued, its end never before its start."""
    video, out = register(video_id="v", owner_id="ada", at=T0)
    step = out[0].step
    late, early = T0 + timedelta(hours=1), T0 - timedelta(hours=1)
    backwards = Ended(step.stage, step.fence, late, early, Outcome.FAILED, reason="X", is_permanent=True)
    video, (_, end) = advance(video, backwards, now=early)

    assert told_end(video, replace(end, length=RunLength(1, 0))).elapsed_ns == 0


def test_a_run_that_nobody_measured_is_not_told():
    video, (_, end) = broken_run()

    with pytest.raises(ValueError, match="measured"):
        encode_outgoing(video, end, FACTS)


@pytest.mark.parametrize(
    ("duration_ns", "work_fence", "lengths"),
    [
        (5, 0, (AttemptLength(7, 5),)),
        (5, 7, (AttemptLength(7, 5),)),
        (5, 3, (AttemptLength(3, 5), AttemptLength(7, 0))),
        (0, 7, ()),
        (-1, 7, ()),
        (1 << 62, 7, ()),
        (0, 3, (AttemptLength(7, 0),)),
    ],
)
def test_the_length_of_work_belongs_to_the_attempt_that_did_it(duration_ns, work_fence, lengths):
    """R-STG-04: what was found stored is counted once; what is absurd was not measured."""
    message = work_pb2.StageEnded(
        video_id="v",
        stage=stage_to_proto(Stage.INDEXING),
        fence=7,
        work_fence=work_fence,
        duration_ns=duration_ns,
        outcome=stage_pb2.OUTCOME_SUCCEEDED,
    )
    _, fact = decode_fact("heimdex.ingest.v1.StageEnded", message.SerializeToString())

    assert fact.lengths == lengths
