"""ingest_svc's parts on a real database, a real broker and a real folder."""

from datetime import timedelta

import pytest

from chassis.io.blobs import BlobStore
from chassis.io.jetstream import Bus
from chassis.io.postgres import Database
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.work_codec import encode_outgoing
from tests.support.ingest_lab import T0


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
