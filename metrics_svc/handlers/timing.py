"""Latency over time, and of searches, uploads and exports: read the window, ask the store, tell what it says."""

from datetime import datetime

from metrics_svc.domain.answers import timing
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.readings import OTHER_OPERATIONS
from metrics_svc.domain.events.measures import Measure
from metrics_svc.ports.answers import AnswerStore

__all__ = ["operation_performance", "search_quality", "stage_latency"]

_LATENCY = (Measure.WORK, Measure.PROCESSING)
_SEARCHES = (Measure.SEARCH, Measure.EMPTY_SEARCH)
_OPERATIONS = (Measure.SEARCH, Measure.UPLOAD, Measure.EXPORT, OTHER_OPERATIONS)


async def stage_latency(question: Question, *, store: AnswerStore, now: datetime) -> timing.StageLatencyReport:
    """Answer how long each stage and whole videos take, over time."""
    period = question.period()
    readings = await store.read(question.window(now), question.owner_id, _LATENCY)
    return timing.stage_latency(readings, period, model=question.model, outcome=question.outcome)


async def search_quality(question: Question, *, store: AnswerStore, now: datetime) -> timing.SearchQualityReport:
    """Answer how long searches take and how many have no result, over time."""
    period = question.period()
    return timing.search_quality(await store.read(question.window(now), question.owner_id, _SEARCHES), period)


async def operation_performance(question: Question, *, store: AnswerStore, now: datetime) -> timing.OperationReport:
    """Answer how long searches, uploads and exports take, by outcome."""
    readings = await store.read(question.window(now), question.owner_id, _OPERATIONS)
    return timing.operations(readings, outcome=question.outcome)
