"""Exports on a real database."""

import pytest

from chassis.core.clock import SystemClock
from chassis.io.concurrently import beside
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier
from heimdex.ingest.v1 import export_service_pb2_grpc
from ingest_svc.adapters.export_library_store import ExportLibraryStore
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.adapters.export_sweep_store import ExportSweepStore
from ingest_svc.channels import EXPORT_CHANNEL, OUTBOX_CHANNEL
from ingest_svc.domain.exports.rules import Limits
from ingest_svc.exports.api import ExportApi
from ingest_svc.exports.asking import Asking
from ingest_svc.exports.proposals import Proposer
from ingest_svc.exports.sweeper import ExportSweeper
from ingest_svc.exports.worker import ExportWorker
from ingest_svc.relay import OutboxRelay
from ingest_svc.watchers import Watchers
from tests.support.export_door import SECRET, Door
from tests.support.export_lab import Shelves, Ticks
from tests.support.export_worker_lab import CLOCK, FileMaker, Lab
from tests.support.video_door import KEYS


@pytest.fixture
def limits():
    return Limits()


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def exports(database, limits, ticks):
    return ExportStore(database, limits, ticks)


@pytest.fixture
def shelf(database):
    return ExportLibraryStore(database)


@pytest.fixture
def sweeps(database):
    return ExportSweepStore(database)


@pytest.fixture
def system_clock():
    return SystemClock()


@pytest.fixture
async def lab(request, database, progress, bus, blobs):
    exports, shelf, sweeps, tmp_path = map(request.getfixturevalue, ("exports", "shelf", "sweeps", "tmp_path"))
    watchers, maker, relay = Watchers(), FileMaker(), OutboxRelay(progress, bus, CLOCK)
    worker = ExportWorker(
        store=exports,
        maker=maker,
        bus=bus,
        blobs=blobs,
        watchers=watchers,
        clock=CLOCK,
        scratch=tmp_path / "scratch",
    )
    sweeper = ExportSweeper(
        store=exports, sweeps=sweeps, bus=bus, blobs=blobs, clock=CLOCK, overdue_seconds=0.0, period_seconds=60.0
    )
    async with (
        beside(database.listen(OUTBOX_CHANNEL, relay.wake)),
        beside(database.listen(EXPORT_CHANNEL, watchers.notify)),
        beside(relay.run()),
    ):
        yield Lab(exports, shelf, database, blobs, bus, tmp_path / "scratch", maker, worker, sweeper)


@pytest.fixture
async def door(request, database, exports, shelf, clock):
    progress, library, blobs, limits = map(request.getfixturevalue, ("progress", "library", "blobs", "limits"))
    watchers = Watchers()
    api = ExportApi(
        asking=Asking(exports=exports, library=shelf, blobs=blobs, clock=clock, limits=limits),
        exports=exports,
        library=shelf,
        proposer=Proposer(library, None, clock),
        blobs=blobs,
        watchers=watchers,
        clock=clock,
        media_secret=SECRET,
    )

    def register(server):
        export_service_pb2_grpc.add_ExportServiceServicer_to_server(api, server)
        return ("heimdex.ingest.v1.ExportService",)

    async with (
        beside(database.listen(EXPORT_CHANNEL, watchers.notify)),
        serve_grpc(
            "127.0.0.1:0",
            verifier=TokenVerifier(KEYS.public_pem),
            health=Health(),
            register=register,
            grace_seconds=0.1,
        ) as port,
    ):
        client = GrpcClient(f"127.0.0.1:{port}", token="")
        yield Door(client, Shelves(progress, library, database, blobs), exports, shelf, clock)
        await client.close()
