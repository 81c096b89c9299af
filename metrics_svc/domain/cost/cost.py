"""A bill: what was used times what it costs, exact, and rounded once so that every grouping adds up to the same total.

Quantities are whole base units (nanoseconds, microjoules, byte-microseconds, calls), prices are whole 10^-12 of the
currency, so a product is a whole number over a denominator that its kind fixes. Amounts are rounded to 9 decimals by
largest remainders: the total is rounded, split over the kinds, and each kind over the rows. The kinds do not depend on
the grouping, so neither does their split; what is told of a kind in one row is less than 10^-9 from what it is.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from chassis.core.stages import Stage
from metrics_svc.domain.answers.reports import Coverage, add_up
from metrics_svc.domain.answers.windows import Window, midnight
from metrics_svc.domain.cost.rate_card import PRICE_DECIMALS, RateCard

__all__ = [
    "AMOUNT_DECIMALS",
    "BASE_UNITS",
    "STORAGE_KEY",
    "Bill",
    "Grouping",
    "Kind",
    "Line",
    "StorageUse",
    "WorkUse",
    "amount_text",
    "make_bill",
    "split",
    "stored_by_day",
]

AMOUNT_DECIMALS = 9
STORAGE_KEY = "storage"
"""The row of what is stored, where the grouping is one of work."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STAGE_RANK = {stage.value: rank for rank, stage in enumerate(Stage)}


class Grouping(StrEnum):
    """What the rows of a bill are."""

    STAGE = "stage"
    VIDEO = "video"
    OWNER = "owner"
    DAY = "day"
    MODEL = "model"


class Kind(StrEnum):
    """What costs, in the order of display."""

    CPU = "cpu"
    GPU = "gpu"
    ENERGY = "energy"
    STORAGE = "storage"
    CALLS = "calls"


