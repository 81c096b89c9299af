"""The least that a durable pipeline of seven stages does per video, with bare asyncpg, nats-py and files.

Per stage: a commit that hands it out, a work message, a result file, a fact message, both acknowledged with
confirmation, and a commit that takes the fact in. Two of the stages run side by side, as ours do. No retries, no
fences, no stage events, no history, no deduplication, no identity: that is what ours does besides.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import nats
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

__all__ = ["BareChain", "open_chain"]

_STAGES = ("download", "probe", "detect", "transcribe", "describe", "index", "finalize")
_NEEDS = {
    "probe": {"download"},
    "detect": {"probe"},
    "transcribe": {"probe"},
    "describe": {"detect", "transcribe"},
    "index": {"describe"},
    "finalize": {"index"},
}
_STREAM = "BENCH_CHAIN"
_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS bench_chain;
CREATE TABLE bench_chain.step (video text, stage text, state text NOT NULL, PRIMARY KEY (video, stage));
"""


class BareChain:
    """Workers of seven stages and one decider, in one process."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", jetstream: nats.js.JetStreamContext, files: Path) -> None:
        self._pool = pool
        self._jetstream = jetstream
        self._files = files
        self._done: dict[str, asyncio.Event] = {}

    async def process(self, video: str) -> None:
        """Hand out the first stage and wait until the last one is committed."""
        done = self._done[video] = asyncio.Event()
        await self._hand_out(video, {"download"}, ended=None)
        await done.wait()
        del self._done[video]

    async def work(self, stage: str) -> None:
        """Do the work of a stage until cancelled: none, stored as a file."""
        async for message in self._messages(f"work_{stage}"):
            video = message.data.decode()
            result = self._files / f"{video}-{stage}"
            await asyncio.to_thread(result.write_bytes, message.data)
            await self._jetstream.publish(f"chain.fact.{stage}", message.data)
            await message.ack_sync()

    async def decide(self) -> None:
        """Take facts in until cancelled, and hand out what they allow."""
        async for message in self._messages("facts"):
            video, stage = message.data.decode(), message.subject.rpartition(".")[2]
            await self._take(video, stage)
            await message.ack_sync()
            if stage == _STAGES[-1]:
                self._done[video].set()

    async def _take(self, video: str, ended: str) -> None:
        rows = await self._pool.fetch("SELECT stage, state FROM bench_chain.step WHERE video = $1", video)
        over = {row["stage"] for row in rows if row["state"] == "over"} | {ended}
        known = {row["stage"] for row in rows}
        free = {stage for stage, needs in _NEEDS.items() if needs <= over and stage not in known}
        await self._hand_out(video, free, ended=ended)

    async def _hand_out(self, video: str, stages: set[str], *, ended: str | None) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            if ended is not None:
                await connection.execute(
                    "UPDATE bench_chain.step SET state = 'over' WHERE video = $1 AND stage = $2", video, ended
                )
            for stage in stages:
                await connection.execute("INSERT INTO bench_chain.step VALUES ($1, $2, 'open')", video, stage)
        await asyncio.gather(*(self._jetstream.publish(f"chain.work.{stage}", video.encode()) for stage in stages))

    async def _messages(self, consumer: str) -> AsyncIterator[Any]:
        subscription = await self._jetstream.pull_subscribe_bind(consumer=consumer, stream=_STREAM)
        while True:
            try:
                for message in await subscription.fetch(1, timeout=5):
                    yield message
            except NatsTimeoutError:
                continue


@asynccontextmanager
async def open_chain(nats_url: str, database_url: str, files: Path) -> AsyncIterator[BareChain]:
    """Declare the chain's own stream and table on the servers of a mesh, and run its workers."""
    client = await nats.connect(nats_url)
    jetstream = client.jetstream()
    stream = StreamConfig(
        name=_STREAM, subjects=["chain.>"], retention=RetentionPolicy.WORK_QUEUE, storage=StorageType.FILE
    )
    await jetstream.add_stream(stream)
    filters = {f"work_{stage}": f"chain.work.{stage}" for stage in _STAGES} | {"facts": "chain.fact.>"}
    for name, subject in filters.items():
        config = ConsumerConfig(durable_name=name, filter_subject=subject, ack_policy=AckPolicy.EXPLICIT)
        await jetstream.add_consumer(_STREAM, config)
    async with asyncpg.create_pool(database_url, min_size=2, max_size=4) as pool:
        await pool.execute(_SCHEMA)
        chain = BareChain(pool, jetstream, files)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(chain.work(stage)) for stage in _STAGES]
            tasks.append(group.create_task(chain.decide()))
            try:
                yield chain
            finally:
                for task in tasks:
                    task.cancel()
        await client.close()
