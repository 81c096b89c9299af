"""The state machine of a video. Everything that can happen to one goes through `advance`, which is pure.

    queued -> processing -> ready | failed | cancelled          a terminal video starts again only by a reprocess

The stages form a small graph (`NEEDS`); scene detection and transcription run side by side. Each hand-out of a stage
draws the next fence of the video; an answer that carries any other fence changes nothing, so duplicated, reordered
and late facts are harmless by construction.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.core.backoff import delay_seconds
from chassis.core.errors import NotReady
from chassis.core.stages import PIPELINE, Outcome, Stage
from ingest_svc.domain.facts import (
    CancelRequested,
    DeadLetter,
    Dispatch,
    Ended,
    Fact,
    Lost,
    Outgoing,
    ReprocessRequested,
    RunEnded,
    Started,
)
from ingest_svc.domain.video import NEEDS, Failure, Step, StepState, Video, VideoState

__all__ = ["MAX_ATTEMPTS", "MAX_ATTEMPTS_OF_A_BUG", "advance", "register"]

MAX_ATTEMPTS = 8
"""Attempts at one stage before the video fails; together they wait about two minutes."""
MAX_ATTEMPTS_OF_A_BUG = 3
"""Attempts when the failure is a bug of ours: trying longer seldom helps."""


def register(*, video_id: str, owner_id: str, at: datetime) -> tuple[Video, tuple[Outgoing, ...]]:
    """Return a new video with its first stage handed out.

    Fences start at the present time in milliseconds: a video that is deleted and uploaded again never meets an old one.
    """
    video = Video(
        id=video_id,
        owner_id=owner_id,
        state=VideoState.QUEUED,
        stage=Stage.QUEUED,
        generation=1,
        fence=int(at.timestamp() * 1000),
        steps=tuple(Step(stage) for stage in PIPELINE),
        queued_at=at,
    )
    return _hand_out(video, at)


def advance(video: Video, fact: Fact, *, now: datetime, spread: float = 0.5) -> tuple[Video, tuple[Outgoing, ...]]:
    """Return the video after a fact, and what must be sent because of it.

    A fact that changes nothing returns the same video.

    Args:
        video: the video before.
        fact: what happened.
        now: wall time; stamps hand-outs.
        spread: position in the jitter window of a retry, 0 to 1.

    Raises:
        NotReady: a request (cancel, reprocess) that the state does not allow. Facts from workers never raise.
    """
    match fact:
        case Started():
            return _started(video, fact), ()
        case Ended():
            return _ended(video, fact, now, spread)
        case Lost():
            return _lost(video, fact, now)
        case CancelRequested():
            return _cancel(video, now)
        case ReprocessRequested():
            return _reprocess(video, fact, now)


def _with_step(video: Video, step: Step) -> Video:
    steps = tuple(step if one.stage is step.stage else one for one in video.steps)
    stage = video.stage if video.state is VideoState.QUEUED else _display_stage(steps, video.stage)
    return replace(video, steps=steps, stage=stage)


def _display_stage(steps: tuple[Step, ...], before: Stage) -> Stage:
    """Return the stage to show: the one that broke, else the first one in hand, else the last one that ended."""
    for wanted in (lambda s: s.state is StepState.FAILED, lambda s: s.state.is_open):
        for step in steps:
            if wanted(step):
                return step.stage
    over = [step.stage for step in steps if step.state.is_over]
    return over[-1] if over else before


def _hand_out(video: Video, now: datetime) -> tuple[Video, tuple[Outgoing, ...]]:
    """Hand out every stage whose needs are met."""
    out: list[Outgoing] = []
    for step in video.steps:
        if step.state is StepState.PENDING and all(video.step(need).state.is_over for need in NEEDS[step.stage]):
            video, dispatch = _dispatch(video, step, attempt=1, now=now, wait_seconds=0.0)
            out.append(dispatch)
    return video, tuple(out)


def _dispatch(video: Video, step: Step, *, attempt: int, now: datetime, wait_seconds: float) -> tuple[Video, Dispatch]:
    fence = video.fence + 1
    not_before = now + timedelta(seconds=wait_seconds)
    queued = Step(
        step.stage,
        StepState.QUEUED,
        attempt=attempt,
        fence=fence,
        queued_at=not_before,
        reason=step.reason if attempt > 1 else "",
        message=step.message if attempt > 1 else "",
    )
    replaces = step if step.state.is_open else None
    return _with_step(replace(video, fence=fence), queued), Dispatch(queued, not_before, replaces)


def _begin(video: Video, at: datetime) -> Video:
    if video.state is not VideoState.QUEUED:
        return video
    return replace(video, state=VideoState.PROCESSING, processing_started_at=max(at, video.queued_at))


def _started(video: Video, fact: Started) -> Video:
    step = video.step(fact.stage)
    if video.state.is_terminal or step.fence != fact.fence or not step.state.is_open:
        return video
    if step.state is StepState.RUNNING and step.deliveries >= fact.deliveries:
        return video
    running = replace(step, state=StepState.RUNNING, started_at=fact.at, worker=fact.worker, deliveries=fact.deliveries)
    return _with_step(_begin(video, fact.at), running)


def _ended(video: Video, fact: Ended, now: datetime, spread: float) -> tuple[Video, tuple[Outgoing, ...]]:
    step = video.step(fact.stage)
    if step.fence != fact.fence or not step.state.is_open:
        return video, ()
    over = replace(
        step,
        started_at=fact.started_at,
        finished_at=max(fact.finished_at, fact.started_at),
        worker=fact.worker,
        reason=fact.reason,
        message=fact.message,
        result_key=fact.result_key,
        deliveries=max(step.deliveries, fact.deliveries),  # its begin may not have been told, or not yet
    )
    if video.state.is_terminal:
        # The run is over, but what it left behind saves a later reprocess the work.
        kept = fact.outcome in {Outcome.SUCCEEDED, Outcome.SKIPPED}
        return (replace(video, steps=tuple(_close(one, over, kept=kept) for one in video.steps)), ())
    video = _begin(video, fact.started_at)
    if fact.outcome is Outcome.CANCELLED:
        back = replace(over, reason=step.reason, message=step.message)  # stopping is not why it is tried again
        video, dispatch = _dispatch(video, back, attempt=step.attempt, now=now, wait_seconds=0.0)
        return video, (dispatch,)
    if fact.outcome is Outcome.FAILED:
        return _failed(video, over, fact, now, spread)
    state = StepState.SKIPPED if fact.outcome is Outcome.SKIPPED else StepState.DONE
    video = _with_step(video, replace(over, state=state))
    if fact.media_info:
        video = replace(video, media_info=fact.media_info, duration_ns=fact.duration_ns)
    if all(one.state.is_over for one in video.steps):
        return _ready(video, max(fact.finished_at, fact.started_at))
    return _hand_out(video, now)


def _close(step: Step, over: Step, *, kept: bool) -> Step:
    if step.stage is not over.stage:
        return step
    return replace(over, state=StepState.DONE if kept else StepState.PENDING)


def _failed(video: Video, over: Step, fact: Ended, now: datetime, spread: float) -> tuple[Video, tuple[Outgoing, ...]]:
    limit = MAX_ATTEMPTS_OF_A_BUG if fact.reason == "INTERNAL" else MAX_ATTEMPTS
    if not fact.is_permanent and over.attempt < limit:
        wait = delay_seconds(over.attempt, spread=spread)
        video, dispatch = _dispatch(video, over, attempt=over.attempt + 1, now=now, wait_seconds=wait)
        return video, (dispatch,)
    broken = replace(over, state=StepState.FAILED)
    video = replace(
        _with_step(video, broken),
        state=VideoState.FAILED,
        failure=Failure(over.stage, fact.reason, fact.message),
        processing_finished_at=_end_of(video, max(fact.finished_at, fact.started_at)),
    )
    return video, (DeadLetter(broken), RunEnded(Outcome.FAILED))


def _end_of(video: Video, at: datetime) -> datetime:
    return max(at, video.processing_started_at or video.queued_at)


def _ready(video: Video, at: datetime) -> tuple[Video, tuple[Outgoing, ...]]:
    end = _end_of(video, at)
    ready = replace(video, state=VideoState.READY, processing_finished_at=end, indexed_at=end, stage=Stage.FINALIZING)
    return ready, (RunEnded(Outcome.SUCCEEDED),)


def _lost(video: Video, fact: Lost, now: datetime) -> tuple[Video, tuple[Outgoing, ...]]:
    step = video.step(fact.stage)
    if video.state.is_terminal or step.fence != fact.fence or not step.state.is_open:
        return video, ()
    video, dispatch = _dispatch(video, step, attempt=step.attempt, now=now, wait_seconds=0.0)
    return video, (dispatch,)


def _cancel(video: Video, now: datetime) -> tuple[Video, tuple[Outgoing, ...]]:
    if video.state is VideoState.CANCELLED:
        return video, ()
    if video.state.is_terminal:
        raise NotReady(f"the video is {video.state} already", reason="VIDEO_NOT_RUNNING")
    cancelled = replace(video, state=VideoState.CANCELLED, processing_finished_at=_end_of(video, now))
    return cancelled, (RunEnded(Outcome.CANCELLED),)


def _reprocess(video: Video, fact: ReprocessRequested, now: datetime) -> tuple[Video, tuple[Outgoing, ...]]:
    if not video.state.is_terminal:
        raise NotReady(f"the video is {video.state}; cancel it or wait", reason="VIDEO_RUNNING")
    again = _dependents(fact.from_stage)
    missing = [step.stage for step in video.steps if step.stage not in again and not step.state.is_over]
    if missing:
        raise NotReady(
            f"stage {missing[0]} has no result; reprocess from {missing[0]} or earlier", reason="STAGE_WITHOUT_RESULT"
        )
    steps = tuple(Step(step.stage) if step.stage in again else step for step in video.steps)
    fresh = replace(
        video,
        state=VideoState.QUEUED,
        stage=Stage.QUEUED,
        generation=video.generation + 1,
        steps=steps,
        queued_at=now,
        processing_started_at=None,
        processing_finished_at=None,
        failure=None,
        fence=max(video.fence, int(now.timestamp() * 1000)),
    )
    return _hand_out(fresh, now)


def _dependents(stage: Stage) -> frozenset[Stage]:
    """Return a stage and everything that needs it, directly or not."""
    found = {stage}
    for later in PIPELINE:
        if found & set(NEEDS[later]):
            found.add(later)
    return frozenset(found)
