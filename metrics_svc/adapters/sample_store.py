"""Samples in PostgreSQL: exact rows in, exact aggregates out. The database sorts; we hold one row per group."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import date

import asyncpg

from chassis.core.errors import HeimdexError, InvalidInput, UpstreamUnavailable
from chassis.io.postgres import Connection, Database, load_queries
from metrics_svc.domain.buckets import BOUNDS_NS, bucket_span
from metrics_svc.domain.quantiles import FRACTIONS, Quantiles
from metrics_svc.domain.reports import (
    Bucket,
    Coverage,
    DayOfSearches,
    DayOfVideos,
    FailureCount,
    LatencyReport,
    QueueReport,
    RtfReport,
    StageRow,
)
from metrics_svc.domain.samples import Batch, Sample, SearchSample, StageSample, VideoRun
from metrics_svc.domain.windows import Window

__all__ = ["PostgresSampleStore"]


class PostgresSampleStore:
    """SampleStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc")

    async def add(self, batch: Batch) -> int:
        """Store what is new of a batch, all or nothing, and return how many samples were new."""
        new = 0
        async with self._lend() as connection, connection.transaction():
            for name, samples, kind in (
                ("add_stage_event", batch.stages, StageSample),
                ("add_video_run", batch.runs, VideoRun),
                ("add_search_event", batch.searches, SearchSample),
            ):
                if samples:
                    new += len(await connection.fetch(self._queries[name], *_columns(kind, samples)))
        return new

    async def latency(self, window: Window, owner_id: str) -> LatencyReport:
        """Return processing, queue and total time of videos that became ready in the window."""
        row = await self._one("latency", window, owner_id, FRACTIONS)
        return LatencyReport(
            coverage=_coverage(row),
            videos=row["videos"],
            avg_processing_ms=row["avg_processing_ms"],
            processing_ms=_quantiles(row["processing_ms"]),
            avg_queue_ms=row["avg_queue_ms"],
            avg_total_ms=row["avg_total_ms"],
        )

    async def rtf(self, window: Window, owner_id: str) -> RtfReport:
        """Return real-time factors of videos that became ready in the window."""
        row = await self._one("rtf", window, owner_id, FRACTIONS)
        return RtfReport(
            coverage=Coverage(measured=row["videos"], missing=row["missing"]),
            videos=row["videos"],
            videos_without_duration=row["videos_without_duration"],
            avg_rtf=row["avg_rtf"],
            rtf=_quantiles(row["rtf"]),
            avg_video_s=row["avg_video_s"],
            avg_processing_s=row["avg_processing_s"],
        )

    async def queue(self, window: Window, owner_id: str) -> QueueReport:
        """Return waiting and working of videos that became ready in the window."""
        row = await self._one("queue", window, owner_id)
        return QueueReport(
            coverage=_coverage(row),
            videos=row["videos"],
            avg_queue_s=row["avg_queue_s"],
            avg_processing_s=row["avg_processing_s"],
        )

    async def stages(self, window: Window, owner_id: str) -> tuple[StageRow, ...]:
        """Return lengths by stage, outcome and model of work that ended in the window."""
        return tuple(_stage_row(row) for row in await self._all("stages", window, owner_id, FRACTIONS, BOUNDS_NS))

    async def failures(self, window: Window, owner_id: str) -> tuple[FailureCount, ...]:
        """Return how many videos that failed in the window broke in which stage."""
        return tuple(FailureCount(row["stage"], row["videos"]) for row in await self._all("failures", window, owner_id))

    async def throughput(self, window: Window, owner_id: str) -> Mapping[date, DayOfVideos]:
        """Return what ended on each UTC day of the window that has something."""
        return {row["day"]: _day_of_videos(row) for row in await self._all("throughput", window, owner_id)}

    async def searches(self, window: Window, owner_id: str) -> Mapping[date, DayOfSearches]:
        """Return the searches of each UTC day of the window that has some."""
        return {
            row["day"]: DayOfSearches(
                day=row["day"],
                searches=row["searches"],
                avg_latency_ms=row["avg_latency_ms"],
                coverage=Coverage(measured=row["measured"], missing=row["missing"]),
            )
            for row in await self._all("searches", window, owner_id)
        }

    async def _all(self, name: str, window: Window, owner_id: str, *more: object) -> Sequence[asyncpg.Record]:
        async with self._lend() as connection:
            return await connection.fetch(self._queries[name], window.start, window.end, owner_id, *more)

    async def _one(self, name: str, window: Window, owner_id: str, *more: object) -> asyncpg.Record:
        (row,) = await self._all(name, window, owner_id, *more)
        return row

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        try:
            async with self._database.connection() as connection:
                yield connection
        except HeimdexError:
            raise
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise InvalidInput("the database refuses these values", reason="UNSTORABLE_EVENT") from error
        except asyncpg.PostgresError as error:
            raise UpstreamUnavailable("the database can not do that now", reason="DATABASE_UNAVAILABLE") from error


def _columns(kind: type[Sample], samples: Sequence[Sample]) -> list[list[object]]:
    """Return one array per field; the statements list their columns in the order of the fields."""
    return [[getattr(sample, field.name) for sample in samples] for field in fields(kind)]


def _coverage(row: asyncpg.Record) -> Coverage:
    return Coverage(row["measured"], row["approximate"], row["missing"])


def _quantiles(values: Sequence[float] | None) -> Quantiles | None:
    return Quantiles(*values) if values and values[0] is not None else None


def _stage_row(row: asyncpg.Record) -> StageRow:
    return StageRow(
        stage=row["stage"],
        outcome=row["outcome"],
        model=row["model"],
        coverage=_coverage(row),
        count=row["events"],
        avg_ms=row["avg_ms"],
        ms=_quantiles(row["ms"]),
        max_ms=row["max_ms"],
        sum_ms=row["sum_ms"],
        avg_wait_ms=row["avg_wait_ms"],
        buckets=tuple(
            Bucket(*bucket_span(number), count)
            for number, count in zip(row["buckets"], row["bucket_counts"], strict=True)
        ),
    )


def _day_of_videos(row: asyncpg.Record) -> DayOfVideos:
    return DayOfVideos(
        day=row["day"],
        videos_ready=row["videos_ready"],
        videos_failed=row["videos_failed"],
        hours_ready=row["hours_ready"],
        avg_processing_s=row["avg_processing_s"],
        avg_rtf=row["avg_rtf"],
        coverage=_coverage(row),
    )
