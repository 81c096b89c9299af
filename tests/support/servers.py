"""Real PostgreSQL and NATS for tests: one pair per session, a fresh database and a clean broker per test.

servers        session: the running pair (`.database_url(role)`, `.nats_url(user)`)
new_database   call it with (package, schema): the URL of a database that a test owns, migrated, dropped afterwards
bus_url        the URL of the broker as `operator`, all streams gone
"""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import nats
import pytest

from chassis.io.migrate import migrate
from chassis.io.postgres import Database
from deploy.local import LocalServers, MeshSettings

__all__ = ["NewDatabase", "SharedServers", "bus_url", "new_database", "servers"]

NewDatabase = Callable[[str, str], Awaitable[str]]
_START_SECONDS = 90


class SharedServers:
    """LocalServers on an event loop in a thread of its own, since each test has another loop."""

    def __init__(self, folder: Path) -> None:
        self._ready: Future[LocalServers] = Future()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(folder)), name="servers of the tests")
        self._thread.start()
        self._running = self._ready.result(_START_SECONDS)
        self.templates: dict[tuple[str, str], str] = {}

    def database_url(self, role: str = "postgres", *, database: str | None = None) -> str:
        """Return the URL of a role: `postgres` (superuser), `ingest`, `metrics`; of another database if named."""
        parts = urlsplit(self._running.database_url(role))
        return urlunsplit(parts._replace(path=f"/{database}")) if database else urlunsplit(parts)

    def nats_url(self, user: str = "operator") -> str:
        """Return the URL of a NATS user: a service's context, or `operator`, who may do everything."""
        return self._running.nats_url(user)

    def close(self) -> None:
        """Stop both servers."""
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self, folder: Path) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with LocalServers(MeshSettings(data_dir=folder)) as running:
                self._ready.set_result(running)
                await self._stop.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServers]:
    shared = SharedServers(tmp_path_factory.mktemp("servers"))
    try:
        yield shared
    finally:
        shared.close()


@pytest.fixture
async def new_database(servers: SharedServers) -> AsyncIterator[NewDatabase]:
    made: list[str] = []
    admin = await asyncpg.connect(servers.database_url())

    async def make(package: str, schema: str) -> str:
        template = await _template(admin, servers, package, schema)
        name = f"test_{secrets.token_hex(6)}"
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return servers.database_url(database=name)

    try:
        yield make
    finally:
        for name in made:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture
async def bus_url(servers: SharedServers) -> str:
    client = await nats.connect(servers.nats_url())
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        await jetstream.delete_stream(str(stream.config.name))
    await client.close()
    return servers.nats_url()


async def _template(
    admin: "asyncpg.Connection[asyncpg.Record]", servers: SharedServers, package: str, schema: str
) -> str:
    """Return a migrated database that nobody is connected to, made at the first call for this schema."""
    if (package, schema) not in servers.templates:
        name = f"template_{schema}"
        with contextlib.suppress(asyncpg.InvalidCatalogNameError):
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {name}")
        async with Database.open(servers.database_url(database=name), max_connections=1) as database:
            await migrate(database, package=package, schema=schema)
        servers.templates[package, schema] = name
    return servers.templates[package, schema]
