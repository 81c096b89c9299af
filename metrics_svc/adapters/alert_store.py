"""Rules, silences, where rules stand, and alerts in PostgreSQL."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from chassis.core.errors import StaleWrite
from chassis.io.postgres import Connection, Database, Row, load_queries
from metrics_svc.domain.alerts.alert import Alert, Situation
from metrics_svc.domain.alerts.rules import DEFAULTS, AlertRule, RuleId, Silence
from metrics_svc.domain.alerts.state import EndReason, Phase, Reading, Watchpoint
from metrics_svc.ports.alerts import AlertQuery, Committed

__all__ = ["PostgresAlertStore"]

_LOCK = 0x68656964616C7274
"""Identity of the advisory lock of whoever looks, arbitrary and fixed."""


class PostgresAlertStore:
    """AlertStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/alerts.sql")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Try to be the only one who looks while the block runs.

        The lock belongs to a connection; should that break, another may look too, and `commit` refuses one of the two.
        """
        async with self._database.connection() as connection:
            is_ours = await connection.fetchval(self._queries["alert_turn"], _LOCK)
            try:
                yield is_ours
            finally:
                if is_ours:
                    await connection.fetchval(self._queries["end_alert_turn"], _LOCK)

    async def situations(self) -> tuple[Situation, ...]:
        """Return all that is known of every rule, in order of display."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rules = {row["rule_id"]: row for row in await connection.fetch(self._queries["changed_alert_rules"])}
            silences = {row["rule_id"]: row for row in await connection.fetch(self._queries["alert_silences"])}
            watched = {row["rule_id"]: row for row in await connection.fetch(self._queries["alert_watchpoints"])}
            found = await connection.fetch(self._queries["alerts_of_watchpoints"], list(RuleId))
        alerts = {row["alert_id"]: _alert(row) for row in found}
        return tuple(
            _situation(rule, rules.get(rule_id), silences.get(rule_id), watched.get(rule_id), alerts)
            for rule_id, rule in DEFAULTS.items()
        )

    async def commit(self, looks: Sequence[Committed]) -> None:
        """Keep what a look changed, all or nothing."""
        async with self._database.transaction() as connection:
            await connection.execute(self._queries["lock_alert_watchpoints"])
            rows = await connection.fetch(self._queries["alert_watchpoints"])
            present = {row["rule_id"]: row["looked_at"] for row in rows}
            for look in looks:
                if present.get(look.before.rule.rule_id) != look.before.watchpoint.looked_at:
                    raise StaleWrite("somebody else looked at the rules meanwhile")
                await self._keep(connection, look)

    async def _keep(self, connection: Connection, look: Committed) -> None:
        outcome, rule_id = look.outcome, look.before.rule.rule_id
        if outcome.alert is not None:
            await connection.execute(self._queries["set_alert"], *_alert_values(outcome.alert))
        await connection.execute(
            self._queries["set_alert_watchpoint"],
            rule_id,
            *_watchpoint_values(outcome.watchpoint),
            *_open_and_told(look),
        )
        for new in look.deliveries:
            await connection.execute(
                self._queries["add_alert_delivery"],
                new.delivery_id,
                new.alert.alert_id,
                new.alert.rule_id,
                new.event,
                new.receiver,
                new.body,
                outcome.watchpoint.looked_at,
            )

    async def set_rule(self, rule: AlertRule) -> bool:
        """Keep the next version of a rule; False when somebody was faster."""
        async with self._database.connection() as connection:
            version = await connection.fetchval(
                self._queries["set_alert_rule"],
                rule.rule_id,
                rule.version,
                rule.is_enabled,
                rule.fire_threshold,
                rule.resolve_threshold,
                rule.fire_after,
                rule.resolve_after,
                rule.min_samples,
                rule.window,
                rule.updated_at,
                rule.updated_by,
            )
        return version is not None

    async def silence(self, rule_id: RuleId, silence: Silence | None, now: datetime) -> None:
        """Hold the notifications of a rule back; None ends it."""
        async with self._database.connection() as connection:
            if silence is None:
                await connection.execute(self._queries["end_alert_silence"], rule_id)
            else:
                await connection.execute(
                    self._queries["silence_alert_rule"], rule_id, silence.until, now, silence.by, silence.comment
                )

    async def alerts(self, query: AlertQuery) -> tuple[Alert, ...]:
        """Return alerts, the newest first."""
        window, (after_at, after_id) = query.window, query.after or (None, None)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                self._queries["list_alerts"],
                list(RuleId) if query.rule_id is None else [query.rule_id],
                None if window is None else window.start,
                None if window is None else window.end,
                window is None,
                after_at,
                after_id,
                query.limit,
            )
        return tuple(map(_alert, rows))

    async def forget(self, before: datetime) -> int:
        """Remove alerts that ended before a moment, with their deliveries, and return how many alerts went."""
        async with self._database.connection() as connection:
            done: str = await connection.execute(self._queries["forget_alerts"], before)
        return int(done.rpartition(" ")[2])


