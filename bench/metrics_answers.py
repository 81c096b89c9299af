"""A year of p50, p95 and p99 per stage and in total, by day, over 10^7 events takes at most 25 ms (p99) through gRPC.

It stays flat as events grow from 10^5 to 10^7, where PostgreSQL's percentile_cont over the same rows, which is exact,
takes at least a hundred times as long. Both are asked in turn, on the same database; every percentile of every day and
stage is compared. `bench/results/metrics_answers.svg` shows both over the number of events.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench.harness import ROOT, Aim, Gate, Measured, Quantity, Run, Stopwatch, quantile, spread
from bench.many_events import DAYS, seed
from bench.mesh import environment
from bench.plot import Line, log_log_plot
from chassis.io.grpc_client import GrpcClient
from chassis.io.identity import ensure_key_pair, mint_token
from deploy.local import SERVICES, LocalMesh, MeshSettings
from heimdex.metrics.v1 import admin_service_pb2_grpc, timing_pb2

__all__ = ["measure"]

_PEER = "percentile_cont by stage and day over the same rows in PostgreSQL, work_mem 256 MB"
_WITHIN = 0.005
_SERVICES = tuple(one for one in SERVICES if one.name == "metrics_svc")
_PERCENTILES = """
    SELECT stage, (counted_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ns / 1e6::float8) AS ms
    FROM (
        SELECT stage, counted_at, duration_ns FROM metrics.stage_events WHERE outcome = 'succeeded'
        UNION ALL
        SELECT 'total', counted_at, duration_ns FROM metrics.video_runs WHERE stage = 'completed'
    ) AS everything
    WHERE counted_at >= $1
    GROUP BY stage, day
"""
Answer = dict[tuple[str, str], tuple[int, float, float, float]]


@dataclass(slots=True)
class _Size:
    """What was measured with one number of events."""

    events: int
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    worst: float = 0.0
    points: int = 0
    counts_differ: int = 0


async def measure(run: Run) -> Measured:
    """Ask both in turn, with more and more events."""
    sizes = []
    for events in (100_000, 1_000_000, 10_000_000) if not run.is_quick else (20_000, 40_000):
        run.say(f"{events:,} events are written")
        sizes.append(await _measured(run, events))
    last = sizes[-1]
    plot = ROOT / "bench" / "results" / "metrics_answers.svg"
    _draw(plot, sizes)
    run.say(f"the plot is {plot.relative_to(ROOT)}")
    values: dict[str, Quantity] = {}
    for size in sizes:
        values |= spread(f"grpc_{size.events}", size.ours, 50, 99)
        values |= spread(f"percentile_cont_{size.events}", size.peer, 50)
        values[f"speedup_{size.events}"] = Quantity(round(quantile(size.peer, 50) / quantile(size.ours, 50), 1), "x")
    flatness = quantile(last.ours, 50) / quantile(sizes[0].ours, 50)
    values["growth_of_p50"] = Quantity(round(flatness, 2), "x")
    values["worst_error"] = Quantity(round(100 * max(size.worst for size in sizes), 3), "%")
    return Measured(
        values=values,
        ratio=quantile(last.ours, 50) / quantile(last.peer, 50),
        peer=_PEER,
        gates=(
            Gate("every percentile is within 0.5 %", max(size.worst for size in sizes) <= _WITHIN),
            Gate("every count is equal", not any(size.counts_differ for size in sizes)),
            Gate("every day of every series was compared", all(size.points >= DAYS for size in sizes)),
        ),
        aims=(Aim(f"grpc_{last.events}_p99", 25.0), Aim("ratio", 0.01), Aim("growth_of_p50", 1.5)),
        inputs=tuple(str(size.events).encode() for size in sizes),
    )


async def _measured(run: Run, events: int) -> _Size:
    size = _Size(events)
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with _service(run.folder(f"mesh-{events}")) as mesh:
        dsn = mesh.database_url("metrics")
        watch = Stopwatch()
        stored = await seed(dsn, events, until=until)
        run.say(f"{stored:,} events are there after {watch.seconds:.0f} s")
        connection = await asyncpg.connect(dsn, server_settings={"work_mem": "256MB", "jit": "off", "timezone": "UTC"})
        token = mint_token(ensure_key_pair(mesh.folders.keys).private_pem, subject="bench", is_admin=True)
        client = GrpcClient(str(mesh.book["HEIMDEX_METRICS_ADDR"]), token=token)
        try:
            ask = _question(client)
            for _ in range(3):
                await ask()
            for _ in range(run.count(3, 2)):
                for _ in range(run.count(70, 5)):
                    watch = Stopwatch()
                    answer = await ask()
                    size.ours.append(watch.seconds)
                watch = Stopwatch()
                rows = await connection.fetch(_PERCENTILES, until.replace(year=until.year - 2))
                size.peer.append(watch.seconds)
            _compare(size, _read(answer), rows)
        finally:
            await client.close()
            await connection.close()
    return size


@asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[LocalMesh]:
    async with LocalMesh(MeshSettings.from_environment(environment(folder)), services=_SERVICES) as mesh:
        yield mesh


def _question(client: GrpcClient) -> Callable[[], Awaitable[timing_pb2.StageLatencyTimeSeriesResponse]]:
    stub = client.stub(admin_service_pb2_grpc.AdminServiceStub)
    request = timing_pb2.ListStageLatencyRequest(range="365d")

    async def ask() -> timing_pb2.StageLatencyTimeSeriesResponse:
        answer: timing_pb2.StageLatencyTimeSeriesResponse
        answer = await client.call(stub.ListStageLatency, request, timeout_seconds=60)
        return answer

    return ask


def _read(answer: timing_pb2.StageLatencyTimeSeriesResponse) -> Answer:
    return {
        (series.processing_stage, point.day): (point.count, point.p50_ms, point.p95_ms, point.p99_ms)
        for series in answer.series
        for point in series.data
        if point.count
    }


def _compare(size: _Size, answer: Answer, rows: list[asyncpg.Record]) -> None:
    first = min(day for _, day in answer)
    for row in rows:
        if row["day"].isoformat() < first:
            continue  # a range of 365 days has today, which has no events, for its last
        count, *percentiles = answer.get((row["stage"], row["day"].isoformat()), (0, 0.0, 0.0, 0.0))
        size.points += 1
        size.counts_differ += count != row["events"]
        size.worst = max(size.worst, *(abs(a - b) / b for a, b in zip(percentiles, row["ms"], strict=True)))


def _draw(path: Path, sizes: list[_Size]) -> None:
    lines = (
        Line("percentile_cont", tuple((size.events, 1e3 * quantile(size.peer, 50)) for size in sizes)),
        Line("sketches, through gRPC", tuple((size.events, 1e3 * quantile(size.ours, 50)) for size in sizes)),
    )
    title = "A year of percentiles per stage, by day: milliseconds over events"
    path.write_text(log_log_plot(title, lines), encoding="utf-8")
