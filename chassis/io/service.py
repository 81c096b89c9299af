"""The life of a service: open in order, say ready, work, and stop in one written order.

Stopping: readiness off; consumers stop fetching and finish what is in hand within the grace time; what is left is
cancelled, which gives its work back; servers and resources close in reverse order of opening.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from chassis.core.errors import HeimdexError
from chassis.io import logs, metrics
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier
from chassis.io.ops_server import serve_ops
from chassis.io.settings import Secret, load, setting

__all__ = ["ChassisSettings", "ServiceContext", "WorkerSettings", "run_service", "running_service"]

T = TypeVar("T")
_log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChassisSettings:
    """What every service is told."""

    nats_url: Secret = setting("HEIMDEX_NATS_URL", "message broker, nats://user:password@host:port")
    nats_inbox_prefix: str = setting(
        "HEIMDEX_NATS_INBOX_PREFIX", "subject prefix of this service's replies", default="_INBOX"
    )
    public_key_file: Path = setting("HEIMDEX_AUTH_PUBLIC_KEY_FILE", "PEM file that verifies tokens")
    service_token: Secret = setting(
        "HEIMDEX_SERVICE_TOKEN", "token by which other services know this one", default=Secret("")
    )
    admin_user_ids: tuple[str, ...] = setting(
        "HEIMDEX_ADMIN_USER_IDS", "users who are administrators, comma-separated", default=()
    )
    grpc_address: str = setting("HEIMDEX_{SERVICE}_ADDR", "host:port to serve gRPC on")
    ops_address: str = setting("HEIMDEX_{SERVICE}_METRICS_ADDR", "host:port to serve /metrics and /readyz on")
    log_level: str = setting("HEIMDEX_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", default="INFO")
    grace_seconds: float = setting(
        "HEIMDEX_GRACE_SECONDS", "seconds that work in hand may take to finish when stopping", default=3.0
    )
    reflect: bool = setting("HEIMDEX_REFLECTION", "whether gRPC reflection is served (development)", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(ChassisSettings):
    """What every service is told that does the work of a stage."""

    blob_url: str = setting("HEIMDEX_BLOB_URL", "object store: a folder, or an s3://, gs:// or az:// URL")


@dataclass(slots=True)
class ServiceContext:
    """What `build` uses to put a service together."""

    name: str
    settings: ChassisSettings
    health: Health = field(default_factory=Health)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _workers: list[asyncio.Task[None]] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _failed: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource; it is closed after everything opened later."""
        return await self.stack.enter_async_context(resource)

    def verifier(self) -> TokenVerifier:
        """Return the verifier of bearer tokens."""
        return TokenVerifier(self.settings.public_key_file.read_bytes(), admin_user_ids=self.settings.admin_user_ids)

    def spawn_worker(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that ends by itself soon after `stopping` is set."""
        self._workers.append(self._spawn(work))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that is cancelled once the workers have ended."""
        self._tasks.append(self._spawn(work))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._notice)
        return task

    def _notice(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a long-lived task has died; the service stops", exc_info=error)
            self._failed.set()
            self.stopping.set()

    async def drain(self) -> None:
        """Stop everything that was spawned, in order."""
        self.health.mark_stopping()
        self.stopping.set()
        if self._workers:
            await asyncio.wait(self._workers, timeout=self.settings.grace_seconds)
        for group in (self._workers, self._tasks):
            for task in group:
                task.cancel()
            await asyncio.gather(*group, return_exceptions=True)

    @property
    def has_failed(self) -> bool:
        """Whether a long-lived task died."""
        return self._failed.is_set()


Build = Callable[[ServiceContext], Awaitable[None]]


@asynccontextmanager
async def running_service(name: str, settings: ChassisSettings, build: Build) -> AsyncIterator[ServiceContext]:
    """Run a service while the block runs; `build` opens its resources and spawns its work."""
    context = ServiceContext(name, settings)
    async with context.stack:
        await context.enter(serve_ops(settings.ops_address, context.health))
        context.spawn(metrics.measure_loop_lag())
        try:
            await build(context)
            context.health.mark_started()
            _log.info("the service is ready", grpc_address=settings.grpc_address)
            yield context
        finally:
            await context.drain()


async def _main(name: str, settings: ChassisSettings, build: Build) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    starting = loop.create_task(_serve(name, settings, build, stop))
    stopped = loop.create_task(stop.wait())
    await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        await asyncio.wait((starting,), timeout=settings.grace_seconds + 5.0)
    if not starting.done():
        starting.cancel()
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    return await starting


async def _serve(name: str, settings: ChassisSettings, build: Build, stop: asyncio.Event) -> int:
    async with running_service(name, settings, build) as context:
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, context.stopping)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        _log.info("the service is stopping")
    return 1 if context.has_failed else 0


def run_service(name: str, settings_class: type[ChassisSettings], build: Build) -> None:
    """Run a service until SIGTERM or SIGINT and exit: 0 after a stop, 1 after a failure, 2 for wrong settings."""
    try:
        settings = load(settings_class, service=name.removesuffix("_svc"))
    except HeimdexError as error:
        sys.stderr.write(f"{name}: {error.message}\n")
        sys.exit(2)
    logs.configure(name, level=settings.log_level)
    try:
        sys.exit(uvloop.run(_main(name, settings, build)))
    except HeimdexError as error:
        _log.error("the service could not go on", exc_info=error, reason=error.reason)
        sys.exit(1)
