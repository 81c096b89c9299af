"""One function per question: read the window, ask the store, put the answer in order."""

from datetime import date, datetime

from metrics_svc.domain.question import Question
from metrics_svc.domain.reports import (
    Coverage,
    DayOfSearches,
    DayOfVideos,
    FailureReport,
    LatencyReport,
    QueueReport,
    RtfReport,
    SearchActivityReport,
    StageReport,
    ThroughputReport,
    add_up,
    fill_days,
    in_pipeline_order,
    share_failures,
)
from metrics_svc.ports.samples import SampleStore

__all__ = [
    "failures_by_stage",
    "processing_latency",
    "queue_analysis",
    "rtf_distribution",
    "search_activity",
    "stage_performance",
    "throughput",
]


async def processing_latency(question: Question, *, store: SampleStore, now: datetime) -> LatencyReport:
    """Answer how long videos that became ready took."""
    return await store.latency(question.window(now), question.owner_id)


async def rtf_distribution(question: Question, *, store: SampleStore, now: datetime) -> RtfReport:
    """Answer how processing time compares with the length of the videos."""
    return await store.rtf(question.window(now), question.owner_id)


async def queue_analysis(question: Question, *, store: SampleStore, now: datetime) -> QueueReport:
    """Answer how waiting compares with working."""
    return await store.queue(question.window(now), question.owner_id)


async def stage_performance(question: Question, *, store: SampleStore, now: datetime) -> StageReport:
    """Answer how long each stage takes, by outcome and model."""
    rows = in_pipeline_order(await store.stages(question.window(now), question.owner_id))
    return StageReport(add_up(row.coverage for row in rows), rows)


async def failures_by_stage(question: Question, *, store: SampleStore, now: datetime) -> FailureReport:
    """Answer where videos broke."""
    rows = share_failures(await store.failures(question.window(now), question.owner_id))
    return FailureReport(Coverage(measured=sum(row.count for row in rows)), rows)


async def throughput(question: Question, *, store: SampleStore, now: datetime) -> ThroughputReport:
    """Answer what ended on each day, empty days included."""
    window = question.window(now, by_day=True)
    found = await store.throughput(window, question.owner_id)
    return ThroughputReport(
        add_up(day.coverage for day in found.values()), fill_days(window.days, found, DayOfVideos(day=date.min))
    )


async def search_activity(question: Question, *, store: SampleStore, now: datetime) -> SearchActivityReport:
    """Answer what was searched on each day, empty days included."""
    window = question.window(now, by_day=True)
    found = await store.searches(window, question.owner_id)
    return SearchActivityReport(
        add_up(day.coverage for day in found.values()), fill_days(window.days, found, DayOfSearches(day=date.min))
    )
