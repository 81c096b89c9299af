"""Starting a local mesh that outlives the command that started it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from client.api import HeimdexClient
from client.errors import ClientError, MeshNotReachable
from client.mesh import Launcher, find_launcher

__all__ = ["start_detached"]

_READY_WITHIN_SECONDS = 180.0
_LOOK_EVERY_SECONDS = 0.1
_QUOTED_LINES = 12


def start_detached(data_dir: Path, environ: Mapping[str, str], screen: Console) -> Launcher:
    """Start a mesh on a data folder in a session of its own and return once it is ready; seconds.

    What it writes goes to `run/launcher.log`. If the person gives up waiting, or it never becomes ready, it is stopped.

    Raises:
        ClientError: it ended, or was not ready in time; the end of its log is in the message.
    """
    log = data_dir / "run" / "launcher.log"
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local"],
                env={**environ, "HEIMDEX_DATA_DIR": str(data_dir)},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ClientError(f"{log.parent} can not be written ({error.strerror}); set HEIMDEX_DATA_DIR") from error
    with screen.status("starting the mesh on this machine"), _stopped_unless_ready(process):
        return _wait_ready(process, data_dir, log, begin)


@contextlib.contextmanager
def _stopped_unless_ready(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.terminate()  # the launcher takes its children along
        raise


def _wait_ready(process: "subprocess.Popen[bytes]", data_dir: Path, log: Path, begin: int) -> Launcher:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ClientError(f"the mesh did not start: {_last_words(log, begin)}")
        launcher = find_launcher(data_dir)
        if launcher is not None and launcher.pid == process.pid and _is_ready(launcher.url):
            return launcher
        time.sleep(_LOOK_EVERY_SECONDS)
    raise ClientError(f"the mesh was not ready after {_READY_WITHIN_SECONDS:.0f} s: {_last_words(log, begin)}")


def _is_ready(url: str) -> bool:
    with HeimdexClient(url, timeout_seconds=2.0) as client:
        try:
            return client.readiness()[0]
        except MeshNotReachable:
            return False


def _last_words(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(min(begin, os.fstat(file.fileno()).st_size))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return "\n".join(lines[-_QUOTED_LINES:]) or f"it said nothing; see {log}"
