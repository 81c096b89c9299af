"""Is it the same number? Compares answers that were computed in different ways, field by field.

Every answer is flattened to cells: a field and the labels that say of what. The raw events, read anew, are the truth;
what users are told, the SQL functions and the Prometheus view are held against it. Counts must be equal. Sums and
averages must be equal to one part in 10^9, which is what doubles lose on the way. Percentiles of sketches may be off by
what a sketch promises.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.events.sketch import RELATIVE_ERROR

__all__ = [
    "FLOAT_ERROR",
    "MOST_LISTED",
    "Account",
    "AuditReport",
    "Cell",
    "Check",
    "Comparison",
    "Difference",
    "Labels",
    "Numbers",
    "Value",
    "Way",
    "compare",
    "is_same",
    "relative_error",
]

FLOAT_ERROR = 1e-9
"""Relative; what two orders of adding doubles may differ by."""
_RTF_QUANTUM = 1e-9
"""Sketches keep real-time factors in whole billionths."""
MOST_LISTED = 1_000
"""Differences that a report lists; all are counted."""
_PERCENTILE = re.compile(r"(?:^|\.)p\d+_")

Labels = tuple[tuple[str, str], ...]
Value = int | float | None


class Way(StrEnum):
    """How a number came to be."""

    TOLD = "sketch"
    """As users are told it: by the same code, from sketches."""
    RAW = "raw"
    """From the raw events, exactly."""
    SQL = "sql"
    """By the SQL functions that are kept as the oracle."""
    PROMETHEUS = "prometheus"
    """As the Prometheus endpoint shows it."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One number of an answer: its field (a dotted path) and what it is about, labels by name in order."""

    field: str
    labels: Labels = ()

    @classmethod
    def of(cls, field: str, labels: Mapping[str, str]) -> "Cell":
        """Return the cell; the order of the labels does not matter."""
        return cls(field, tuple(sorted(labels.items())))


Numbers = Mapping[Cell, Value]
"""An answer, flattened. A cell that is None, or that is not there, was not measured."""


@dataclass(frozen=True, slots=True)
class Account:
    """An answer in one way, and which fields this way tells at all; None: every field."""

    numbers: Numbers
    fields: frozenset[str] | None = None

    def tells(self, cell: Cell) -> bool:
        """Return whether this way should have the number."""
        return self.fields is None or cell.field in self.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A number on which the ways disagree.

    `relative_error` is the worst against the raw events; None when one is absent or the true one is 0.
    """

    answer: str
    cell: Cell
    values: Mapping[Way, Value]
    relative_error: float | None


@dataclass(frozen=True, slots=True)
class Check:
    """One answer held against the truth in one way."""

    answer: str
    way: Way
    compared: int
    differences: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing one answer."""

    checks: tuple[Check, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit found. `differences` holds the worst MOST_LISTED of `differing`, the worst first.

    `audited` is the part of `window` whose events are still held; None when nothing of it is.
    """

    window: Window
    audited: Window | None
    owner_id: str
    checks: tuple[Check, ...]
    differences: tuple[Difference, ...]
    compared: int
    differing: int
    prometheus_series: int
    sketches: int

    @property
    def days_without_events(self) -> tuple[date, ...]:
        """The UTC days of the window that could not be audited."""
        held = frozenset(self.audited.days if self.audited else ())
        return tuple(day for day in self.window.days if day not in held)


def compare(answer: str, truth: Numbers, others: Mapping[Way, Account]) -> Comparison:
    """Hold each of the others against the truth, and name every number on which one of them differs."""
    wrong: dict[Cell, None] = {}
    checks = []
    for way, account in others.items():
        cells = sorted({*account.numbers, *filter(account.tells, truth)})
        faults = [cell for cell in cells if not is_same(way, cell, account.numbers.get(cell), truth.get(cell))]
        wrong.update(dict.fromkeys(faults))
        checks.append(Check(answer, way, len(cells), len(faults)))
    ways = {Way.RAW: truth, **{way: account.numbers for way, account in others.items()}}
    return Comparison(tuple(checks), tuple(_difference(answer, cell, ways) for cell in sorted(wrong)))


def is_same(way: Way, cell: Cell, told: Value, true: Value) -> bool:
    """Return whether a number is what it should be; an absent one is equal to an absent one alone."""
    if told is None or true is None:
        return told is true
    if isinstance(told, int) and isinstance(true, int):
        return told == true
    if not (math.isfinite(told) and math.isfinite(true)):
        return False
    is_sketched = way is Way.TOLD and _PERCENTILE.search(cell.field)
    allowed = (RELATIVE_ERROR if is_sketched else 0.0) + FLOAT_ERROR
    return abs(told - true) <= abs(true) * allowed + (_RTF_QUANTUM if "rtf" in cell.field else 0.0)


def relative_error(told: Value, true: Value) -> float | None:
    """Return how far a number is off, relative to the true one; None when that can not be said."""
    if told is None or true is None or not true:
        return None
    error = abs(told - true) / abs(true)
    return error if math.isfinite(error) else None


def _difference(answer: str, cell: Cell, ways: Mapping[Way, Numbers]) -> Difference:
    values = {way: numbers[cell] for way, numbers in ways.items() if cell in numbers}
    errors = _known(relative_error(value, values.get(Way.RAW)) for value in values.values())
    return Difference(answer=answer, cell=cell, values=values, relative_error=max(errors, default=None))


def _known(errors: Iterable[float | None]) -> list[float]:
    return [error for error in errors if error is not None]
