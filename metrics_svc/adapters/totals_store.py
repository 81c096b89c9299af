"""Totals since ever, added up by PostgreSQL."""

from chassis.io.postgres import Database, load_queries
from metrics_svc.domain.answers.series import Total

__all__ = ["PostgresTotalsStore"]


class PostgresTotalsStore:
    """TotalsStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/totals.sql")

    async def totals(self) -> tuple[Total, ...]:
        """Return the totals of every measure, stage, outcome and model."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(self._queries["totals"])
        return tuple(Total(**{**row, "total": int(row["total"])}) for row in map(dict, rows))
