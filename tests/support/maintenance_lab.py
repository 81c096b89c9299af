"""MaintenanceService over gRPC on a database that a test owns.

maintenance(database)   serve it while the block runs; yields how to call it, as a service unless a token is given
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from chassis.core.clock import SystemClock
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, generate_key_pair, mint_token
from chassis.io.postgres import Database
from heimdex.ingest.v1 import maintenance_service_pb2 as api
from heimdex.ingest.v1 import maintenance_service_pb2_grpc
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.adapters.backfill_store import BackfillStore
from ingest_svc.maintenance import MaintenanceApi

__all__ = ["USERS", "Call", "counts", "maintenance", "page", "run_events", "sent"]

Call = Callable[..., Awaitable[Any]]
_KEYS = generate_key_pair()
_SERVICE = mint_token(_KEYS.private_pem, subject="metrics_svc", service="metrics_svc")
USERS = [mint_token(_KEYS.private_pem, subject="ada", is_admin=admin) for admin in (False, True)]
"""Tokens of a user and of an administrator."""


@asynccontextmanager
async def maintenance(database: Database) -> AsyncIterator[Call]:
    """Serve the service and yield how to call it."""
    servicer = MaintenanceApi(BackfillStore(database), SystemClock())

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        maintenance_service_pb2_grpc.add_MaintenanceServiceServicer_to_server(servicer, server)
        return ("heimdex.ingest.v1.MaintenanceService",)

    verifier = TokenVerifier(_KEYS.public_pem)
    serving = serve_grpc("127.0.0.1:0", verifier=verifier, health=Health(), register=register, grace_seconds=0.1)
    async with serving as port:
        client = GrpcClient(f"127.0.0.1:{port}", token=_SERVICE)
        stub = client.stub(maintenance_service_pb2_grpc.MaintenanceServiceStub)

        async def call(request: Any, token: str = "") -> Any:
            name = type(request).__name__.removesuffix("Request")
            return await client.call(getattr(stub, name), request, timeout_seconds=10, token=token)

        yield call
        await client.close()


def page(after: str = "", *, size: int = 0, dry: bool = False, backfill: str = "bf_1") -> api.BackfillEndsRequest:
    """Ask for a page of a backfill."""
    return api.BackfillEndsRequest(backfill_id=backfill, after_video_id=after, page_size=size, dry_run=dry)


def counts(answer: api.BackfillEndsResponse) -> tuple[int, int, int, int, int]:
    """Return what became of the videos of a page: examined, changed, fine, unfinished, failed."""
    return answer.examined, answer.changed, answer.fine, answer.unfinished, answer.failed


async def sent(database: Database, kind: str) -> list[bytes]:
    """Return the messages of a kind in the outbox."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT payload FROM ingest.outbox WHERE message_type = $1 ORDER BY id", kind)
    return [row["payload"] for row in rows]


async def run_events(database: Database) -> list[stage_event_pb2.StageEvent]:
    """Return the stage events in the outbox."""
    return [stage_event_pb2.StageEvent.FromString(one) for one in await sent(database, "heimdex.metrics.v1.StageEvent")]
