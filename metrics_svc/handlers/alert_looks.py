"""One look at all rules: measure, decide, and keep what changed together with the notifications that follow."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.core.errors import HeimdexError
from chassis.core.subjects import CONSUMERS, STAGE_CONTEXT, work_subject
from chassis.io import logs
from chassis.io.concurrently import all_of
from metrics_svc.codec.alert_webhook import deliveries_of
from metrics_svc.domain.alerts import readings
from metrics_svc.domain.alerts.alert import Situation, advance
from metrics_svc.domain.alerts.rules import BASELINE, USUAL_SAMPLES, AlertRule, RuleId
from metrics_svc.domain.alerts.state import MAX_PAUSE, Reading, Watchpoint
from metrics_svc.domain.alerts.webhook import Receiver
from metrics_svc.domain.answers.windows import Window
from metrics_svc.ports.alerts import AlertData, AlertStore, Backlog, Committed

__all__ = ["Look", "Measured", "Senses", "look_at_rules"]

_log = logs.get_logger(__name__)
_EVENTS = "metrics_take_stage_events"
_CONSUMER_OF = {
    stage: spec.name
    for stage, context in STAGE_CONTEXT.items()
    for spec in CONSUMERS
    if spec.subject == work_subject(context, stage, "*")
}
_LONGEST_STALL = timedelta(days=1)
"""How far back the end of a stage is looked for; what stands still for longer stands still for that long."""
_P99 = (0.99,)


@dataclass(frozen=True, slots=True)
class Senses:
    """Where measurements come from."""

    data: AlertData
    carrier: Backlog


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found, None without data, and what to remember for the next time."""

    reading: Reading | None
    memory: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look: which rules fire now, and how many notifications were written down."""

    firing: Mapping[RuleId, bool]
    notifications: int = 0


@dataclass(frozen=True, slots=True)
class _Glance:
    """What a measurement is told."""

    rule: AlertRule
    before: Watchpoint
    now: datetime

    @property
    def window(self) -> Window:
        """What the rule looks at."""
        return Window(self.now - (self.rule.window or MAX_PAUSE), self.now)

    @property
    def usual_window(self) -> Window:
        """The days before, in whole hours, so that it stays the same for an hour."""
        end = (self.now - (self.rule.window or timedelta(0))).replace(minute=0, second=0, microsecond=0)
        return Window(end - BASELINE, end)


async def look_at_rules(
    *, store: AlertStore, senses: Senses, receivers: tuple[Receiver, ...], now: datetime, pause: timedelta
) -> Look:
    """Look at every rule, unless somebody else does so now or did less than `pause` ago.

    Raises:
        UpstreamUnavailable, DeadlineExceeded, StaleWrite: nothing was changed.
    """
    async with store.turn() as is_ours:
        situations = await store.situations()
        if not is_ours or any(_is_fresh(one.watchpoint, now, pause) for one in situations):
            return Look({one.rule.rule_id: one.watchpoint.is_firing for one in situations})
        looks = [await _look(one, senses, receivers, now) for one in situations]
        await store.commit(looks)
    firing = {look.before.rule.rule_id: look.outcome.watchpoint.is_firing for look in looks}
    return Look(firing, sum(len(look.deliveries) for look in looks))


def _is_fresh(watchpoint: Watchpoint, now: datetime, pause: timedelta) -> bool:
    return watchpoint.looked_at is not None and timedelta(0) <= now - watchpoint.looked_at < pause


async def _look(situation: Situation, senses: Senses, receivers: tuple[Receiver, ...], now: datetime) -> Committed:
    measured = await _measured(situation, senses, now)
    outcome = advance(situation, measured.reading, now, memory=measured.memory, is_heard=bool(receivers))
    _report(situation, outcome.watchpoint)
    return Committed(situation, outcome, deliveries_of(outcome.notices, situation.rule, receivers, now))


async def _measured(situation: Situation, senses: Senses, now: datetime) -> Measured:
    rule, before = situation.rule, situation.watchpoint
    if not rule.is_enabled:
        return Measured(None)
    try:
        return await _MEASURES[rule.rule_id](senses, _Glance(rule, before, now))
    except HeimdexError as error:
        _log.warning("a rule could not be measured; it is without data", rule=rule.rule_id, reason=error.reason)
    except Exception as error:  # noqa: BLE001  # a bug in one rule must not end the watch over the others
        _log.error("measuring a rule ended in a bug", rule=rule.rule_id, exc_info=error)
    return Measured(None, before.memory)


def _report(before: Situation, after: Watchpoint) -> None:
    if before.watchpoint.is_firing == after.is_firing:
        return
    sentence = after.reading.sentence if after.reading else ""
    if after.is_firing:
        _log.warning("an alert fires", rule=before.rule.rule_id, sentence=sentence)
    else:
        _log.info("an alert is resolved", rule=before.rule.rule_id, sentence=sentence)


async def _high_rtf(senses: Senses, glance: _Glance) -> Measured:
    return Measured(readings.rtf_reading(await senses.data.rtf(glance.window)))


async def _queue_growth(senses: Senses, glance: _Glance) -> Measured:
    return Measured(readings.queue_reading(await senses.data.waiting(), glance.now))


async def _failure_spike(senses: Senses, glance: _Glance) -> Measured:
    return Measured(readings.failure_reading(await senses.data.run_ends(glance.window)))


async def _stalled_stage(senses: Senses, glance: _Glance) -> Measured:
    now, looked_at = glance.now, glance.before.looked_at
    backlogs = await all_of(*(senses.carrier.backlog(name) for name in _CONSUMER_OF.values()))
    messages: dict[str, int] = {stage: sum(backlog) for stage, backlog in zip(_CONSUMER_OF, backlogs, strict=True)}
    was_paused = looked_at is None or not timedelta(0) <= now - looked_at <= MAX_PAUSE
    busy = readings.busy_since(messages, glance.before.memory, now, was_paused=was_paused)
    if not busy:
        return Measured(readings.stall_reading((), now))
    since = max(min(busy.values()), now - _LONGEST_STALL)
    ends = await senses.data.last_ends(sorted(busy), since)
    usual = (await senses.data.usual(glance.usual_window)).work
    loads = []
    for stage, begun in busy.items():
        sketch = usual.get(stage)
        p99 = sketch.quantiles(_P99) if sketch is not None and sketch.count >= USUAL_SAMPLES else None
        load = readings.StageLoad(stage, messages[stage], max(begun, since), ends.get(stage), p99[0] if p99 else None)
        loads.append(load)
    return Measured(readings.stall_reading(tuple(loads), now), busy)


async def _search_quality(senses: Senses, glance: _Glance) -> Measured:
    usual = await senses.data.usual(glance.usual_window)
    return Measured(readings.quality_reading(await senses.data.searches(glance.window), usual.searches))


async def _slow_searches(senses: Senses, glance: _Glance) -> Measured:
    usual = await senses.data.usual(glance.usual_window)
    return Measured(readings.slowness_reading(await senses.data.searches(glance.window), usual.searches))


async def _low_disk(senses: Senses, glance: _Glance) -> Measured:
    return Measured(readings.disk_reading(await senses.data.disks(), glance.now))


async def _late_numbers(senses: Senses, _glance: _Glance) -> Measured:
    return Measured(readings.backlog_reading(sum(await senses.carrier.backlog(_EVENTS))))


async def _contradictions(senses: Senses, glance: _Glance) -> Measured:
    return Measured(readings.contradiction_reading(await senses.data.contradictions(glance.window)))


_MEASURES: Mapping[RuleId, Callable[[Senses, _Glance], Awaitable[Measured]]] = {
    RuleId.HIGH_RTF: _high_rtf,
    RuleId.QUEUE_GROWTH: _queue_growth,
    RuleId.FAILURE_SPIKE: _failure_spike,
    RuleId.STALLED_STAGE: _stalled_stage,
    RuleId.FALLING_SEARCH_QUALITY: _search_quality,
    RuleId.SLOW_SEARCHES: _slow_searches,
    RuleId.LOW_DISK: _low_disk,
    RuleId.LATE_NUMBERS: _late_numbers,
    RuleId.CONTRADICTIONS: _contradictions,
}
