"""PostgreSQL: a pool that survives a restart of the server, transactions, named statements, notifications."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any, Protocol

import asyncpg

from chassis.core.errors import (
    Corruption,
    DeadlineExceeded,
    HeimdexError,
    InvalidInput,
    StaleWrite,
    UpstreamUnavailable,
)
from chassis.io import logs

__all__ = ["Connection", "Database", "Row", "load_queries", "record_value", "translate"]

Connection = asyncpg.pool.PoolConnectionProxy
_log = logs.get_logger(__name__)
_NAME = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)
_RETRY_SECONDS = 0.2


def load_queries(package: str, file: str = "sql/queries.sql") -> Mapping[str, str]:
    """Read the named statements of a service: `-- name: x`, a sentence as a comment, the statement.

    Raises:
        ValueError: a name stands twice.
    """
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    names = pieces[::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a statement of {package} is named twice")
    return dict(zip(names, (body.strip() for body in pieces[1::2]), strict=True))


def translate(error: Exception) -> HeimdexError:
    """Turn what the driver raises into one of ours."""
    if isinstance(error, asyncpg.SerializationError | asyncpg.DeadlockDetectedError):
        return StaleWrite("another transaction was faster")
    if isinstance(error, asyncpg.QueryCanceledError | TimeoutError):
        return DeadlineExceeded("the database did not answer in time", reason="DATABASE_TIMEOUT")
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return Corruption(
            "a rule of the database was broken",
            reason="CONSTRAINT",
            metadata={"constraint": str(getattr(error, "constraint_name", ""))},
        )
    if isinstance(error, asyncpg.CharacterNotInRepertoireError | asyncpg.UntranslatableCharacterError):
        return InvalidInput("a value holds the character NUL", reason="INVALID_CHARACTER")
    return UpstreamUnavailable("the database does not answer", reason="DATABASE_UNAVAILABLE")


_TRANSLATED = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
)


class Database:
    """One pool to one database."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, max_connections: int = 8, wait_seconds: float = 30.0) -> AsyncIterator["Database"]:
        """Open a pool, waiting up to `wait_seconds` for the server.

        Raises:
            UpstreamUnavailable: it did not come.
        """
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            try:
                pool = await asyncpg.create_pool(
                    dsn,
                    min_size=1,
                    max_size=max_connections,
                    command_timeout=30.0,
                    timeout=5.0,
                    server_settings={"timezone": "UTC", "jit": "off"},
                )
                break
            except _TRANSLATED as error:
                if asyncio.get_running_loop().time() >= deadline:
                    raise translate(error) from error
                await asyncio.sleep(_RETRY_SECONDS)
        try:
            yield cls(pool, dsn)
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(pool.close(), 3.0)
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; each statement is a transaction of its own.

        Raises:
            HeimdexError: as `translate` says.
        """
        try:
            async with self._pool.acquire(timeout=10.0) as connection:
                yield connection
        except _TRANSLATED as error:
            raise translate(error) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that is committed when the block ends without an error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def ping(self) -> None:
        """Raise unless the server answers."""
        async with self.connection() as connection:
            await connection.fetchval("SELECT 1")

    async def listen(self, channel: str, on_notify: Callable[[str], None]) -> None:
        """Call `on_notify(payload)` for every notification until cancelled; reconnects for ever.

        `on_notify("")` is called after each (re)connect, since something may have been missed in between.
        """
        while True:
            closed = asyncio.Event()
            connection: asyncpg.Connection[asyncpg.Record] | None = None
            try:
                connection = await asyncpg.connect(self._dsn, timeout=5.0)
                connection.add_termination_listener(lambda _connection, event=closed: event.set())
                await connection.add_listener(channel, lambda *args: on_notify(str(args[3])))
                on_notify("")
                await closed.wait()
            except _TRANSLATED:
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                if connection is not None and not connection.is_closed():
                    connection.terminate()


class Row(Protocol):
    """A row of an answer, by column."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column."""
        ...


def record_value(record: Row, name: str) -> Any:
    """Return a column.

    Raises:
        Corruption: the statement did not bring it; the message names it.
    """
    try:
        return record[name]
    except KeyError as error:
        raise Corruption(f"the database answered without column {name}", reason="MISSING_COLUMN") from error
