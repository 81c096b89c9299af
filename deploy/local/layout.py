"""The data folder: who may be in it (one launcher), what lies where, and how small files are written into it."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import DataDirInUse

__all__ = ["DataDir", "secret_file", "write_atomically"]

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataDir:
    """Paths under HEIMDEX_DATA_DIR; every folder is private to its owner (mode 0700)."""

    root: Path

    @property
    def postgres(self) -> Path:
        """The PostgreSQL cluster."""
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        """The JetStream store."""
        return self.root / "nats"

    @property
    def blobs(self) -> Path:
        """Objects: sources, keyframes, results."""
        return self.root / "blobs"

    @property
    def milvus(self) -> Path:
        """The vector index; opened by index_svc alone."""
        return self.root / "milvus"

    @property
    def models(self) -> Path:
        """Downloaded weights."""
        return self.root / "models"

    @property
    def keys(self) -> Path:
        """Signing key, passwords."""
        return self.root / "keys"

    @property
    def run(self) -> Path:
        """What belongs to the running mesh: mesh.json, lock, generated configuration."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.run / "logs"

    @property
    def mesh_file(self) -> Path:
        """Where a running mesh says its addresses; absent while none runs (or stale after a kill)."""
        return self.run / "mesh.json"

    @property
    def targets_file(self) -> Path:
        """Where a running mesh says what Prometheus can scrape (file_sd)."""
        return self.run / "prometheus_targets.json"

    def create(self) -> None:
        """Make every folder that is missing. PostgreSQL's is made by initdb."""
        folders = (self.root, self.nats, self.blobs, self.milvus, self.models, self.keys, self.run, self.logs)
        for folder in folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this launcher; the kernel lets go of it however we end.

        Raises:
            DataDirInUse: if another launcher holds it; the message names its pid.
        """
        descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as held:
                pid = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
                raise DataDirInUse(
                    f"the data folder {self.root} is in use by the mesh with pid {pid}; "
                    "stop that one, or set HEIMDEX_DATA_DIR to another folder"
                ) from held
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
            yield
        finally:
            os.close(descriptor)


def secret_file(path: Path) -> str:
    """Return the secret kept in a file (mode 0600), making a random one of 256 bits when there is none yet."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    write_atomically(path, secret.encode("ascii"))
    return secret


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, and never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
