"""PostgreSQL 18 from its wheel: one cluster, one database, one role per service that keeps rows.

This is the one file under deploy/ that speaks asyncpg: roles and schemas must exist before any service can log in, so
no service can make them.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg

from deploy.local.addresses import Address
from deploy.local.binaries import postgres_folder
from deploy.local.errors import MeshError
from deploy.local.layout import DataDir, secret_file
from deploy.local.privilege import prepare_for, privilege_for_postgres
from deploy.local.process import Launch, run_to_end

__all__ = ["DATABASE", "READER", "ROLES", "SUPERUSER", "Postgres"]

DATABASE = "heimdex"
SUPERUSER = "postgres"
ROLES = ("ingest", "metrics")
"""Each owns the schema of its name and sees no other: what metrics_svc may not read (R-AD2-09) it cannot."""
READER = "metrics_reader"
"""For people and tools that look at numbers: may call the aggregates that schema metrics offers, and read no row."""

_SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "max_connections": "60",
    "wal_level": "replica",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "min_wal_size": "80MB",
    "checkpoint_timeout": "10min",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "posix",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "30",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "cluster_name": "heimdex",
}
_OLD_SERVER_SECONDS = 10.0


class Postgres:
    """The cluster under `DataDir.postgres`; `address` is asked anew each time, for it may be chosen again."""

    def __init__(self, folders: DataDir, address: Callable[[], Address]) -> None:
        self.address = address
        self.data = folders.postgres
        self._keys = folders.keys

    def url(self, role: str) -> str:
        """Return the DSN of a role, password included. Roles: ROLES, READER and SUPERUSER."""
        return f"postgresql://{role}:{quote(self._password(role))}@{self.address()}/{DATABASE}"

    async def prepare(self) -> None:
        """Make the cluster when there is none, and clear what a crash left behind.

        Raises:
            MeshError: if initdb fails (its words are in the message), or an older server does not let go of the data.
        """
        privilege = await asyncio.to_thread(privilege_for_postgres)
        await asyncio.to_thread(prepare_for, privilege, data=self.data, program=postgres_folder() / "postgres")
        if not self.data.exists():
            await self._initialise()
        await self._outwait_old_server()

    def launch(self) -> Launch:
        """Say how to start the server: our settings win over those in the cluster's own file."""
        options = {**_SETTINGS, "listen_addresses": self.address().host, "port": str(self.address().port)}
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        program = postgres_folder() / "postgres"
        argv = (str(program), "-D", str(self.data), *flags)
        return Launch(argv, _environment(), self.data, privilege_for_postgres())

    async def provision(self) -> None:
        """Create database, roles and schemas that are missing, and set every password anew. Idempotent.

        Raises:
            MeshError: if the server refuses us.
        """
        try:
            await self._create_database()
            connection = await self._connect(DATABASE)
            try:
                async with connection.transaction():
                    for statement in self._grants():
                        await connection.execute(statement)
            finally:
                await connection.close()
        except (asyncpg.PostgresError, OSError) as failure:
            raise MeshError(f"PostgreSQL at {self.address()} refused to be set up: {failure}") from failure

    async def _create_database(self) -> None:
        connection = await self._connect(SUPERUSER)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                # STRATEGY file_copy would checkpoint twice; the default copies through WAL and is faster when small.
                await connection.execute(f"CREATE DATABASE {DATABASE}")
            existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
            for role in (*ROLES, READER):
                verb = "ALTER" if role in existing else "CREATE"
                # Our own base64url text: nothing in it needs quoting, and DDL takes no parameters.
                await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD '{self._password(role)}'")
        finally:
            await connection.close()

    def _grants(self) -> list[str]:
        statements = [
            f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        ]
        for role in ROLES:
            statements += [
                f"GRANT CONNECT ON DATABASE {DATABASE} TO {role}",
                f"REVOKE CREATE ON DATABASE {DATABASE} FROM {role}",
                f"CREATE SCHEMA IF NOT EXISTS {role} AUTHORIZATION {role}",
                f"ALTER ROLE {role} IN DATABASE {DATABASE} SET search_path = {role}",
            ]
        # What else it may do is for the owner of schema metrics to say: metrics.let_readers_in().
        return [*statements, f"GRANT CONNECT ON DATABASE {DATABASE} TO {READER}"]

    async def _connect(self, database: str) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            host=self.address().host,
            port=self.address().port,
            user=SUPERUSER,
            password=self._password(SUPERUSER),
            database=database,
            ssl=False,
            timeout=10,
        )

    async def _initialise(self) -> None:
        """Run initdb into a neighbour folder and rename it: a cluster exists whole, or not at all."""
        privilege = privilege_for_postgres()
        unfinished = self.data.with_name("postgres.unfinished")
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = unfinished.with_name("postgres.pw")
        password_file.write_text(self._password(SUPERUSER), encoding="ascii")
        password_file.chmod(0o600)
        try:
            program = postgres_folder() / "initdb"
            prepare_for(privilege, data=unfinished, program=program)
            prepare_for(privilege, data=password_file, program=program)
            code, written = await run_to_end(
                Launch((str(program), *_initdb_flags(unfinished, password_file)), _environment(), unfinished, privilege)
            )
        finally:
            password_file.unlink()
        if code != 0:
            raise MeshError(f"initdb ended with exit status {code}:\n{written.strip()[-2000:]}")
        unfinished.rename(self.data)

    async def _outwait_old_server(self) -> None:
        """See a server of a launcher that was killed to its end, and drop a pid file whose process is another's.

        PostgreSQL itself only asks whether the pid lives, and after a reboot any program may have it.
        """
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + _OLD_SERVER_SECONDS
        while (pid := _old_server(pid_file, self.data)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
            if time.monotonic() >= deadline:
                raise MeshError(f"an older PostgreSQL (pid {pid}) still holds {self.data}")
            await asyncio.sleep(0.05)
        pid_file.unlink(missing_ok=True)

    def _password(self, role: str) -> str:
        return secret_file(self._keys / f"postgres-{role}.password")


def _initdb_flags(data: Path, password_file: Path) -> tuple[str, ...]:
    return (
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    )


def _old_server(pid_file: Path, data: Path) -> int | None:
    """Return the pid in the file if that process is a PostgreSQL whose working folder is this cluster."""
    try:
        pid = int(pid_file.read_text(encoding="utf-8").splitlines()[0])
        process = Path(f"/proc/{pid}")
        if not process.parent.is_dir() or not Path("/proc/self").exists():
            return None
        is_ours = (process / "cwd").samefile(data) and "postgres" in (process / "comm").read_text(encoding="utf-8")
    except (OSError, ValueError, IndexError):
        return None
    return pid if is_ours else None


def _environment() -> dict[str, str]:
    """Nothing of the caller's: PGPORT, PGDATA or a locale of theirs would change what the server does."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
