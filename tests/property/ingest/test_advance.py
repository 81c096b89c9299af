"""The state machine of a video holds its laws under every sequence of facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.core.errors import NotReady
from chassis.core.stages import PIPELINE, Outcome, Stage
from ingest_svc.domain.advance import MAX_ATTEMPTS, MAX_ATTEMPTS_OF_A_BUG, advance, register
from ingest_svc.domain.facts import CancelRequested, Dispatch, Ended, Lost, ReprocessRequested, RunEnded, Started
from ingest_svc.domain.video import NEEDS, StepState, Video, VideoState

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def legal(video: Video) -> None:
    over = [step.state.is_over for step in video.steps]
    assert (video.state is VideoState.READY) <= all(over)
    assert (video.state is VideoState.FAILED) == (video.failure is not None)
    assert video.state.is_terminal == (video.processing_finished_at is not None)
    assert video.stage in {Stage.QUEUED, *PIPELINE}
    assert all(step.fence <= video.fence for step in video.steps)
    for step in video.steps:
        if step.state is not StepState.PENDING:
            assert all(video.step(need).state.is_over for need in NEEDS[step.stage])
    if not video.state.is_terminal:
        assert any(step.state.is_open for step in video.steps), "a video that goes on must have somebody who is asked"
    if video.processing_started_at:
        assert video.queued_at <= video.processing_started_at
        if video.processing_finished_at:
            assert video.processing_started_at <= video.processing_finished_at


def ended(step, outcome=Outcome.SUCCEEDED, *, at=T0, permanent=False, reason="") -> Ended:
    info = b"info" if step.stage is Stage.METADATA else b""
    return Ended(
        step.stage,
        step.fence,
        at,
        at + timedelta(seconds=1),
        outcome,
        f"key/{step.stage}",
        reason,
        "",
        permanent,
        "w",
        info,
        5,
    )


def run(video: Video, out, *, at=T0) -> Video:
    """Answer every hand-out with success until the run is over."""
    todo = [one.step for one in out if isinstance(one, Dispatch)]
    while todo:
        step = todo.pop(0)
        video, more = advance(video, ended(step, at=at), now=at)
        legal(video)
        todo += [one.step for one in more if isinstance(one, Dispatch)]
    return video


@st.composite
def histories(draw):
    """Facts as a hostile carrier would bring them.

    About any stage, with fences right, old, or invented, in any order.
    """
    kinds = st.sampled_from(["started", "ok", "skip", "fail", "fatal", "bug", "back", "lost", "cancel", "again"])
    return draw(
        st.lists(
            st.tuples(kinds, st.sampled_from(PIPELINE), st.integers(-2, 2), st.integers(-3, 50)),
            min_size=1,
            max_size=60,
        )
    )


def fact_of(video: Video, kind: str, stage: Stage, drift: int, seconds: int):
    at = T0 + timedelta(seconds=seconds)
    step = video.step(stage)
    step = replace(step, fence=step.fence + drift)
    match kind:
        case "started":
            return Started(stage, step.fence, at, "w", 1 + abs(drift))
        case "ok":
            return ended(step, at=at)
        case "skip":
            return ended(step, Outcome.SKIPPED, at=at)
        case "fail":
            return ended(step, Outcome.FAILED, at=at, reason="UPSTREAM_UNAVAILABLE")
        case "fatal":
            return ended(step, Outcome.FAILED, at=at, permanent=True, reason="INVALID_MEDIA")
        case "bug":
            return ended(step, Outcome.FAILED, at=at, reason="INTERNAL")
        case "back":
            return ended(step, Outcome.CANCELLED, at=at, reason="STOPPING")
        case "lost":
            return Lost(stage, step.fence)
        case "cancel":
            return CancelRequested()
        case _:
            return ReprocessRequested(stage)


@given(histories())
@settings(max_examples=400, deadline=None)
def test_no_sequence_of_duplicated_reordered_or_late_facts_reaches_an_illegal_state(history):
    """R-ING-16, R-STG-01, R-STG-07."""
    video, _ = register(video_id="v", owner_id="u", at=T0)
    legal(video)
    for kind, stage, drift, seconds in history:
        fact = fact_of(video, kind, stage, drift, seconds)
        try:
            after, out = advance(video, fact, now=T0 + timedelta(seconds=seconds))
        except NotReady:
            assert isinstance(fact, CancelRequested | ReprocessRequested)
            continue
        legal(after)
        assert after.fence >= video.fence
        fences = [one.step.fence for one in out if isinstance(one, Dispatch)]
        assert len(fences) == len(set(fences))
        assert all(fence > video.fence for fence in fences)
        assert sum(isinstance(one, RunEnded) for one in out) == (
            after.state.is_terminal and not video.state.is_terminal
        )
        video = after


@given(histories())
@settings(max_examples=200, deadline=None)
def test_a_fact_taken_twice_changes_nothing_the_second_time(history):
    """R-STG-08."""
    video, _ = register(video_id="v", owner_id="u", at=T0)
    for kind, stage, drift, seconds in history:
        fact = fact_of(video, kind, stage, drift, seconds)
        if isinstance(fact, ReprocessRequested):
            continue  # asking twice is two requests
        now = T0 + timedelta(seconds=seconds)
        try:
            once, _ = advance(video, fact, now=now)
            twice, out = advance(once, fact, now=now)
        except NotReady:
            continue

        assert (once, ()) == (twice, out)
        video = once


def test_an_undisturbed_run_walks_the_stages_and_becomes_ready():
    """R-STG-06, R-ING-14."""
    video, out = register(video_id="v", owner_id="u", at=T0)

    assert (VideoState.QUEUED, Stage.QUEUED) == (video.state, video.stage)
    done = run(video, out)

    assert (VideoState.READY, Stage.FINALIZING) == (done.state, done.stage)
    assert done.indexed_at is not None


def test_scene_detection_and_transcription_are_handed_out_together():
    """K5."""
    video, out = register(video_id="v", owner_id="u", at=T0)
    for _ in range(2):
        video, out = advance(video, ended(out[0].step), now=T0)

    assert {Stage.SCENE_DETECTION, Stage.TRANSCRIPTION} == {one.step.stage for one in out}


@pytest.mark.parametrize(
    ("reason", "limit"), [("UPSTREAM_UNAVAILABLE", MAX_ATTEMPTS), ("INTERNAL", MAX_ATTEMPTS_OF_A_BUG)]
)
def test_transient_failures_are_retried_with_growing_waits_up_to_the_limit(reason, limit):
    """R-RET-01."""
    video, out = register(video_id="v", owner_id="u", at=T0)
    waits = []
    for attempt in range(1, limit + 1):
        step = video.step(Stage.DOWNLOADING)
        assert attempt == step.attempt
        video, out = advance(video, ended(step, Outcome.FAILED, reason=reason), now=T0)
        waits += [(one.not_before - T0).total_seconds() for one in out if isinstance(one, Dispatch)]

    assert VideoState.FAILED is video.state
    assert sorted(waits) == waits
    assert limit - 1 == len(waits)


def test_a_permanent_failure_ends_at_once_and_keeps_the_stage_where_it_broke():
    """R-RET-01, K3."""
    video, out = register(video_id="v", owner_id="u", at=T0)
    video, out = advance(video, ended(out[0].step), now=T0)
    video, out = advance(video, ended(out[0].step, Outcome.FAILED, permanent=True, reason="INVALID_MEDIA"), now=T0)

    assert (VideoState.FAILED, Stage.METADATA) == (video.state, video.stage)
    assert ("INVALID_MEDIA", 1) == (video.failure.reason, video.step(Stage.METADATA).attempt)


def test_reprocessing_runs_only_the_later_stages():
    """R-RET-03."""
    video, out = register(video_id="v", owner_id="u", at=T0)
    video = run(video, out)
    again, out = advance(video, ReprocessRequested(Stage.INDEXING), now=T0 + timedelta(hours=1))

    assert [Stage.INDEXING] == [one.step.stage for one in out]
    assert 2 == again.generation
    assert VideoState.READY is run(again, out, at=T0 + timedelta(hours=1)).state


def test_work_given_back_by_a_stopping_worker_costs_no_attempt():
    video, out = register(video_id="v", owner_id="u", at=T0)
    video, out = advance(video, ended(out[0].step, Outcome.CANCELLED), now=T0)

    assert 1 == out[0].step.attempt
    assert T0 == out[0].not_before
