"""A worker of exports on a real broker and database, and a maker that writes a small file."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.core.clock import SystemClock
from chassis.core.mediatime import TimeSpan
from chassis.io.concurrently import beside
from heimdex.ingest.v1 import export_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.domain.exports.values import Strategy
from ingest_svc.exports.making import Product
from ingest_svc.exports.sweeper import ExportSweeper
from ingest_svc.exports.worker import ExportWorker
from tests.support.eventually import eventually
from tests.support.export_lab import NS, order_one
from tests.support.ingest_lab import OWNER

CLOCK = SystemClock()


class FileMaker:
    """Writes small files; `before` runs first and may fail or wait."""

    def __init__(self) -> None:
        self.jobs: list = []
        self.ended = 0
        self.before = self.nothing

    async def nothing(self, job):
        """Go on at once."""

    async def make(self, job) -> Product:
        self.jobs.append(job)
        try:
            await self.before(job)
        finally:
            self.ended += 1
        files = {kind: job.folder / f"clip.{kind}" for kind in ("mp4", "jpg", "srt", "vtt")}
        for kind, path in files.items():
            path.write_bytes(f"{kind} {len(self.jobs)}".encode())
        return Product(
            clip=files["mp4"],
            thumbnail=files["jpg"],
            srt=files["srt"],
            vtt=files["vtt"],
            spans=(TimeSpan(0, 10 * NS),),
            used_strategy=Strategy.BLUR_PAD,
            is_stream_copy=False,
            notes=(),
            report=export_pb2.CheckReport(verdict=export_pb2.CHECK_VERDICT_GOOD),
            size_bytes=5,
            duration_ns=10 * NS,
        )


@dataclass
class Lab:
    """Everything that makes exports; messages are sent, and watchers told."""

    exports: Any
    shelf: Any
    database: Any
    blobs: Any
    bus: Any
    scratch: Path
    maker: FileMaker
    worker: ExportWorker
    sweeper: ExportSweeper


@asynccontextmanager
async def working(worker, slots=1):
    stopping = asyncio.Event()
    async with beside(worker.run(slots=slots, stopping=stopping)):
        try:
            yield
        finally:
            stopping.set()  # as a service does before it cancels its workers


async def asked(lab, export_id="e_1", **order: Any):
    return (await order_one(lab.exports, export_id, at=CLOCK.now(), **order)).export


def becomes(lab, state, export_id="e_1"):
    async def look():
        row = await lab.shelf.get(OWNER, export_id)
        return row if row.export.state is state else False

    return eventually(look, within_seconds=15.0)


async def events(database, kind=stage_event_pb2.StageEvent, pattern="stage/%"):
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT payload FROM ingest.outbox WHERE msg_id LIKE $1 ORDER BY id", pattern)
    return [kind.FromString(row["payload"]) for row in rows]


async def keys(blobs, prefix):
    return sorted([one.key async for one in blobs.list_objects(prefix)])


async def attempts_of(lab):
    async with lab.database.connection() as connection:
        rows = await connection.fetch("SELECT outcome, reason FROM ingest.export_attempts ORDER BY fence")
    return [tuple(row) for row in rows]
