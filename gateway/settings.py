"""Settings of the gateway: flags win over environment variables, which win over defaults; faults come all at once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis.io.settings import Secret

__all__ = ["Address", "Settings", "SettingsError", "read_settings"]

_MESH_PACKAGES = {
    "heimdex.ingest.v1": "HEIMDEX_INGEST_ADDR",
    "heimdex.inference.v1": "HEIMDEX_INFERENCE_ADDR",
    "heimdex.index.v1": "HEIMDEX_INDEX_ADDR",
    "heimdex.metrics.v1": "HEIMDEX_METRICS_ADDR",
}
_DEFAULT_LISTEN = "127.0.0.1:8080"
_MAX_PORT = 65535
_NAME_STYLES = ("proto", "camel")
_DEFAULT_STYLES = ("omit", "print")


class SettingsError(ValueError):
    """Settings are missing or malformed; the message lists every one."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the gateway is told.

    Attributes:
        descriptor_set: Serialised FileDescriptorSet.
        listen: Where HTTP is served.
        backend: host:port of packages without an entry in `backends`; None refuses them.
        backends: Package to host:port.
        proto_names: JSON prints proto field names, else lowerCamelCase.
        print_defaults: JSON also prints fields at their default that have no presence.
        max_body_bytes: Limit of a transcoded body.
        unary_timeout_seconds: Deadline of unary calls that bring none.
        grace_seconds: For requests in hand at the end.
        blob_url: Object store of /media; None leaves the route out.
        media_secret: Signs links of /media; None leaves the route out.
        log_level: DEBUG, INFO, WARNING or ERROR.
    """

    descriptor_set: Path
    listen: Address
    backend: str | None
    backends: tuple[tuple[str, str], ...]
    proto_names: bool = False
    print_defaults: bool = False
    max_body_bytes: int = 4 * 1024 * 1024
    unary_timeout_seconds: float = 30.0
    grace_seconds: float = 3.0
    blob_url: str | None = None
    media_secret: Secret | None = None
    log_level: str = "INFO"


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read flags and environment.

    Raises:
        SettingsError: With all faults.
    """
    flags = _parser().parse_args(arguments)
    faults: list[str] = []
    descriptor_set = flags.descriptor_set or environment.get("HEIMDEX_DESCRIPTOR_SET", "")
    if not descriptor_set:
        faults.append("--descriptor-set (HEIMDEX_DESCRIPTOR_SET) is missing")
    listen = flags.listen or environment.get("HEIMDEX_HTTP_ADDR") or _DEFAULT_LISTEN
    listen_address = _address("--listen (HEIMDEX_HTTP_ADDR)", listen, faults)
    backends = {package: environment[name] for package, name in _MESH_PACKAGES.items() if environment.get(name)}
    backends |= _routes(flags.route, faults)
    for name, value in [("--backend", flags.backend or ""), *backends.items()]:
        if value:
            _address(name, value, faults)
    if not flags.backend and not backends:
        faults.append("--backend or --route (HEIMDEX_INGEST_ADDR, ...) is missing: there is nobody to call")
    if faults or listen_address is None:
        raise SettingsError("\n".join(faults))
    secret = environment.get("HEIMDEX_MEDIA_SECRET")
    return Settings(
        descriptor_set=Path(descriptor_set),
        listen=listen_address,
        backend=flags.backend or None,
        backends=tuple(backends.items()),
        proto_names=flags.json_names == "proto",
        print_defaults=flags.json_defaults == "print",
        blob_url=environment.get("HEIMDEX_BLOB_URL") or None,
        media_secret=Secret(secret) if secret else None,
        log_level=environment.get("HEIMDEX_LOG_LEVEL") or "INFO",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description="HTTP/JSON in, gRPC out, from descriptors.")
    parser.add_argument("--descriptor-set", metavar="FILE", help="protoc --include_imports --descriptor_set_out=FILE")
    parser.add_argument("--backend", metavar="HOST:PORT", help="gRPC backend of all packages without a --route")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help=f"default {_DEFAULT_LISTEN}; port 0 lets the system choose"
    )
    parser.add_argument("--json-names", choices=_NAME_STYLES, default="camel", help="field names in answers")
    parser.add_argument("--json-defaults", choices=_DEFAULT_STYLES, default="omit", help="fields at their default")
    parser.add_argument(
        "--route",
        metavar="PACKAGE=HOST:PORT",
        action="append",
        default=[],
        help="backend of one package; may be repeated",
    )
    return parser


def _routes(values: Sequence[str], faults: list[str]) -> dict[str, str]:
    routes: dict[str, str] = {}
    for value in values:
        package, equals, address = value.partition("=")
        if not equals or not package or not address:
            faults.append(f"--route {value!r}: expected PACKAGE=HOST:PORT")
        routes[package] = address
    return routes


def _address(name: str, text: str, faults: list[str]) -> Address | None:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        faults.append(f"{name} {text!r}: expected HOST:PORT")
        return None
    return Address(host.strip("[]"), int(port))
