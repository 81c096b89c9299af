"""One function per question: read the window, ask the store, tell what the readings say."""

from datetime import datetime

from metrics_svc.domain.answers import answering
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.reports import (
    FailureReport,
    LatencyReport,
    QueueReport,
    RtfReport,
    SearchActivityReport,
    StageReport,
    ThroughputReport,
)
from metrics_svc.domain.events.measures import Measure
from metrics_svc.ports.answers import AnswerStore

__all__ = [
    "failures_by_stage",
    "processing_latency",
    "queue_analysis",
    "rtf_distribution",
    "search_activity",
    "stage_performance",
    "throughput",
]

_LATENCY = (Measure.PROCESSING, Measure.QUEUE, Measure.TOTAL, Measure.ELAPSED)
_RTF = (Measure.RTF, Measure.RTF_VIDEO, Measure.RTF_PROCESSING, Measure.VIDEO_LENGTH)
_THROUGHPUT = (Measure.RUN, Measure.PROCESSING, Measure.RTF, Measure.VIDEO_LENGTH)


async def processing_latency(question: Question, *, store: AnswerStore, now: datetime) -> LatencyReport:
    """Answer how long videos that became ready took."""
    return answering.latency(await store.read(question.window(now), question.owner_id, _LATENCY))


async def rtf_distribution(question: Question, *, store: AnswerStore, now: datetime) -> RtfReport:
    """Answer how processing time compares with the length of the videos."""
    return answering.rtf(await store.read(question.window(now), question.owner_id, _RTF))


async def queue_analysis(question: Question, *, store: AnswerStore, now: datetime) -> QueueReport:
    """Answer how waiting compares with working."""
    measures = (Measure.TOTAL, Measure.QUEUED_PROCESSING)
    return answering.queue(await store.read(question.window(now), question.owner_id, measures))


async def stage_performance(question: Question, *, store: AnswerStore, now: datetime) -> StageReport:
    """Answer how long each stage takes, by outcome and model."""
    readings = await store.read(question.window(now), question.owner_id, (Measure.WORK, Measure.WAIT))
    return answering.stages(readings, model=question.model, outcome=question.outcome)


async def failures_by_stage(question: Question, *, store: AnswerStore, now: datetime) -> FailureReport:
    """Answer where videos broke."""
    return answering.failures(await store.read(question.window(now), question.owner_id, (Measure.RUN,)))


async def throughput(question: Question, *, store: AnswerStore, now: datetime) -> ThroughputReport:
    """Answer what ended in each period, empty ones included."""
    period = question.period()
    return answering.throughput(await store.read(question.window(now), question.owner_id, _THROUGHPUT), period)


async def search_activity(question: Question, *, store: AnswerStore, now: datetime) -> SearchActivityReport:
    """Answer what was searched in each period, empty ones included."""
    period = question.period()
    return answering.searches(await store.read(question.window(now), question.owner_id, (Measure.SEARCH,)), period)
