"""Hours become days: which ones, and what the days grow by."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from metrics_svc.domain.events.increments import Cell, Entries, Increments
from metrics_svc.domain.events.sketch import Bins, Counts

__all__ = ["DAY_US", "FOLD_DAYS", "Hour", "end_of_hours", "folded", "start_of_day"]

FOLD_DAYS = 14
"""Whole UTC days before the present one that are kept by the hour."""
DAY_US = 86_400_000_000


class Hour(NamedTuple):
    """A row of sketches that is an hour; bins are empty where only sums or counts are kept."""

    cell: Cell
    measured: int
    approximate: int
    missing: int
    total: int
    smallest: int | None
    largest: int | None
    bins: Bins
    counts: Counts


def start_of_day(at: datetime) -> datetime:
    """Return the first instant of the UTC day of a time in UTC."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def end_of_hours(now: datetime) -> datetime:
    """Return the instant before which hours are folded: the start of a UTC day."""
    return start_of_day(now) - timedelta(days=FOLD_DAYS)


def folded(hours: Iterable[Hour]) -> Increments:
    """Return what days grow by when these hours go; counts and sums are exactly theirs."""
    days: dict[Cell, list[Hour]] = {}
    for hour in hours:
        day_us = hour.cell.period_us // DAY_US * DAY_US
        days.setdefault(hour.cell._replace(period_us=day_us), []).append(hour)
    parts = list(days.values())
    inside = [(row, hour) for row, part in enumerate(parts) for hour in part]
    return Increments(
        cells=list(days),
        measured=[sum(hour.measured for hour in part) for part in parts],
        approximate=[sum(hour.approximate for hour in part) for part in parts],
        missing=[sum(hour.missing for hour in part) for part in parts],
        total=[sum(hour.total for hour in part) for part in parts],
        smallest=[min((hour.smallest for hour in part if hour.smallest is not None), default=None) for part in parts],
        largest=[max((hour.largest for hour in part if hour.largest is not None), default=None) for part in parts],
        entries=Entries.of(
            np.concatenate([np.full(hour.bins.size, row) for row, hour in inside] or [np.empty(0, np.int64)]),
            np.concatenate([hour.bins for _, hour in inside] or [np.empty(0, np.int64)]),
            np.concatenate([hour.counts for _, hour in inside] or [np.empty(0, np.int64)]),
        ),
    )
