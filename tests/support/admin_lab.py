"""metrics_svc and a gateway in front of it, in this process, asked through HTTP by an administrator."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from chassis.io.identity import generate_key_pair, mint_token
from chassis.io.postgres import Database
from chassis.io.service import running_service
from chassis.io.settings import Secret
from deploy.local.addresses import free_address
from metrics_svc.app import build
from metrics_svc.settings import Settings
from tests.support.gateway_lab import ROOT, serving

__all__ = ["ADMIN", "DESCRIPTORS", "USER", "AdminLab", "admin_lab", "golden"]

DESCRIPTORS = ROOT / "gen/heimdex/descriptors.binpb"
GOLDEN = ROOT / "tests/golden/metrics"
_KEYS = generate_key_pair()
ADMIN = mint_token(_KEYS.private_pem, subject="ada", is_admin=True)
USER = mint_token(_KEYS.private_pem, subject="ursula")


@dataclass(frozen=True)
class AdminLab:
    """`http` asks as an administrator; `database` is that of the service."""

    http: httpx.AsyncClient
    database: Database


@asynccontextmanager
async def admin_lab(folder: Path, database_url: str, bus_url: str, **gateway: Any) -> AsyncIterator[AdminLab]:
    """Run both until the block ends; `gateway` are more settings of the gateway."""
    key = folder / "public.pem"
    key.write_bytes(_KEYS.public_pem)
    settings = Settings(
        nats_url=Secret(bus_url),
        public_key_file=key,
        grpc_address=str(free_address()),
        ops_address=str(free_address()),
        database_url=Secret(database_url),
        intake_slots=2,
    )
    async with (
        running_service("metrics_svc", settings, build),
        serving(DESCRIPTORS, settings.grpc_address, proto_names=True, **gateway) as url,
        httpx.AsyncClient(base_url=url, timeout=30, headers={"Authorization": f"Bearer {ADMIN}"}) as http,
        Database.open(database_url, max_connections=2) as database,
    ):
        yield AdminLab(http, database)


def golden(name: str, value: Any) -> Any:
    """Return what tests/golden/metrics holds under a name; with HEIMDEX_WRITE_GOLDEN set it is written first."""
    path = GOLDEN / f"{name}.json"
    if os.environ.get("HEIMDEX_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))
