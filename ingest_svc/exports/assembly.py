"""Puts the making of exports together: what app.py calls, and the only file that knows all parts of it."""

from dataclasses import dataclass
from datetime import timedelta

from chassis.core.clock import SystemClock
from chassis.io.blobs import BlobStore
from chassis.io.grpc_client import GrpcClient
from chassis.io.jetstream import Bus
from chassis.io.postgres import Database
from chassis.io.service import ServiceContext
from ingest_svc.adapters.boot_clock import boot_clock
from ingest_svc.adapters.caption_font import caption_typeface
from ingest_svc.adapters.checker import SandboxChecker
from ingest_svc.adapters.cutter import FfmpegCutter
from ingest_svc.adapters.export_library_store import ExportLibraryStore
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.adapters.export_sweep_store import ExportSweepStore
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.adapters.metrics_client import MetricsClient
from ingest_svc.adapters.outliner import SandboxOutliner
from ingest_svc.adapters.sampler import SandboxSampler
from ingest_svc.adapters.subject_client import SubjectClient
from ingest_svc.channels import EXPORT_CHANNEL
from ingest_svc.domain.exports.cutting.limits import CutLimits
from ingest_svc.domain.exports.rules import Limits
from ingest_svc.exports.api import ExportApi
from ingest_svc.exports.asking import Asking
from ingest_svc.exports.ending import ExportsOfVideos
from ingest_svc.exports.faces import FacesOfScenes
from ingest_svc.exports.maker import ExportMaker, Tools
from ingest_svc.exports.proposals import Proposer
from ingest_svc.exports.sources import Sources
from ingest_svc.exports.sweeper import ExportSweeper
from ingest_svc.exports.worker import ExportWorker
from ingest_svc.settings import Settings
from ingest_svc.watchers import Watchers

__all__ = ["Exports", "Needs", "assemble"]

_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Needs:
    """What exports share with the rest of the service."""

    settings: Settings
    database: Database
    bus: Bus
    blobs: BlobStore
    sandbox: MediaSandbox
    library: LibraryStore


@dataclass(frozen=True, slots=True)
class Exports:
    """What the rest of the service needs of exports."""

    api: ExportApi
    ending: ExportsOfVideos


def assemble(context: ServiceContext, needs: Needs) -> Exports:
    """Start the worker and the sweep of exports, and return what answers for them."""
    settings, blobs = needs.settings, needs.blobs
    limits = Limits(
        max_seconds=settings.export_max_seconds,
        per_day=settings.export_quota,
        lives=timedelta(hours=settings.export_hours),
    )
    store, shelf = ExportStore(needs.database, limits, boot_clock), ExportLibraryStore(needs.database)
    watchers = Watchers()
    context.spawn(needs.database.listen(EXPORT_CHANNEL, watchers.notify))
    worker = ExportWorker(
        store=store,
        maker=_maker(context, needs, shelf),
        bus=needs.bus,
        blobs=blobs,
        watchers=watchers,
        clock=_CLOCK,
        scratch=settings.scratch_dir,
    )
    context.spawn_worker(worker.run(slots=settings.export_slots, stopping=context.stopping))
    sweeper = ExportSweeper(
        store=store,
        sweeps=ExportSweepStore(needs.database),
        bus=needs.bus,
        blobs=blobs,
        clock=_CLOCK,
        overdue_seconds=settings.export_overdue_seconds,
        period_seconds=settings.sweep_period_seconds,
    )
    context.spawn(sweeper.run())
    api = ExportApi(
        asking=Asking(exports=store, library=shelf, blobs=blobs, clock=_CLOCK, limits=limits),
        exports=store,
        library=shelf,
        proposer=_proposer(context, needs),
        blobs=blobs,
        watchers=watchers,
        clock=_CLOCK,
        media_secret=settings.media_secret,
    )
    return Exports(api, ExportsOfVideos(store, shelf, _CLOCK))


def _maker(context: ServiceContext, needs: Needs, shelf: ExportLibraryStore) -> ExportMaker:
    settings, sandbox = needs.settings, needs.sandbox
    inference = _client(context, settings.inference_address, settings.service_token)
    tools = Tools(
        sources=Sources(shelf, needs.blobs, SandboxOutliner(sandbox)),
        cutter=FfmpegCutter(sandbox, CutLimits(clips=max(1, settings.export_slots))),
        sampler=SandboxSampler(sandbox),
        subjects=SubjectClient(inference),
        checker=SandboxChecker(sandbox),
        typeface=caption_typeface,
    )
    return ExportMaker(tools, max_seconds=settings.export_max_seconds)


def _proposer(context: ServiceContext, needs: Needs) -> Proposer:
    settings = needs.settings
    metrics = _client(context, settings.metrics_address, settings.service_token)
    inference = _client(context, settings.inference_address, settings.service_token)
    return Proposer(
        needs.library,
        MetricsClient(metrics) if metrics else None,
        _CLOCK,
        FacesOfScenes(needs.blobs, SubjectClient(inference)) if inference else None,
    )


def _client(context: ServiceContext, address: str, token: str) -> GrpcClient | None:
    """Return a channel that is closed with the service; None without an address."""
    if not address:
        return None
    client = GrpcClient(address, token=token)
    context.stack.push_async_callback(client.close)
    return client
