"""Puts ingest_svc together: the only file that knows all its parts."""

import grpc

from chassis.core.clock import SystemClock
from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.jetstream import Bus
from chassis.io.migrate import migrate
from chassis.io.postgres import Database
from chassis.io.report_queue import ReportQueue
from chassis.io.service import ServiceContext
from chassis.io.worker import StageHandler, StageWorker
from heimdex.ingest.v1 import (
    export_service_pb2_grpc,
    maintenance_service_pb2_grpc,
    people_service_pb2_grpc,
    video_service_pb2_grpc,
)
from ingest_svc.adapters.backfill_store import BackfillStore
from ingest_svc.adapters.index_client import IndexClient
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.adapters.report_store import ReportStore
from ingest_svc.channels import OUTBOX_CHANNEL, VIDEO_CHANNEL
from ingest_svc.deletion import Deletion
from ingest_svc.domain.media_report import SceneOptions
from ingest_svc.exports.assembly import Needs, assemble
from ingest_svc.grpc_api import VideoApi
from ingest_svc.maintenance import MaintenanceApi
from ingest_svc.relay import FactIntake, OutboxRelay, Sweeper
from ingest_svc.scratch import clear_abandoned
from ingest_svc.settings import Settings
from ingest_svc.stage_handlers import MediaParts, StageHandlers
from ingest_svc.storage import StorageScanner
from ingest_svc.telling import VideoTeller
from ingest_svc.unbuilt import PeopleApi
from ingest_svc.uploads import Uploads
from ingest_svc.watchers import Watchers
from ingest_svc.work_codec import encode_outgoing

__all__ = ["build"]

_FACT_SLOTS = 4


async def build(context: ServiceContext) -> None:
    """Open what ingest_svc needs, in order, and start its work."""
    settings = context.settings
    assert isinstance(settings, Settings)  # noqa: S101  # run_service loaded it
    clock = SystemClock()
    blobs = BlobStore(settings.blob_url)
    database = await context.enter(Database.open(settings.database_url, max_connections=12))
    await migrate(database, package="ingest_svc", schema="ingest")
    bus = await context.enter(
        Bus.open(settings.nats_url, name="ingest_svc", inbox_prefix=settings.nats_inbox_prefix, corrects_topology=True)
    )
    context.health.register("postgres", database.ping)
    context.health.register("nats", bus.ping)
    progress, library = ProgressStore(database, encode_outgoing), LibraryStore(database)
    relay, watchers = OutboxRelay(progress, bus, clock), Watchers()
    context.spawn(database.listen(OUTBOX_CHANNEL, relay.wake))
    context.spawn(database.listen(VIDEO_CHANNEL, watchers.notify))
    context.spawn(relay.run())
    sweeper = Sweeper(
        progress, bus, clock, overdue_seconds=settings.overdue_seconds, period_seconds=settings.sweep_period_seconds
    )
    context.spawn(sweeper.run())
    intake = FactIntake(progress, bus, blobs, clock)
    context.spawn(bus.consume("ingest_take_facts", intake.handle, slots=_FACT_SLOTS, stopping=context.stopping))
    media = await _media(context, settings)
    _spawn_workers(context, settings, StageHandlers(blobs, library, media), bus, blobs)
    index = GrpcClient(settings.index_address, token=settings.service_token)
    context.stack.push_async_callback(index.close)
    scanner = _spawn_reports(context, settings, database, bus, blobs)
    refused = ReportQueue(bus, drop_reason="upload_queue_full")
    context.spawn_worker(refused.run(context.stopping))
    uploads = Uploads(blobs, progress, clock, max_bytes=settings.max_upload_bytes, report=refused.report)
    context.spawn(uploads.sweep_drafts())
    exports = assemble(context, Needs(settings, database, bus, blobs, media.sandbox, library))
    api = VideoApi(
        library=library,
        progress=progress,
        uploads=uploads,
        deletion=Deletion(library, blobs, IndexClient(index), clock, exports=exports.ending, on_removed=scanner.touch),
        watchers=watchers,
        clock=clock,
        media_secret=settings.media_secret,
    )

    maintenance = MaintenanceApi(BackfillStore(database), clock)

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        video_service_pb2_grpc.add_VideoServiceServicer_to_server(api, server)
        export_service_pb2_grpc.add_ExportServiceServicer_to_server(exports.api, server)
        people_service_pb2_grpc.add_PeopleServiceServicer_to_server(PeopleApi(), server)
        maintenance_service_pb2_grpc.add_MaintenanceServiceServicer_to_server(maintenance, server)
        return tuple(f"heimdex.ingest.v1.{name}Service" for name in ("Video", "Export", "People", "Maintenance"))

    await context.enter(
        serve_grpc(
            settings.grpc_address,
            verifier=context.verifier(),
            health=context.health,
            register=register,
            reflect=settings.reflect,
        )
    )


def _spawn_reports(
    context: ServiceContext, settings: Settings, database: Database, bus: Bus, blobs: BlobStore
) -> StorageScanner:
    """Start what tells metrics_svc of videos and of bytes."""
    clock, store = SystemClock(), ReportStore(database)
    scanner = StorageScanner(store, blobs, bus, clock, period_seconds=settings.storage_scan_seconds)
    context.spawn(VideoTeller(store, clock).run())
    context.spawn(database.listen(VIDEO_CHANNEL, scanner.touch))
    context.spawn(scanner.follow())
    context.spawn(scanner.run())
    return scanner


async def _media(context: ServiceContext, settings: Settings) -> MediaParts:
    options = SceneOptions(threshold=settings.scene_threshold, min_shot_seconds=settings.scene_min_seconds)
    clear_abandoned(settings.scratch_dir)
    sandbox = await context.enter(MediaSandbox())
    return MediaParts(sandbox, settings.scratch_dir, options)


def _spawn_workers(
    context: ServiceContext, settings: Settings, handlers: StageHandlers, bus: Bus, blobs: BlobStore
) -> None:
    table: tuple[tuple[Stage, str, StageHandler, int], ...] = (
        (Stage.DOWNLOADING, "ingest_download_source", handlers.download, 2),
        (Stage.METADATA, "ingest_probe_media", handlers.probe, 2),
        (Stage.SCENE_DETECTION, "ingest_detect_scenes", handlers.detect_scenes, settings.decoders),
        (Stage.FINALIZING, "ingest_finalize_video", handlers.finalize, 2),
    )
    for stage, consumer, handler, slots in table:
        worker = StageWorker(stage=stage, consumer=consumer, handler=handler, bus=bus, blobs=blobs)
        context.spawn_worker(worker.run(slots=slots, stopping=context.stopping))
