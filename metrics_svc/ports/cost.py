"""What bills need from the world."""

from typing import Protocol

from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.cost.cost import Grouping, StorageUse, WorkUse
from metrics_svc.domain.cost.rate_card import RateCard

__all__ = ["CostStore"]


class CostStore(Protocol):
    """Adds up what was used, and keeps the prices. Conformance suite: tests/adapters/metrics/test_cost_store.py.

    `owner_id` limits a question to one owner; empty means all. Every method may raise UpstreamUnavailable or
    DeadlineExceeded.
    """

    async def work(self, window: Window, owner_id: str, grouping: Grouping) -> tuple[WorkUse, ...]:
        """Return what attempts that ended in the window used, a value per row and model; in any order."""
        ...

    async def storage(self, window: Window, owner_id: str, grouping: Grouping) -> tuple[StorageUse, ...]:
        """Return what was stored in the window; by stage and model all of it is one row, STORAGE_KEY."""
        ...

    async def rate_card(self, version: int | None = None) -> RateCard | None:
        """Return a version of the prices, the present one when None; None when there is no such version.

        Before anybody set a price the present one is DEFAULT_CARD.
        """
        ...

    async def add_rate_card(self, card: RateCard) -> bool:
        """Keep a new version; False when somebody else's is there already, and nothing was kept."""
        ...
