"""SearchHistoryService of metrics_svc over gRPC on a database that a test owns.

searched(database, *events)     keep searches as the intake does
search_history(database)        serve it while the block runs; yields the port
SERVICE, USERS                  tokens of ingest_svc, and of a user and an administrator
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, generate_key_pair, mint_token
from chassis.io.postgres import Database
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.adapters.library_store import PostgresLibraryStore
from metrics_svc.grpc_api.search_history import SearchHistoryApi, register_search_history
from tests.support.library_lab import samples

__all__ = ["SERVICE", "USERS", "search_history", "searched"]

_KEYS = generate_key_pair()
SERVICE = mint_token(_KEYS.private_pem, subject="ingest_svc", service="ingest_svc")
USERS = [mint_token(_KEYS.private_pem, subject="ada", is_admin=admin) for admin in (False, True)]


async def searched(database: Database, *events: Message, now: Any) -> None:
    """Keep searches as the intake does."""
    await PostgresEventStore(database).add(samples(*events, now=now))


@asynccontextmanager
async def search_history(database: Database) -> AsyncIterator[int]:
    """Serve it and yield the port."""
    servicer = SearchHistoryApi(PostgresLibraryStore(database))

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        return register_search_history(server, servicer)

    verifier = TokenVerifier(_KEYS.public_pem)
    async with serve_grpc(
        "127.0.0.1:0", verifier=verifier, health=Health(), register=register, grace_seconds=0.1
    ) as port:
        yield port
