"""One connection to Milvus: a server by address, or Milvus Lite in this process over a private socket.

Milvus Lite listens without authentication, and on a TCP port every user of the machine could read every owner's
moments. So it is given a Unix socket in a folder that only this user can enter.
"""

import contextlib
import errno
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milvus_lite.adapter.grpc.server import start_server_in_thread
from milvus_lite.exceptions import DataDirLockedError
from milvus_lite.storage.manifest import Manifest
from pymilvus import MilvusClient
from pymilvus.exceptions import (
    ConnectError,
    ConnectionConfigException,
    ConnectionNotExistException,
    ErrorCode,
    MilvusException,
    MilvusUnavailableException,
    ParamError,
)

from chassis.core.errors import (
    Corruption,
    DeadlineExceeded,
    HeimdexError,
    InvalidInput,
    NotReady,
    Overloaded,
    UpstreamUnavailable,
)

__all__ = ["MilvusConnection", "connect", "is_local", "set_aside", "to_heimdex_error", "translated"]

_log = logging.getLogger(__name__)

_LONGEST_SOCKET_PATH_BYTES = 100
_STOP_GRACE_SECONDS = 5.0
_TIME_UP = ("deadline", "timeout", "timed out")
_BUSY_CODES = frozenset({ErrorCode.RATE_LIMIT, ErrorCode.FORCE_DENY})
_UNREACHABLE = (ConnectError, ConnectionNotExistException, MilvusUnavailableException, ConnectionConfigException)


def to_heimdex_error(error: Exception, doing: str) -> HeimdexError:
    """Return our error for one of Milvus, of Milvus Lite, or of the file system under it."""
    if isinstance(error, DataDirLockedError):
        return NotReady("Another process has the search index open.", reason="INDEX_LOCKED")
    if isinstance(error, ParamError):
        return InvalidInput(f"The search index refused to {doing}.", reason="INDEX_REFUSED")
    if isinstance(error, MilvusException):
        if error.code in _BUSY_CODES:
            return Overloaded(f"The search index is too busy to {doing}.", reason="INDEX_BUSY")
        if any(sign in str(error.message).lower() for sign in _TIME_UP):
            return DeadlineExceeded(f"The search index took too long to {doing}.", reason="INDEX_TIMEOUT")
        if isinstance(error, _UNREACHABLE):
            return UpstreamUnavailable("The search index can not be reached.", reason="INDEX_UNREACHABLE")
    return UpstreamUnavailable(f"The search index failed to {doing}.", reason="INDEX_FAILED")


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what Milvus raises inside the block into our errors; `doing` completes "failed to ..."."""
    try:
        yield
    except HeimdexError:
        raise
    # pymilvus lets errors of gRPC and of protobuf through, besides its own: whatever comes out here is the index
    # failing.
    except Exception as error:
        raise to_heimdex_error(error, doing) from error


@dataclass(slots=True)
class MilvusConnection:
    """An open client, and the embedded server behind it if there is one."""

    client: MilvusClient
    is_embedded: bool
    _server: Any = None
    _database: Any = None
    _socket_folder: Path | None = None

    def close(self) -> None:
        """Let go of everything. May be called twice."""
        with contextlib.suppress(MilvusException):
            self.client.close()
        if self._server is not None:
            self._server.stop(_STOP_GRACE_SECONDS).wait()
            self._database.close()
            self._server = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None


def is_local(uri: str) -> bool:
    """Tell whether a URI names a folder for Milvus Lite and not a server."""
    return "://" not in uri


def connect(uri: str, *, timeout_seconds: float, token: str = "") -> MilvusConnection:
    """Connect to a server, or start Milvus Lite on a folder, which is made if it is missing.

    Raises:
        NotReady: another process has the folder open.
        Corruption: the folder is damaged.
        UpstreamUnavailable: the server can not be reached, or the folder not be opened for a reason of the machine's.
    """
    _quiet_pymilvus()
    with translated("open"):
        if not is_local(uri):
            return MilvusConnection(MilvusClient(uri=uri, token=token, timeout=timeout_seconds), is_embedded=False)
        return _start_embedded(Path(uri), timeout_seconds)


def set_aside(folder: Path) -> Path:
    """Rename a damaged index out of the way and return where it is now; nothing is deleted."""
    target = folder.with_name(f"{folder.name}.damaged-{time.time_ns()}")
    folder.rename(target)
    _log.error("The search index was damaged and has been set aside; starting with an empty one.")
    return target


def _quiet_pymilvus() -> None:
    """Let the records of pymilvus go where all others go, not also to stderr in a form of its own."""
    logger = logging.getLogger("pymilvus")
    logger.handlers.clear()
    logger.propagate = True
    # Milvus Lite has no snapshot time for an iterator, which warns on every use; the counts it serves are allowed to
    # be old.
    logging.getLogger("pymilvus.client.iterator.query_iterator").setLevel(logging.ERROR)


def _check_files(folder: Path, database: Any) -> None:
    """See that every collection is whole, which Milvus Lite itself takes lightly.

    Where its manifest is damaged it goes on with the one before, and where a segment is gone it goes on without: both
    lose moments in silence. Called while the folder is locked.

    Raises:
        Corruption: a file is missing or can not be read.
        OSError: the machine is at fault and not the files (no space, no permission, too many open files).
    """
    try:
        for manifest_path in (folder / "collections").glob("*/manifest.json"):
            json.loads(manifest_path.read_bytes())
            manifest = Manifest.load(str(manifest_path.parent))
            for files in (manifest.get_all_data_files(), manifest.get_all_delta_files()):
                for partition, names in files.items():
                    for name in names:
                        (manifest_path.parent / "partitions" / partition / name).stat()
        for name in database.list_collections():
            database.get_collection(name)
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in {None, errno.ENOENT}:
            raise
        raise Corruption("The search index is damaged.", reason="INDEX_DAMAGED") from error


# pymilvus pings every 10 s; Milvus Lite takes that for an attack and closes the connection (too_many_pings).
_LOCAL_OPTIONS = {"grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": 0}


def _start_embedded(folder: Path, timeout_seconds: float) -> MilvusConnection:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    # A socket's path may have some 100 characters, a data folder's more.
    address = folder / "milvus.sock"
    sockets = None
    if len(os.fsencode(address)) > _LONGEST_SOCKET_PATH_BYTES:
        sockets = Path(tempfile.mkdtemp(prefix="heimdex-index-"))
        address = sockets / "milvus.sock"
    server = database = None
    try:
        server, database, _ = start_server_in_thread(data_dir=str(folder), host="unix", port=address)
        _check_files(folder, database)
        client = MilvusClient(uri=f"unix:{address}", timeout=timeout_seconds, grpc_options=_LOCAL_OPTIONS)
        return MilvusConnection(client, is_embedded=True, _server=server, _database=database, _socket_folder=sockets)
    except BaseException:
        if server is not None and database is not None:
            server.stop(None).wait()
            database.close()
        if sockets is not None:
            shutil.rmtree(sockets, ignore_errors=True)
        raise
