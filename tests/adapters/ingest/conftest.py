"""ingest_svc's parts on a real database, a real broker and a real folder."""

from datetime import timedelta

import pytest

from chassis.io.blobs import BlobStore
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier
from chassis.io.jetstream import Bus
from chassis.io.postgres import Database
from heimdex.ingest.v1 import video_service_pb2_grpc
from ingest_svc.adapters.index_client import IndexClient
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.deletion import Deletion
from ingest_svc.grpc_api import VideoApi
from ingest_svc.uploads import Uploads
from ingest_svc.watchers import Watchers
from ingest_svc.work_codec import encode_outgoing
from tests.support.ingest_lab import T0
from tests.support.video_door import KEYS, Door


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = T0

    def now(self):
        return self.at

    def monotonic_ns(self):
        return int(self.at.timestamp() * 1e9)

    def forward(self, seconds):
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def database(new_database):
    async with Database.open(await new_database("ingest_svc", "ingest"), max_connections=6) as database:
        yield database


@pytest.fixture
def progress(database):
    return ProgressStore(database, encode_outgoing)


@pytest.fixture
def library(database):
    return LibraryStore(database)


@pytest.fixture
async def bus(bus_url):
    async with Bus.open(bus_url, name="test") as bus:
        yield bus


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(str(tmp_path / "blobs"))


@pytest.fixture
async def door(blobs, progress, library, clock):
    nobody = GrpcClient("127.0.0.1:1", token="")  # the index is down
    watchers = Watchers()
    api = VideoApi(
        library=library,
        progress=progress,
        uploads=Uploads(blobs, progress, clock, max_bytes=1 << 20, report=lambda _message: None),
        deletion=Deletion(library, blobs, IndexClient(nobody), clock),
        watchers=watchers,
        clock=clock,
        media_secret="secret",
    )
    api.watchers = watchers

    def register(server):
        video_service_pb2_grpc.add_VideoServiceServicer_to_server(api, server)
        return ("heimdex.ingest.v1.VideoService",)

    async with serve_grpc(
        "127.0.0.1:0", verifier=TokenVerifier(KEYS.public_pem), health=Health(), register=register, grace_seconds=0.1
    ) as port:
        client = GrpcClient(f"127.0.0.1:{port}", token="")
        yield Door(client, api)
        await client.close()
    await nobody.close()
