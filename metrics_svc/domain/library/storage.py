"""Bytes: what was measured, what that makes by kind, by owner and by day."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate

from metrics_svc.domain.answers.reports import Coverage

__all__ = [
    "INDEX_STORE",
    "MAX_OWNERS",
    "OBJECT_STORE",
    "DayOfBytes",
    "OwnerBytes",
    "Span",
    "StorageReport",
    "Store",
    "StoredMeasurement",
    "StoredRow",
    "bytes_by_day",
    "bytes_by_owner",
    "largest_first",
    "points_of",
]

OBJECT_STORE, INDEX_STORE = "objects", "index"
MAX_OWNERS = 1_000
"""How many owners an answer names."""


@dataclass(frozen=True, slots=True)
class StoredMeasurement:
    """How many bytes of some kinds a video holds since a time; `video_id` and `owner_id` are empty for none."""

    video_id: str
    owner_id: str
    measured_at: datetime
    stored: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Store:
    """When a store was last looked at as a whole, and how full its disk was; None where it is no file system."""

    store: str
    scanned_at: datetime
    free_bytes: int | None
    total_bytes: int | None


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From when on a video holds how many bytes of a kind. Ordered by video, kind and time."""

    video_id: str
    kind: str
    from_at: datetime
    owner_id: str
    bytes: int


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What one owner holds of one kind now."""

    owner_id: str
    kind: str
    bytes: int


@dataclass(frozen=True, slots=True)
class OwnerBytes:
    """What one owner holds now, by kind, largest first; the empty owner is what belongs to nobody."""

    owner_id: str
    bytes: int
    kinds: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DayOfBytes:
    """What was stored at the end of a UTC day; None before the first measurement of all."""

    day: date
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageReport:
    """Bytes as last measured. `coverage` is of videos: were their bytes measured?"""

    kinds: tuple[tuple[str, int], ...]
    owners: tuple[OwnerBytes, ...]
    owner_count: int
    days: tuple[DayOfBytes, ...]
    stores: Mapping[str, Store]
    coverage: Coverage


def points_of(measurements: Iterable[StoredMeasurement]) -> tuple[Span, ...]:
    """Return every measurement of a kind once, in order; of two of the same moment the larger one counts."""
    points: dict[tuple[str, str, datetime], Span] = {}
    for one in measurements:
        for kind, size in one.stored:
            span = Span(one.video_id, kind, one.measured_at, one.owner_id, size)
            key = (span.video_id, span.kind, span.from_at)
            if key not in points or span.bytes > points[key].bytes:
                points[key] = span
    return tuple(sorted(points.values()))


def bytes_by_owner(rows: Iterable[StoredRow]) -> tuple[OwnerBytes, ...]:
    """Return what each owner holds, largest first; only those who hold something."""
    kinds: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        kinds[row.owner_id][row.kind] = kinds[row.owner_id].get(row.kind, 0) + row.bytes
    owners = ((owner, sum(held.values()), held) for owner, held in kinds.items())
    ordered = sorted((one for one in owners if one[1]), key=lambda one: (-one[1], one[0]))
    return tuple(OwnerBytes(owner, total, largest_first(held)) for owner, total, held in ordered)


def bytes_by_day(days: Sequence[date], changes: Mapping[date, int], first: date | None) -> tuple[DayOfBytes, ...]:
    """Return what was stored at the end of each day, in order.

    Args:
        days: days in a row.
        changes: by how much it rose on a day; what happened before the first of `days` is under a day before it.
        first: the day of the first measurement of all; None without any.
    """
    if not days:
        return ()
    before = sum(change for day, change in changes.items() if day < days[0])
    sums = accumulate((changes.get(day, 0) for day in days), initial=before)
    next(sums)
    return tuple(
        DayOfBytes(day, total if first is not None and first <= day else None)
        for day, total in zip(days, sums, strict=True)
    )


def largest_first(sums: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return kinds with their bytes, largest first; only what is more than nothing."""
    return tuple(sorted(((kind, size) for kind, size in sums.items() if size), key=lambda one: (-one[1], one[0])))
