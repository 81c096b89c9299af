"""What alert rules measure, read from PostgreSQL: every statement is bounded by a window and served by an index."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from chassis.io.postgres import Database, Row, load_queries
from metrics_svc.codec.bins import decode_bins
from metrics_svc.domain.alerts.readings import Disk, RunEnds, Searches, VideoRtf, Waiting
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.events.measures import Measure
from metrics_svc.domain.events.sketch import Sketch
from metrics_svc.ports.alerts import Usual

__all__ = ["PostgresAlertData"]

_P95 = (0.95,)
_NS_PER_MS = 1e6
_KEPT_WINDOWS = 3
"""One for each rule that compares."""


class PostgresAlertData:
    """AlertData over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/alerts.sql")
        self._usual: dict[Window, Usual] = {}

    async def rtf(self, window: Window) -> VideoRtf:
        """Return real-time factors of videos that became ready in the window."""
        (row,) = await self._all("alert_rtf", window.start, window.end)
        return VideoRtf(row["videos"], row["p95"])

    async def run_ends(self, window: Window) -> RunEnds:
        """Return how many runs ended in the window, and how."""
        (row,) = await self._all("alert_run_ends", window.start, window.end)
        return RunEnds(ready=row["ready"], failed=row["failed"])

    async def waiting(self) -> Waiting:
        """Return the videos that nobody has begun."""
        (row,) = await self._all("alert_waiting_videos")
        return Waiting(is_known=row["is_known"], waiting=row["waiting"], oldest_at=row["oldest_at"])

    async def last_ends(self, stages: Sequence[str], since: datetime) -> dict[str, datetime]:
        """Return when work of these stages last ended, for those where some did since a moment."""
        return {row["stage"]: row["ended_at"] for row in await self._all("alert_last_ends", since, list(stages))}

    async def searches(self, window: Window) -> Searches:
        """Return the searches of the window."""
        (row,) = await self._all("alert_searches", window.start, window.end)
        return Searches(row["searches"], row["empty"], row["p95_ms"])

    async def usual(self, window: Window) -> Usual:
        """Return what was usual in the whole hours that began in the window.

        The last answers are kept: windows of callers move once an hour, and a late event moves a week by little.
        """
        if window not in self._usual:
            rows = await self._all("alert_usual", window.start, window.end)
            usual = await asyncio.to_thread(_usual, rows)
            self._usual = dict([*self._usual.items(), (window, usual)][-_KEPT_WINDOWS:])
        return self._usual[window]

    async def disks(self) -> tuple[Disk, ...]:
        """Return the file systems under the stores."""
        return tuple(
            Disk(row["store"], row["free_bytes"], row["total_bytes"], row["scanned_at"])
            for row in await self._all("alert_disks")
        )

    async def contradictions(self, window: Window) -> int:
        """Return how many events came again in the window and said something else."""
        (row,) = await self._all("alert_contradictions", window.start, window.end)
        return int(row["events"])

    async def _all(self, name: str, *values: object) -> Sequence[Row]:
        async with self._database.connection() as connection:
            return await connection.fetch(self._queries[name], *values)


def _usual(rows: Iterable[Row]) -> Usual:
    """Add the rows up; a search that found nothing is counted beside the search that it is."""
    sketches: dict[str, list[Sketch]] = defaultdict(list)
    counts = {Measure.SEARCH: 0, Measure.EMPTY_SEARCH: 0}
    for row in rows:
        measure = Measure(row["measure"])
        if measure in counts:
            counts[measure] += row["measured"] + row["approximate"] + row["missing"]
        if measure is not Measure.EMPTY_SEARCH:
            sketches[row["stage"]].append(_sketch(row))
    p95 = Sketch.merged(sketches.pop("", ())).quantiles(_P95)
    searches = Searches(
        counts[Measure.SEARCH], counts[Measure.EMPTY_SEARCH], None if p95 is None else p95[0] / _NS_PER_MS
    )
    return Usual(searches, {stage: Sketch.merged(parts) for stage, parts in sketches.items()})


def _sketch(row: Row) -> Sketch:
    bins, counts = decode_bins(row["bins"])
    return Sketch(bins, counts, int(row["total"]), row["smallest"], row["largest"])
