"""One function per question about alerts, and per change of a rule."""

from dataclasses import replace
from datetime import datetime

from chassis.core.errors import FieldViolation, InvalidInput, StaleWrite
from metrics_svc.domain.alerts.alert import Situation
from metrics_svc.domain.alerts.changes import RuleChange, rule_id_of
from metrics_svc.domain.alerts.pages import AlertPage, AlertQuestion, DeliveryPage, page_size_of
from metrics_svc.domain.alerts.rules import RuleId, Silence
from metrics_svc.domain.alerts.state import Phase
from metrics_svc.domain.events.samples import MAX_ID_CHARS
from metrics_svc.ports.alerts import AlertQuery, AlertStore, DeliveryStore

__all__ = ["list_alerts", "list_deliveries", "list_rules", "silence_rule", "update_rule"]


async def list_alerts(asked: AlertQuestion, *, store: AlertStore, now: datetime) -> AlertPage:
    """Answer what fires or fired, the newest first; pending rules come before.

    Raises:
        InvalidInput: the window or the page is wrong.
        NotFound: there is no such rule.
    """
    rule_id, size = asked.rule(), page_size_of(asked.page_size)
    query = AlertQuery(window=asked.window(now), rule_id=rule_id, after=asked.after, limit=size + 1)
    found = await store.alerts(query)
    situations = await store.situations()
    shown = found[:size]
    return AlertPage(
        pending=tuple(one for one in situations if asked.after is None and _is_pending(one, rule_id)),
        alerts=shown,
        next_after=(shown[-1].fired_at, shown[-1].alert_id) if len(found) > size else None,
        situations=situations,
    )


async def list_rules(*, store: AlertStore) -> tuple[Situation, ...]:
    """Answer all rules, in order of display."""
    return await store.situations()


async def update_rule(change: RuleChange, *, store: AlertStore, now: datetime, by: str) -> Situation:
    """Change the numbers of a rule.

    Raises:
        InvalidInput: with a violation per field that is wrong.
        NotFound: there is no such rule.
        StaleWrite: somebody else changed it since it was read.
    """
    situation = await _situation(rule_id_of(change.rule_id, path="alert_rule.rule_id"), store)
    rule = change.applied_to(situation.rule, now=now, by=by)
    if not await store.set_rule(rule):
        raise StaleWrite("the rule has changed since it was read; read it again and repeat")
    return replace(situation, rule=rule)


async def silence_rule(rule_id: RuleId, silence: Silence | None, *, store: AlertStore, now: datetime) -> Situation:
    """Hold the notifications of a rule back; None ends it."""
    await store.silence(rule_id, silence, now)
    return await _situation(rule_id, store)


async def list_deliveries(alert_id: str, *, page_size: int, before: int | None, store: DeliveryStore) -> DeliveryPage:
    """Answer who was told, the newest first; an empty `alert_id` takes all.

    Raises:
        InvalidInput: the page is wrong, or no alert can have this id.
    """
    size = page_size_of(page_size)
    if len(alert_id) > MAX_ID_CHARS or "\x00" in alert_id:
        text = f"must have at most {MAX_ID_CHARS} characters and no NUL"
        raise InvalidInput(f"alert_id: {text}", violations=(FieldViolation("alert_id", text),))
    found = await store.deliveries(alert_id, before=before, limit=size + 1)
    return DeliveryPage(found[:size], found[size - 1].number if len(found) > size else None)


async def _situation(rule_id: RuleId, store: AlertStore) -> Situation:
    return next(one for one in await store.situations() if one.rule.rule_id == rule_id)


def _is_pending(situation: Situation, rule_id: RuleId | None) -> bool:
    return situation.watchpoint.phase is Phase.PENDING and rule_id in {None, situation.rule.rule_id}
