import pytest

from chassis.io.postgres import Database
from metrics_svc.adapters.event_store import PostgresEventStore


@pytest.fixture
async def database(new_database):
    async with Database.open(await new_database("metrics_svc", "metrics"), max_connections=4) as database:
        yield database


@pytest.fixture
def event_store(database):
    return PostgresEventStore(database)
