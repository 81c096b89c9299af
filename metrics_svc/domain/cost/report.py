"""What is asked about cost, and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass

from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.cost.cost import Grouping, Line
from metrics_svc.domain.cost.rate_card import RateCard

__all__ = ["CostQuestion", "CostReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostQuestion:
    """What a request asks with; not yet validated. `card_version` None means the present card."""

    question: Question
    group_by: str = ""
    page_size: int = 0
    page_token: str = ""
    card_version: int | None = None

    @property
    def identity(self) -> str:
        """What makes it another question; pages of one question share it."""
        return repr((self.question, self.group_by, self.card_version))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """A page of a bill. `compared_with` is the card behind the totals `before`, None when nothing is compared."""

    grouping: Grouping
    lines: tuple[Line, ...]
    next_token: str
    total: Line
    total_rows: int
    window: Window
    card: RateCard
    compared_with: RateCard | None
    totals_before: Mapping[str, int]
    total_before: int
