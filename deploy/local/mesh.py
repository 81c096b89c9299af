"""The whole embedded mesh, or only its servers, as one async context."""

import json
import os
import platform
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from deploy.local.addresses import AddressBook
from deploy.local.crew import Crew
from deploy.local.layout import DataDir, write_atomically
from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from deploy.local.process import Launch, ProcessSpec
from deploy.local.readiness import answer_probe, http_probe, nats_probe, postgres_probe
from deploy.local.services import SERVICES, Service, ServiceEnvironment
from deploy.local.settings import MeshSettings

__all__ = ["EventListener", "LocalMesh", "LocalServers"]

EventListener = Callable[[str, str, str], None]
"""Hears (process, what, detail): what is started, ready, died, stopping, stopped or gave_up."""


def _ignore(_name: str, _what: str, _detail: str) -> None:
    """Listen to nothing."""


_DOOR_RANK, _SERVICE_RANK, _NATS_RANK, _POSTGRES_RANK = range(4)


class LocalServers:
    """PostgreSQL and NATS under a data folder, supervised; what LocalMesh stands on, and enough for adapters' tests.

    `async with LocalServers(settings) as servers:` is ready when entered; leaving it stops both. Servers whose URL the
    settings give are not started.

    Raises (on entering):
        DataDirInUse: another launcher holds the folder.
        AddressTaken: a port asked for by number is in use.
        MeshFailed: a server kept dying, or was not ready in time.
    """

    def __init__(self, settings: MeshSettings, *, on_event: EventListener = _ignore) -> None:
        self.settings = settings
        self.folders = DataDir(settings.data_dir)
        self.book = AddressBook()
        self.started_at = datetime.now(UTC)
        self._on_event = on_event
        self._postgres = Postgres(self.folders, lambda: self.book["postgres"])
        self._nats = Nats(
            self.folders,
            lambda: self.book["nats"],
            lambda: self.book["nats_monitor"],
            server_name=f"heimdex-{secrets.token_hex(8)}",
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.folders.create()
            stack.enter_context(self.folders.lock())
            self._claim_addresses()
            logs = self.folders.logs
            self._crew = await stack.enter_async_context(Crew(logs, policy=self.settings.restarts, events=self._record))
            self._stack = stack
            await self._bring_up()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)

    def database_url(self, role: str) -> str:
        """Return the DSN of a role: `ingest`, `metrics`, or the superuser `postgres` of the embedded cluster."""
        return self.settings.database_url or self._postgres.url(role)

    def nats_url(self, user: str) -> str:
        """Return the NATS URL of a user: a service's context, or `operator`, who may do everything."""
        return self.settings.nats_url or self._nats.url(user)

    @property
    def pids(self) -> Mapping[str, int]:
        """Pid of every process that runs at this moment, by name."""
        return self._crew.pids

    async def wait_ready(self, name: str, *, within_seconds: float = 30.0) -> None:
        """Wait until the process of that name is ready (again).

        Raises:
            MeshFailed: if it is not within that time.
        """
        await self._crew.wait_ready([name], within_seconds=within_seconds)

    async def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Kill a process and wait until it is gone; return its pid. It is restarted: see `wait_ready`."""
        return await self._crew.members[name].kill(how)

    def kill_now(self) -> None:
        """SIGKILL every process at once, without an orderly stop."""
        self._crew.kill_now()

    def waiting_for(self) -> Mapping[str, str]:
        """Name what is not ready, each with its reason."""
        return {name: member.why_not_ready for name, member in self._crew.members.items() if not member.is_ready}

    def _claim_addresses(self) -> None:
        for name in ("postgres", "nats", "nats_monitor"):
            self.book.claim(name, None, "")

    async def _bring_up(self) -> None:
        specs = self._server_specs()
        self._crew.start(specs)
        await self._crew.wait_ready([spec.name for spec in specs], within_seconds=60)
        if self.settings.database_url is None:
            await self._postgres.provision()

    def _server_specs(self) -> list[ProcessSpec]:
        specs = []
        if self.settings.database_url is None:
            specs.append(
                ProcessSpec(
                    name="postgres",
                    launch=self._postgres.launch,
                    probe=postgres_probe(self.folders.postgres),
                    prepare=self._postgres.prepare,
                    repair=lambda: self.book.replace_lost("postgres"),
                    speaks_json=False,
                    stop_rank=_POSTGRES_RANK,
                    stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
                    hard_stop_signal=signal.SIGQUIT,
                    death_signal=signal.SIGQUIT,  # takes its own children along; recovery replays the log
                )
            )
        if self.settings.nats_url is None:
            specs.append(
                ProcessSpec(
                    name="nats",
                    launch=self._nats.launch,
                    probe=nats_probe(lambda: self.book["nats_monitor"], self._nats.server_name),
                    prepare=self._nats.prepare,
                    repair=lambda: self.book.replace_lost("nats", "nats_monitor"),
                    speaks_json=False,
                    stop_rank=_NATS_RANK,
                )
            )
        return specs

    def _record(self, name: str, what: str, pid: int | None, detail: str) -> None:
        line = {"at": datetime.now(UTC).isoformat(), "process": name, "event": what, "pid": pid, "detail": detail}
        with (self.folders.logs / "mesh.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._on_event(name, what, detail)


class LocalMesh(LocalServers):
    """The servers and all services, up to the HTTP door.

    `async with LocalMesh(settings) as mesh:` is ready when entered. Raises what LocalServers raises.
    """

    def __init__(
        self,
        settings: MeshSettings,
        *,
        services: Sequence[Service] = SERVICES,
        on_event: EventListener = _ignore,
    ) -> None:
        super().__init__(settings, on_event=on_event)
        self.services = tuple(services)
        self.ready_seconds = 0.0
        self._is_up = False

    @property
    def http_url(self) -> str:
        """Where the gateway answers."""
        return f"http://{self.book['HEIMDEX_HTTP_ADDR'].reachable}"

    def _claim_addresses(self) -> None:
        # What somebody asked for goes first, so that no port we choose can be one of those.
        variables = {"HEIMDEX_HTTP_ADDR": None, **dict.fromkeys(self._variables())}
        wanted = self.settings.addresses
        for variable in sorted(variables, key=lambda name: name not in wanted):
            self.book.claim(variable, wanted.get(variable), variable)
        super()._claim_addresses()

    def _variables(self) -> list[str]:
        own = [f"HEIMDEX_{service.prefix}_METRICS_ADDR" for service in self.services]
        return own + [f"HEIMDEX_{service.prefix}_ADDR" for service in self.services if not service.is_door]

    async def _bring_up(self) -> None:
        began = time.monotonic()
        await super()._bring_up()
        environment = ServiceEnvironment(self.folders, self.book, self.settings.environment)
        self._crew.start(self._service_spec(service, environment) for service in self.services)
        names = [service.name for service in self.services]
        await self._crew.wait_ready(names, within_seconds=self.settings.ready_within_seconds)
        self.ready_seconds = time.monotonic() - began
        self._is_up = True
        self._stack.callback(self.folders.mesh_file.unlink, missing_ok=True)
        self._stack.callback(self.folders.targets_file.unlink, missing_ok=True)
        self._write_mesh_file()

    def _service_spec(self, service: Service, environment: ServiceEnvironment) -> ProcessSpec:
        own = [f"HEIMDEX_{service.prefix}_METRICS_ADDR"]
        own.append("HEIMDEX_HTTP_ADDR" if service.is_door else f"HEIMDEX_{service.prefix}_ADDR")

        def launch() -> Launch:
            database_url = self.database_url(service.database_role) if service.database_role else None
            nats_url = self.nats_url(service.nats_user) if service.nats_user else None
            env = environment.of(service, database_url=database_url, nats_url=nats_url)
            return Launch(service.argv, env, self.folders.run)

        return ProcessSpec(
            name=service.name,
            launch=launch,
            probe=http_probe(lambda: self.book[own[service.is_door]].reachable, "/readyz"),
            is_alive=answer_probe(lambda: self.book[own[service.is_door]].reachable),
            repair=lambda: self.book.replace_lost(*own),
            stop_rank=_DOOR_RANK if service.is_door else _SERVICE_RANK,
        )

    def _record(self, name: str, what: str, pid: int | None, detail: str) -> None:
        super()._record(name, what, pid, detail)
        if self._is_up and what == "started":
            self._write_mesh_file()

    def _write_mesh_file(self) -> None:
        described = {
            "pid": os.getpid(),
            "http_url": self.http_url,
            "data_dir": str(self.folders.root),
            "started_at": self.started_at.isoformat(),
            "ready_seconds": round(self.ready_seconds, 3),
            "python": platform.python_version(),
            "addresses": {name: str(address) for name, address in self.book.items()},
            "processes": dict(self.pids),
        }
        write_atomically(self.folders.mesh_file, json.dumps(described, indent=2).encode("utf-8") + b"\n")
        write_atomically(
            self.folders.targets_file, json.dumps(self._scrape_targets(), indent=2).encode("utf-8") + b"\n"
        )

    def _scrape_targets(self) -> list[dict[str, object]]:
        """Where Prometheus finds the /metrics of every service, in the form of its file_sd."""
        return [
            {
                "targets": [str(self.book[_metrics_variable(service)].reachable)],
                "labels": {"job": service.name},
            }
            for service in self.services
        ]


def _metrics_variable(service: Service) -> str:
    """Name the address that shows a service's /metrics: the door shows its own beside everything else."""
    return "HEIMDEX_HTTP_ADDR" if service.is_door else f"HEIMDEX_{service.prefix}_METRICS_ADDR"
