"""Bills' ground in PostgreSQL: sums of what was used, and the versions of the rate card."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from chassis.io.postgres import Database, Row, load_queries
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.cost.cost import Grouping, StorageUse, WorkUse, stored_by_day
from metrics_svc.domain.cost.rate_card import DEFAULT_CARD, PRICE_DECIMALS, PRICES, RateCard, price_text, read_price

__all__ = ["PostgresCostStore"]


class PostgresCostStore:
    """CostStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/cost.sql")

    async def work(self, window: Window, owner_id: str, grouping: Grouping) -> tuple[WorkUse, ...]:
        """Return what attempts used: from the sums of whole UTC days where those can tell, else from the attempts."""
        is_sketched = not window.partial_days() and grouping is not Grouping.VIDEO
        name = "cost_of_sketched_work" if is_sketched else "cost_of_work"
        rows = await self._all(name, window.start, window.end, owner_id, grouping.value)
        return tuple(_work(row) for row in rows)

    async def storage(self, window: Window, owner_id: str, grouping: Grouping) -> tuple[StorageUse, ...]:
        """Return what was stored in the window."""
        if grouping is Grouping.DAY:
            changes = await self._all("storage_changes", window.start, window.end, owner_id)
            return stored_by_day({row["day"]: (int(row["bytes"]), int(row["byte_us"])) for row in changes}, window)
        rows = await self._all("cost_of_storage", window.start, window.end, owner_id, grouping.value)
        return tuple(StorageUse(row["key"], int(row["byte_us"])) for row in rows)

    async def rate_card(self, version: int | None = None) -> RateCard | None:
        """Return a version of the prices, the present one when None."""
        if version is None:
            rows = await self._all("present_rate_card")
            return _card(rows[0]) if rows else DEFAULT_CARD
        rows = await self._all("rate_card", version)
        return _card(rows[0]) if rows else DEFAULT_CARD if version == DEFAULT_CARD.version else None

    async def add_rate_card(self, card: RateCard) -> bool:
        """Keep a new version."""
        prices = [Decimal(getattr(card, name)).scaleb(-PRICE_DECIMALS) for name in PRICES]
        models = {model: price_text(price) for model, price in card.per_model_call_of.items()}
        added = await self._all(
            "add_rate_card",
            card.version,
            card.currency,
            *prices,
            json.dumps(models),
            card.updated_at,
            card.updated_by,
        )
        return bool(added)

    async def _all(self, name: str, *values: object) -> Sequence[Row]:
        async with self._database.connection() as connection:
            return await connection.fetch(self._queries[name], *values)


def _work(row: Row) -> WorkUse:
    return WorkUse(
        key=row["key"],
        model=row["model"],
        cpu_ns=_whole(row["cpu_ns"]),
        gpu_ns=_whole(row["gpu_ns"]),
        energy_uj=_whole(row["energy_uj"]),
        calls=_whole(row["calls"]),
        coverage=Coverage(row["measured"], row["approximate"], row["missing"]),
    )


def _whole(number: Decimal | None) -> int | None:
    return None if number is None else int(number)


def _card(row: Row) -> RateCard:
    prices: dict[str, Any] = {name: int(row[name].scaleb(PRICE_DECIMALS)) for name in PRICES}
    models = json.loads(row["per_model_call_of"])
    return RateCard(
        version=row["version"],
        currency=row["currency"],
        per_model_call_of={model: read_price(text) for model, text in models.items()},
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
        **prices,
    )
