"""Notifications in PostgreSQL: what is due, and what became of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis.io.postgres import Database, load_queries
from metrics_svc.domain.alerts.pages import DeliveryRow
from metrics_svc.domain.alerts.webhook import Delivery, Reply

__all__ = ["PostgresDeliveryStore"]


class PostgresDeliveryStore:
    """DeliveryStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/alerts.sql")

    async def claim(
        self, now: datetime, lease: timedelta, receivers: Sequence[str], limit: int
    ) -> tuple[Delivery, ...]:
        """Take what is due, so that nobody else does before the lease ends."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(self._queries["claim_alert_deliveries"], now, lease, list(receivers), limit)
        return tuple(Delivery(row["delivery_id"], row["receiver"], row["body"], row["attempts"]) for row in rows)

    async def finish(self, delivery: Delivery, state: str, reply: Reply, now: datetime) -> None:
        """Close a notification: `delivered` or `given_up`."""
        async with self._database.connection() as connection:
            await connection.execute(
                self._queries["finish_alert_delivery"],
                delivery.delivery_id,
                state,
                now,
                reply.status,
                reply.error,
                delivery.attempt,
            )

    async def postpone(self, delivery: Delivery, reply: Reply, next_attempt_at: datetime) -> None:
        """Say when the next attempt is due."""
        async with self._database.connection() as connection:
            await connection.execute(
                self._queries["postpone_alert_delivery"],
                delivery.delivery_id,
                next_attempt_at,
                reply.status,
                reply.error,
                delivery.attempt,
            )

    async def drop(self, receivers: Sequence[str], *, before: datetime, now: datetime) -> None:
        """Close notifications written before a moment for anybody but these receivers."""
        async with self._database.connection() as connection:
            await connection.execute(self._queries["drop_alert_deliveries"], list(receivers), now, before)

    async def deliveries(self, alert_id: str, *, before: int | None, limit: int) -> tuple[DeliveryRow, ...]:
        """Return notifications, the newest first, those with a number below `before`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(self._queries["list_alert_deliveries"], alert_id, before, limit)
        return tuple(DeliveryRow(**dict(row)) for row in rows)