_GB_MONTH = 10**9 * 30 * 86_400 * 10**6
BASE_UNITS: Mapping[Kind, int] = MappingProxyType(
    {Kind.CPU: 10**9, Kind.GPU: 10**9, Kind.ENERGY: 10**6, Kind.STORAGE: _GB_MONTH, Kind.CALLS: 1}
)
"""Base units in what a price is for: a second, a joule, 10^9 bytes for 30 days of 24 hours, a call."""
_DENOMINATORS = {kind: units * 10 ** (PRICE_DECIMALS - AMOUNT_DECIMALS) for kind, units in BASE_UNITS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkUse:
    """What the attempts of one row and one model used; None where none of them measured it.

    `coverage` counts the attempts by whether their CPU time is known.
    """

    key: str
    model: str
    cpu_ns: int | None
    gpu_ns: int | None
    energy_uj: int | None
    calls: int | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What was stored of one row, bytes times microseconds."""

    key: str
    byte_us: int


@dataclass(frozen=True, slots=True)
class Line:
    """One row: quantities in base units, amounts in 10^-9 of the currency; a kind nothing measured is in neither."""

    key: str
    quantities: Mapping[Kind, int]
    amounts: Mapping[Kind, int]
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def total(self) -> int:
        """Sum of the amounts."""
        return sum(self.amounts.values())


@dataclass(frozen=True, slots=True)
class Bill:
    """Rows in the order of display, and all of them together."""

    lines: tuple[Line, ...]
    total: Line


class _Column:
    """One kind: by row, the quantity and the numerator of its amount. A year has a hundred thousand rows."""

    def __init__(self) -> None:
        self.quantities: dict[str, int] = {}
        self.exact: dict[str, int] = {}

    def add(self, key: str, quantity: int | None, price: int) -> None:
        if quantity is not None:
            self.quantities[key] = self.quantities.get(key, 0) + quantity
            self.exact[key] = self.exact.get(key, 0) + quantity * price


def make_bill(
    work: Iterable[WorkUse],
    storage: Iterable[StorageUse],
    card: RateCard,
    *,
    grouping: Grouping,
    always: Iterable[str] = (),
) -> Bill:
    """Return the bill; the rows of `always` are there even when nothing was used."""
    columns = {kind: _Column() for kind in Kind}
    cpu, gpu, energy, stored, calls = columns.values()
    coverages = dict.fromkeys(always, Coverage())
    for use in work:
        key = use.key
        cpu.add(key, use.cpu_ns, card.per_cpu_second)
        gpu.add(key, use.gpu_ns, card.per_gpu_second)
        energy.add(key, use.energy_uj, card.per_joule)
        calls.add(key, use.calls, card.price_of_call(use.model))
        coverages[key] = add_up((coverages[key], use.coverage)) if key in coverages else use.coverage
    for one in storage:
        stored.add(one.key, one.byte_us, card.per_gb_month)
        coverages.setdefault(one.key, Coverage())
    return _rounded(columns, coverages, grouping)


def stored_by_day(changes: Mapping[str, tuple[int, int]], window: Window) -> tuple[StorageUse, ...]:
    """Return what was stored on each UTC day of a window.

    `changes` tells, by day, the bytes that came less those that went, and the sum of each times its moment in
    microseconds since 1970; what was there before the window came at its start.
    """
    uses = []
    level = moment = before = 0
    for day in window.days:
        end = min(window.end, midnight(day + timedelta(days=1)))
        came, came_at = changes.get(day.isoformat(), (0, 0))
        level, moment = level + came, moment + came_at
        until = (end - _EPOCH) // _MICROSECOND * level - moment
        if until != before or day.isoformat() in changes:
            uses.append(StorageUse(day.isoformat(), until - before))
        before = until
    return tuple(uses)


def amount_text(amount: int) -> str:
    """Return an amount in 10^-9 of the currency as a decimal number of 9 decimals, such as `-0.000001200`."""
    whole, part = divmod(abs(amount), 10**AMOUNT_DECIMALS)
    return f"{'-' if amount < 0 else ''}{whole}.{part:0{AMOUNT_DECIMALS}d}"


def split(total: int, numerators: Sequence[int], denominator: int) -> list[int]:
    """Return each numerator over the denominator, rounded up or down so that they sum to `total`.

    `total` must be the sum rounded up or down, and no numerator negative. Those with the largest remainders go up; of
    equal ones, the first.
    """
    parts = [divmod(numerator, denominator) for numerator in numerators]
    left = total - sum(whole for whole, _ in parts)
    first = sorted(range(len(parts)), key=lambda place: -parts[place][1])[:left] if left else []
    rounded = [whole for whole, _ in parts]
    for place in first:
        rounded[place] += 1
    return rounded


def _rounded(columns: Mapping[Kind, _Column], coverages: Mapping[str, Coverage], grouping: Grouping) -> Bill:
    total = _total(columns, coverages.values())
    amounts: dict[str, dict[Kind, int]] = {key: {} for key in coverages}
    for kind, amount in total.amounts.items():
        exact = sorted(columns[kind].exact.items())
        cells = split(amount, [numerator for _, numerator in exact], _DENOMINATORS[kind])
        for (key, _), cell in zip(exact, cells, strict=True):
            amounts[key][kind] = cell
    lines = [
        Line(key, {kind: columns[kind].quantities[key] for kind in amounts[key]}, amounts[key], coverage)
        for key, coverage in coverages.items()
    ]
    return Bill(tuple(sorted(lines, key=_ORDER[grouping])), total)


def _total(columns: Mapping[Kind, _Column], coverages: Iterable[Coverage]) -> Line:
    """Return all rows together; nothing in it depends on how they are grouped."""
    having = {kind: column for kind, column in columns.items() if column.exact}
    parts = [Fraction(sum(column.exact.values()), _DENOMINATORS[kind]) for kind, column in having.items()]
    common = math.lcm(*(part.denominator for part in parts))
    cells = split(round(sum(parts)), [int(part * common) for part in parts], common)
    quantities = {kind: sum(column.quantities.values()) for kind, column in having.items()}
    return Line("", quantities, dict(zip(having, cells, strict=True)), add_up(coverages))


def _by_pipeline(line: Line) -> tuple[int, str]:
    last = len(_STAGE_RANK) + (line.key == STORAGE_KEY)
    return _STAGE_RANK.get(line.key, last), line.key


def _by_key(line: Line) -> tuple[int, str]:
    return int(line.key == STORAGE_KEY), line.key


def _by_total(line: Line) -> tuple[int, str]:
    return -line.total, line.key


_ORDER: Mapping[Grouping, Callable[[Line], tuple[int, str]]] = MappingProxyType(
    {
        Grouping.STAGE: _by_pipeline,
        Grouping.VIDEO: _by_total,
        Grouping.OWNER: _by_total,
        Grouping.DAY: _by_key,
        Grouping.MODEL: _by_key,
    }
)
