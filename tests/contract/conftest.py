import pytest

from chassis.io.postgres import Database
from tools.dump_schema import SCHEMAS


@pytest.fixture(params=SCHEMAS)
async def database(request, new_database):
    """The migrated database of each service."""
    url = await new_database(request.param, SCHEMAS[request.param])
    async with Database.open(url, max_connections=4) as database:
        database.package, database.schema = request.param, SCHEMAS[request.param]
        yield database