def _situation(
    default: AlertRule, rule: Row | None, silence: Row | None, watched: Row | None, alerts: Mapping[str, Alert]
) -> Situation:
    return Situation(
        rule=default if rule is None else _rule(default, rule),
        silence=None if silence is None else Silence(silence["until_at"], silence["set_by"], silence["comment"]),
        watchpoint=Watchpoint() if watched is None else _watchpoint(watched),
        alert=None if watched is None else alerts.get(watched["alert_id"]),
        told=None if watched is None else alerts.get(watched["told_alert_id"]),
    )


def _rule(default: AlertRule, row: Row) -> AlertRule:
    names = (
        "version",
        "is_enabled",
        "fire_threshold",
        "resolve_threshold",
        "fire_after",
        "resolve_after",
        "min_samples",
    )
    values: dict[str, Any] = {name: row[name] for name in (*names, "updated_at", "updated_by")}
    return replace(default, window=row["look_back"], **values)


def _watchpoint(row: Row) -> Watchpoint:
    reading = None
    if row["value"] is not None:
        reading = Reading(row["value"], row["samples"], row["about"], row["sentence"])
    return Watchpoint(
        phase=Phase(row["phase"]),
        since=row["since"],
        began_at=row["began_at"],
        looked_at=row["looked_at"],
        reading=reading,
        measured_at=row["measured_at"],
        no_data_since=row["no_data_since"],
        memory={word: datetime.fromisoformat(text) for word, text in json.loads(row["memory"]).items()},
    )


def _watchpoint_values(one: Watchpoint) -> tuple[object, ...]:
    reading = one.reading
    seen = (None,) * 4 if reading is None else (reading.value, reading.samples, reading.about, reading.sentence)
    memory = json.dumps({word: at.isoformat() for word, at in one.memory.items()})
    return (one.phase, one.since, one.began_at, one.looked_at, *seen, one.measured_at, one.no_data_since, memory)


def _open_and_told(look: Committed) -> tuple[str | None, str | None]:
    outcome = look.outcome
    alert = outcome.alert or look.before.alert
    is_open = alert is not None and alert.resolved_at is None
    return alert.alert_id if alert is not None and is_open else None, outcome.told.alert_id if outcome.told else None


def _alert(row: Row) -> Alert:
    return Alert(
        alert_id=row["alert_id"],
        rule_id=RuleId(row["rule_id"]),
        began_at=row["began_at"],
        fired_at=row["fired_at"],
        value=row["value"],
        worst_value=row["worst_value"],
        fire_threshold=row["fire_threshold"],
        samples=row["samples"],
        about=row["about"],
        sentence=row["sentence"],
        resolved_at=row["resolved_at"],
        resolved_value=row["resolved_value"],
        end_reason=None if row["end_reason"] is None else EndReason(row["end_reason"]),
    )


def _alert_values(alert: Alert) -> tuple[object, ...]:
    return (
        alert.alert_id,
        alert.rule_id,
        alert.began_at,
        alert.fired_at,
        alert.value,
        alert.worst_value,
        alert.fire_threshold,
        alert.samples,
        alert.about,
        alert.sentence,
        alert.resolved_at,
        alert.resolved_value,
        alert.end_reason,
    )
