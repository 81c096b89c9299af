"""The durable machinery alone, in one process, on a real broker, a real database and a real folder.

`Lab.running(handlers)` turns the whole wheel: relay, intake and a worker per stage, whose handlers the test gives.
`Lab.delivery(stage)` takes one piece of work by hand, as a worker does that then dies.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chassis.core.clock import SystemClock
from chassis.core.stages import PIPELINE, Stage
from chassis.io.blobs import BlobStore
from chassis.io.concurrently import beside
from chassis.io.jetstream import Bus, Delivery
from chassis.io.postgres import Database
from chassis.io.stage import StageSpan, stage_from_proto
from chassis.io.worker import StageWorker
from heimdex.ingest.v1 import work_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.channels import OUTBOX_CHANNEL
from ingest_svc.domain.advance import register
from ingest_svc.domain.video import Video
from ingest_svc.ports import AttemptRow, NewVideo
from ingest_svc.relay import FactIntake, OutboxRelay
from tests.support.eventually import eventually

__all__ = ["CONSUMER_OF", "Lab", "Work"]

CONSUMER_OF: Mapping[Stage, str] = {
    Stage.DOWNLOADING: "ingest_download_source",
    Stage.METADATA: "ingest_probe_media",
    Stage.SCENE_DETECTION: "ingest_detect_scenes",
    Stage.TRANSCRIPTION: "inference_transcribe_audio",
    Stage.SCENE_PROCESSING: "inference_describe_scenes",
    Stage.INDEXING: "index_index_moments",
    Stage.FINALIZING: "ingest_finalize_video",
}
OWNER, VIDEO = "ada", "v_lab"
Fault = Callable[[int], Awaitable[None]]


@dataclass(slots=True)
class Work:
    """A handler of any stage that counts how often it ran, and lets a fault of the test happen first."""

    runs: Counter[str] = field(default_factory=Counter)
    faults: dict[Stage, Fault] = field(default_factory=dict)

    async def __call__(self, work: work_pb2.StageWork, _span: StageSpan) -> work_pb2.StageResult:
        """Do nothing, successfully, unless the stage has a fault: it is told the number of the run, from 1."""
        stage = stage_from_proto(work.stage)
        self.runs[stage] += 1
        if stage in self.faults:
            await self.faults[stage](self.runs[stage])
        return work_pb2.StageResult(download=work_pb2.DownloadOutput())


@dataclass(slots=True)
class Lab:
    """One video named VIDEO, and everything that carries it."""

    bus: Bus
    blobs: BlobStore
    database: Database
    progress: ProgressStore
    library: LibraryStore
    work: Work = field(default_factory=Work)
    clock: SystemClock = field(default_factory=SystemClock)

    def worker(self, stage: Stage, *, bus: Bus | None = None, blobs: BlobStore | None = None) -> StageWorker:
        """Return a worker of a stage; give another bus or store to make it suffer."""
        return StageWorker(
            stage=stage,
            consumer=CONSUMER_OF[stage],
            handler=self.work,
            bus=bus or self.bus,
            blobs=blobs or self.blobs,
        )

    async def upload(self) -> Video:
        """Register the video as an upload does."""
        video, out = register(video_id=VIDEO, owner_id=OWNER, at=datetime.now(UTC))
        await self.progress.register(video, NewVideo("clip.mp4", "video/mp4", 1, "", "k", "", ""), out)
        return video

    async def video(self) -> Video:
        """Return the video as it is."""
        return await self.progress.apply(VIDEO, lambda video: (video, ()))

    async def attempts(self, stage: Stage) -> list[AttemptRow]:
        """Return the attempts at a stage, oldest first."""
        return [row for row in await self.library.list_attempts(OWNER, VIDEO) if row.stage == stage]

    async def until(self, done: Callable[[Video], bool], *, within_seconds: float = 30.0) -> Video:
        """Wait until the video is as wanted."""

        async def look() -> Video:
            video = await self.video()
            assert done(video), video
            return video

        return await eventually(look, within_seconds=within_seconds)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Relay and intake run while the block does: the half of the wheel that ingest_svc's tasks are."""
        stopping = asyncio.Event()
        relay, intake = (
            OutboxRelay(self.progress, self.bus, self.clock),
            FactIntake(self.progress, self.bus, self.blobs, self.clock),
        )
        async with (
            beside(self.database.listen(OUTBOX_CHANNEL, relay.wake)),
            beside(relay.run()),
            beside(self.bus.consume("ingest_take_facts", intake.handle, slots=2, stopping=stopping)),
        ):
            yield
            stopping.set()

    @asynccontextmanager
    async def running(self, *, blobs: BlobStore | None = None) -> AsyncIterator[None]:
        """The whole wheel turns while the block runs."""
        stopping = asyncio.Event()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.sending())
            for stage in PIPELINE:
                run = self.worker(stage, blobs=blobs).run(slots=1, stopping=stopping)
                await stack.enter_async_context(beside(run))
            yield
            stopping.set()

    async def delivery(self, stage: Stage) -> Delivery:
        """Take one piece of work from the carrier by hand."""
        name = CONSUMER_OF[stage]
        jetstream = self.bus._jetstream  # by hand means past the front door
        subscription = await jetstream.pull_subscribe_bind(consumer=name, stream="HEIMDEX_WORK")
        try:
            (message,) = await subscription.fetch(1, timeout=20)
        finally:
            await subscription.unsubscribe()
        return Delivery(message)

    async def stage_events(self) -> list[stage_event_pb2.StageEvent]:
        """Return every stage event that the carrier holds, in its order; an identity may be there twice."""
        jetstream = self.bus._jetstream
        state = (await jetstream.stream_info("HEIMDEX_STAGE")).state
        held = range(max(1, state.first_seq), state.last_seq + 1)
        found = [await jetstream.get_msg("HEIMDEX_STAGE", number) for number in held]
        return [stage_event_pb2.StageEvent.FromString(one.data or b"") for one in found]

    async def held(self, stream: str) -> Counter[str]:
        """Return how many messages a stream holds, by kind of message."""
        jetstream = self.bus._jetstream
        state = (await jetstream.stream_info(stream, subjects_filter=">")).state
        kinds: Counter[str] = Counter()
        for subject, number in (state.subjects or {}).items():
            kinds[subject.split(".")[4]] += number
        return kinds
