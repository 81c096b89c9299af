"""The five services as data, and the environment each is started with: its own secrets, and nobody else's."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import deploy
from chassis.io.identity import ensure_key_pair, mint_token
from deploy.local.addresses import Address, AddressBook
from deploy.local.layout import DataDir, secret_file
from deploy.local.nats_permissions import inbox_prefix

__all__ = ["SERVICES", "Service", "ServiceEnvironment"]

_TOKEN_SECONDS = 400 * 86_400
_OF_ALERTS = ("HEIMDEX_ALERT_WEBHOOK_URL", "HEIMDEX_ALERT_WEBHOOK_SECRET")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of ours. Tests put small programs here that keep the same promises."""

    name: str
    """As in `python -m NAME`, in logs and in `LocalMesh.pids`."""
    argv: tuple[str, ...]
    prefix: str
    """Its variables are HEIMDEX_{prefix}_ADDR and HEIMDEX_{prefix}_METRICS_ADDR."""
    is_door: bool = False
    """Listens on HEIMDEX_HTTP_ADDR, tells its readiness there, and is stopped first."""
    database_role: str | None = None
    nats_user: str | None = None
    signs_media: bool = False
    """Knows the secret behind signed media addresses."""
    tells_of_alerts: bool = False
    """Knows who is told of alerts, and what signs it."""
    extra: tuple[tuple[str, str], ...] = ()
    """Variables of its own, unless the person at the keyboard has set them."""


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    # -P: what happens to lie in the working folder is not imported.
    return (sys.executable, "-P", "-m", name, *arguments)


SERVICES: tuple[Service, ...] = (
    Service(
        name="ingest_svc",
        argv=_module("ingest_svc"),
        prefix="INGEST",
        database_role="ingest",
        nats_user="ingest",
        signs_media=True,
    ),
    Service(
        name="inference_svc",
        argv=_module("inference_svc"),
        prefix="INFERENCE",
        nats_user="inference",
        # Pictures are scaled by small matrix products: a second thread of that library waits more than it works.
        extra=(("OPENBLAS_NUM_THREADS", "1"),),
    ),
    Service(
        name="index_svc",
        argv=_module("index_svc"),
        prefix="INDEX",
        nats_user="index",
        signs_media=True,
        # Vector searches are small: threads of a numeric library only fight over the cores (23 against 12 ms of CPU).
        extra=(("OPENBLAS_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1")),
    ),
    Service(
        name="metrics_svc",
        argv=_module("metrics_svc"),
        prefix="METRICS",
        database_role="metrics",
        nats_user="metrics",
        tells_of_alerts=True,
    ),
    Service(
        name="gateway",
        argv=_module("gateway", "--json-names", "proto", "--json-defaults", "print"),
        prefix="GATEWAY",
        is_door=True,
        signs_media=True,
    ),
)


class ServiceEnvironment:
    """Builds the environment of a service; equal calls give equal answers unless an address was chosen again."""

    def __init__(self, folders: DataDir, book: AddressBook, inherited: Mapping[str, str]) -> None:
        self._folders = folders
        self._book = book
        self._private_pem = ensure_key_pair(folders.keys).private_pem
        self._media_secret = secret_file(folders.keys / "media.secret")
        self._tokens: dict[str, str] = {}
        self._of_alerts = {name: inherited[name] for name in _OF_ALERTS if name in inherited}
        self._common = {
            **_without_secrets(inherited),
            "HEIMDEX_DATA_DIR": str(folders.root),
            "HEIMDEX_AUTH_PUBLIC_KEY_FILE": str(folders.keys / "public.pem"),
            "HEIMDEX_BLOB_URL": inherited.get("HEIMDEX_BLOB_URL") or str(folders.blobs),
            "HEIMDEX_MILVUS_URI": inherited.get("HEIMDEX_MILVUS_URI") or str(folders.milvus / "moments.db"),
            "HEIMDEX_MODEL_CACHE_DIR": inherited.get("HEIMDEX_MODEL_CACHE_DIR") or str(folders.models),
            "PYTHONPATH": _import_roots(inherited.get("PYTHONPATH", "")),
            "HEIMDEX_SCRATCH_DIR": inherited.get("HEIMDEX_SCRATCH_DIR") or str(folders.root / "scratch"),
            "PYTHONUNBUFFERED": "1",
            **_descriptor_set(inherited),
        }

    def of(self, service: Service, *, database_url: str | None, nats_url: str | None) -> dict[str, str]:
        """Return the whole environment of a service."""
        environment = {**self._common, **{name: str(address) for name, address in self._addresses().items()}}
        for name, value in service.extra:
            environment.setdefault(name, value)
        environment["HEIMDEX_SERVICE_TOKEN"] = self._token(service.name)
        if database_url is not None and service.database_role is not None:
            environment["HEIMDEX_DATABASE_URL"] = database_url
        if nats_url is not None and service.nats_user is not None:
            environment["HEIMDEX_NATS_URL"] = nats_url
            environment["HEIMDEX_NATS_INBOX_PREFIX"] = inbox_prefix(service.nats_user)
        if service.signs_media:
            environment["HEIMDEX_MEDIA_SECRET"] = self._media_secret
        if service.tells_of_alerts:
            environment |= self._of_alerts
        return environment

    def _addresses(self) -> dict[str, Address]:
        return {name: address for name, address in self._book.items() if name.startswith("HEIMDEX_")}

    def _token(self, service: str) -> str:
        if service not in self._tokens:
            self._tokens[service] = mint_token(
                self._private_pem, subject=service, service=service, ttl_seconds=_TOKEN_SECONDS
            )
        return self._tokens[service]


def _without_secrets(inherited: Mapping[str, str]) -> dict[str, str]:
    ours = {
        "HEIMDEX_DATABASE_URL",
        "HEIMDEX_NATS_URL",
        "HEIMDEX_MEDIA_SECRET",
        "HEIMDEX_SERVICE_TOKEN",
        "HEIMDEX_TOKEN",
        *_OF_ALERTS,
    }
    return {name: value for name, value in inherited.items() if name not in ours}


def _import_roots(inherited: str) -> str:
    roots = [str(Path(deploy.__path__[0]).parent), *(str(folder.parent) for folder in _generated_folders()), inherited]
    return os.pathsep.join(dict.fromkeys(root for root in roots if root))


def _generated_folders() -> list[Path]:
    spec = importlib.util.find_spec("heimdex")
    return [Path(location) for location in (spec.submodule_search_locations or ())] if spec else []


def _descriptor_set(inherited: Mapping[str, str]) -> dict[str, str]:
    if chosen := inherited.get("HEIMDEX_DESCRIPTOR_SET"):
        return {"HEIMDEX_DESCRIPTOR_SET": chosen}
    found = [
        folder / "descriptors.binpb" for folder in _generated_folders() if (folder / "descriptors.binpb").is_file()
    ]
    return {"HEIMDEX_DESCRIPTOR_SET": str(found[0])} if found else {}
