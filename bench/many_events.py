"""A year of events by the million: drawn by column, stored as the intake stores them, with their sketches by the day.

Shaped like the synthetic library, without its stories: seven attempts and one end of run per video, heavy tails, every
hundredth video failed. Sketches are by the day, as the folding leaves them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np
import numpy.typing as npt

from chassis.core.stages import PIPELINE
from chassis.io.postgres import load_queries
from metrics_svc.adapters.increment_store import SketchRows
from metrics_svc.adapters.raw_store import RawRows, prepared
from metrics_svc.domain.events.increments import increments_of
from metrics_svc.domain.events.samples import Batch, StageSample, VideoRun

__all__ = ["DAYS", "EVENTS_PER_VIDEO", "seed"]

DAYS = 365
EVENTS_PER_VIDEO = len(PIPELINE) + 1
_OWNERS = ("ada", "grace")
_US_PER_DAY = 86_400_000_000
_LAST_BREATH_US = 60_000_000
_STAGE_MEDIAN_NS = np.array([5e7, 8e7, 4e9, 2e10, 1.2e10, 9e8, 3e8])
_VIDEO_MEDIAN_NS = 180e9
_FAILED_EVERY = 100
_VIDEOS_AT_ONCE = 10_000


async def seed(dsn: str, events: int, *, until: datetime) -> int:
    """Fill a migrated database with about that many events on the DAYS UTC days before `until`; return how many."""
    queries = load_queries("metrics_svc", "sql/events.sql")
    random = np.random.default_rng(events)
    stored = 0
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET synchronous_commit = off")  # how fast it is filled is not what is measured
        for day_us, batch in _batches(random, events, until):
            async with connection.transaction():
                await RawRows(connection, queries).keep_new(prepared(batch))  # type: ignore[arg-type]  # no pool here
                by_day = Batch(
                    tuple(one._replace(counted_us=day_us) for one in batch.stages),
                    tuple(one._replace(counted_us=day_us) for one in batch.runs),
                )
                await SketchRows(connection, queries).add(increments_of(by_day), are_days=True)  # type: ignore[arg-type]
            stored += len(batch.stages) + len(batch.runs)
        for table in ("stage_events", "video_runs", "sketches", "sketch_days"):
            await connection.execute(f"VACUUM (ANALYZE) metrics.{table}")
    finally:
        await connection.close()
    return stored


def _batches(random: np.random.Generator, events: int, until: datetime) -> Iterator[tuple[int, Batch]]:
    """Return batches of one UTC day each, with the first instant of that day in microseconds."""
    first_us = int((until.astimezone(UTC) - timedelta(days=DAYS)).timestamp()) * 1_000_000
    videos = round(events / EVENTS_PER_VIDEO)
    ends = np.linspace(0, videos, DAYS + 1).astype(int).tolist()
    for day in range(DAYS):
        day_us = first_us + day * _US_PER_DAY
        for begin in range(ends[day], ends[day + 1], _VIDEOS_AT_ONCE):
            numbers = np.arange(begin, min(begin + _VIDEOS_AT_ONCE, ends[day + 1]))
            yield day_us, _batch(random, numbers, day_us)


def _batch(random: np.random.Generator, numbers: npt.NDArray[np.int64], day_us: int) -> Batch:
    size = numbers.size
    lengths = random.lognormal(np.log(_VIDEO_MEDIAN_NS), 1.1, size)
    work = random.lognormal(0.0, 0.4, (size, len(PIPELINE))) * _STAGE_MEDIAN_NS * (lengths / _VIDEO_MEDIAN_NS)[:, None]
    work = np.maximum(1, work).astype(np.int64)
    waits = random.exponential(4e8, (size, len(PIPELINE))).astype(np.int64)
    finished = day_us + random.integers(0, _US_PER_DAY - _LAST_BREATH_US, size)
    is_failed = numbers % _FAILED_EVERY == 0
    stages: list[StageSample] = []
    runs: list[VideoRun] = []
    rows = zip(
        numbers.tolist(),
        lengths.astype(np.int64).tolist(),
        work,
        waits,
        finished.tolist(),
        is_failed.tolist(),
        strict=True,
    )
    for number, length_ns, work_ns, wait_ns, at_us, failed in rows:
        video, owner = f"v{number}", _OWNERS[number % len(_OWNERS)]
        outcomes = ["succeeded"] * (len(PIPELINE) - 1) + ["failed" if failed else "succeeded"]
        stages += [
            _attempt(video, owner, stage, outcome, at_us, duration, wait, length_ns)
            for stage, outcome, duration, wait in zip(
                PIPELINE, outcomes, work_ns.tolist(), wait_ns.tolist(), strict=True
            )
        ]
        runs.append(_run(video, owner, at_us, int(work_ns.sum()), int(wait_ns[0]), length_ns, failed=failed))
    return Batch(tuple(stages), tuple(runs))


def _attempt(  # noqa: PLR0917  # called ten million times: by position
    video: str, owner: str, stage: str, outcome: str, at_us: int, duration_ns: int, wait_ns: int, length_ns: int
) -> StageSample:
    started_us = at_us - duration_ns // 1_000
    return StageSample(
        event_id=f"{video}/1/{stage}/1",
        video_id=video,
        owner_id=owner,
        generation=1,
        stage=stage,
        attempt=1,
        outcome=outcome,
        reason="",
        queued_us=started_us - wait_ns // 1_000,
        started_us=started_us,
        finished_us=at_us,
        counted_us=at_us,
        duration_ns=duration_ns,
        wait_ns=wait_ns,
        is_clock_corrected=False,
        video_duration_ns=length_ns,
        items=None,
        bytes_read=None,
        model="",
        worker="bench/1/1",
        cpu_ns=duration_ns,
        gpu_ns=None,
        energy_uj=None,
        model_calls=None,
        worker_slots=1,
        is_backfilled=False,
    )


def _run(  # noqa: PLR0917
    video: str, owner: str, at_us: int, work_ns: int, queue_ns: int, length_ns: int, *, failed: bool
) -> VideoRun:
    return VideoRun(
        event_id=f"{video}/1/end/1",
        video_id=video,
        owner_id=owner,
        generation=1,
        stage="failed" if failed else "completed",
        outcome="failed" if failed else "succeeded",
        failed_stage=PIPELINE[-1] if failed else "",
        reason="BENCH" if failed else "",
        queued_us=at_us - (work_ns + queue_ns) // 1_000,
        started_us=at_us - work_ns // 1_000,
        finished_us=at_us,
        counted_us=at_us,
        duration_ns=work_ns,
        queue_ns=queue_ns,
        is_clock_corrected=False,
        video_duration_ns=length_ns,
        elapsed_ns=work_ns,
        unmeasured_attempts=0,
        is_backfilled=False,
    )
