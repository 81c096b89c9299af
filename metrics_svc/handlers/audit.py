"""One audit: take hold of a moment, ask everything in every way, compare, and say where the ways disagree."""

import asyncio
import heapq
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.series import Total
from metrics_svc.domain.answers.windows import Window, midnight
from metrics_svc.domain.audit.audited import AUDITED
from metrics_svc.domain.audit.comparison import (
    MOST_LISTED,
    Account,
    AuditReport,
    Check,
    Comparison,
    Difference,
    Way,
    compare,
)
from metrics_svc.domain.audit.rebuilding import compare_sketches, totals_of
from metrics_svc.domain.audit.scraped import GAUGES, Samples, compare_view, counters_of, gauges_of
from metrics_svc.domain.events.measures import ALL_OWNERS
from metrics_svc.ports.audit import Begin, Moment, PrometheusView, ToldAnswers

__all__ = ["audit"]

_ONE_DAY = timedelta(days=1)


async def audit(
    question: Question, *, begin: Begin, view: PrometheusView, keep_days: int, now: datetime
) -> AuditReport:
    """Answer where the ways to compute a number disagree.

    Days whose events were removed after `keep_days` are left out, and told. The overview and the Prometheus view are of
    everybody, so they are only looked at when no owner is asked for.

    Raises:
        InvalidInput: the window is none.
    """
    window = question.window(now)
    findings = _Findings()
    audited = _held(window, _midnight(now) - _ONE_DAY * keep_days)
    if audited is not None:
        before = {} if question.owner_id else await view.samples()
        async with begin() as (moment, told):
            await _audit_answers(findings, moment, told, audited, question.owner_id)
            if not question.owner_id:
                await _audit_overview(findings, moment, told, now)
            totals = await _audit_sketches(findings, moment, audited, question.owner_id)
            if not question.owner_id:
                true = await _true_samples(moment, audited, totals, now)
                findings.add_view(compare_view(true, (before, await view.samples())))
    return findings.report(window, audited, question.owner_id)


async def _audit_answers(
    findings: "_Findings", moment: Moment, told: ToldAnswers, window: Window, owner_id: str
) -> None:
    for audited in (one for one in AUDITED if not one.days_of_now):
        others = {Way.TOLD: Account(await told.told(audited, window, owner_id))}
        oracle = await moment.oracle(audited, window, owner_id)
        if oracle is not None:
            others[Way.SQL] = oracle
        findings.add(compare(audited.name, await moment.raw(audited, window, owner_id), others))


async def _audit_overview(findings: "_Findings", moment: Moment, told: ToldAnswers, now: datetime) -> None:
    """Compare what has no window and no owner."""
    for audited in (one for one in AUDITED if one.days_of_now):
        tomorrow = _midnight(now) + _ONE_DAY
        window = Window(tomorrow - _ONE_DAY * audited.days_of_now, tomorrow)
        others = {Way.TOLD: Account(await told.told(audited, window, ALL_OWNERS))}
        findings.add(compare(audited.name, await moment.raw(audited, window, ALL_OWNERS), others))


async def _audit_sketches(findings: "_Findings", moment: Moment, window: Window, owner_id: str) -> list[Total]:
    """Compare every sketch, and return what the raw events of the same days add up to."""
    totals: list[Total] = []
    async for kept, raw in moment.sketches(window, owner_id):
        # Thousands of sketches: in a thread, so that others are answered meanwhile.
        sketches, comparison = await asyncio.to_thread(compare_sketches, kept, raw)
        findings.sketches += sketches
        findings.add(comparison)
        totals += totals_of(raw)
    return totals


async def _true_samples(moment: Moment, window: Window, inside: Iterable[Total], now: datetime) -> Samples:
    """Return what Prometheus should show: everything since ever, and percentiles of the present day."""
    today = Window(_midnight(now), _midnight(now) + _ONE_DAY)
    paths = {gauge.path for gauge in GAUGES.values()}
    asked = {one.path: one for one in reversed(AUDITED) if one.path in paths}
    present = {path: await moment.raw(one, today, ALL_OWNERS) for path, one in asked.items()}
    outside = await moment.totals_outside(window)
    return {**counters_of((*inside, *outside)), **gauges_of(present)}


class _Findings:
    """What was found so far."""

    def __init__(self) -> None:
        self.sketches = 0
        self._prometheus_series = 0
        self._checks: dict[tuple[str, Way], Check] = {}
        self._differing = 0
        self._worst: list[Difference] = []

    def add(self, comparison: Comparison) -> None:
        """Take a comparison; parts of the same check are added up."""
        for check in comparison.checks:
            known = self._checks.get((check.answer, check.way), Check(check.answer, check.way, 0, 0))
            self._checks[check.answer, check.way] = Check(
                check.answer, check.way, known.compared + check.compared, known.differences + check.differences
            )
        self._differing += len(comparison.differences)
        self._worst = heapq.nlargest(MOST_LISTED, (*self._worst, *comparison.differences), key=_badness)

    def add_view(self, comparison: Comparison) -> None:
        """Take the comparison of the Prometheus view."""
        self.add(comparison)
        self._prometheus_series += sum(check.compared for check in comparison.checks)

    def report(self, window: Window, audited: Window | None, owner_id: str) -> AuditReport:
        """Return all of it."""
        return AuditReport(
            window=window,
            audited=audited,
            owner_id=owner_id,
            checks=tuple(self._checks.values()),
            differences=tuple(self._worst),
            compared=sum(check.compared for check in self._checks.values()),
            differing=self._differing,
            prometheus_series=self._prometheus_series,
            sketches=self.sketches,
        )


def _badness(difference: Difference) -> float:
    """Return how bad it is: that a number is there and should not be, or the other way round, is worst."""
    return float("inf") if difference.relative_error is None else difference.relative_error


def _held(window: Window, first: datetime) -> Window | None:
    """Return what of a window is not before the first instant from which events are held."""
    return Window(max(window.start, first), window.end) if window.end > first else None


def _midnight(now: datetime) -> datetime:
    return midnight(now.astimezone(UTC).date())
