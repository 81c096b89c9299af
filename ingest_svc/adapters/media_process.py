"""Processes that touch a stranger's media: how one is started, what it is charged, how it ends, what its death means.

This is the only place of the service where a process is started.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from chassis.core.errors import HeimdexError, UpstreamUnavailable
from chassis.io.cpu_clocks import process_cpu_ns
from chassis.io.logs import get_logger
from chassis.io.spending import current_spending
from ingest_svc.domain.media_failures import error_from_exit

__all__ = ["MediaProcess", "absolute", "charge", "death", "end", "environment", "last_words", "start"]

_log = get_logger(__name__)

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_CHILD_MODULE = "ingest_svc.adapters.media_child"
_LINE_BYTES = 64 * 2**20
_STDERR_TAIL_BYTES = 600


@dataclass(slots=True)
class MediaProcess:
    """A child in a session of its own, and the file its complaints go to."""

    process: asyncio.subprocess.Process
    stderr: IO[bytes]


async def start(command: str) -> MediaProcess:
    """Start a media child that loads what the command needs and waits for its request.

    Raises:
        UpstreamUnavailable: this machine can not start a process now.
    """
    stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the child, in `end`)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-s", "-m", _CHILD_MODULE, command, str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=_LINE_BYTES,
            env=environment(),
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        stderr.close()
        raise UpstreamUnavailable("No process could be started to read the file.", reason="SANDBOX_FAILED") from error
    except asyncio.CancelledError:
        stderr.close()
        raise
    return MediaProcess(process, stderr)


def absolute(path: Path) -> str:
    """Return a path that means the same in the child's folder."""
    return str(path.absolute())


def environment() -> dict[str, str]:
    """Return the child's whole environment: none of our secrets, one thread per numeric library."""
    given = {"PYTHONPATH": str(_PACKAGE_ROOT), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    return kept | given


def charge(child: MediaProcess) -> None:
    """Charge the whole life of a child to the one piece of work it was for, by our clock and not by its word.

    A child that has answered waits until it is ended, so that its clock is there; of one that was killed nobody knows.
    """
    spending = current_spending()
    if spending is None:
        return
    used_ns = process_cpu_ns(child.process.pid) if child.process.returncode is None else None
    if used_ns is None:
        spending.lose_track("cpu_ns")
    else:
        spending.add(cpu_ns=used_ns)


async def end(child: MediaProcess) -> None:
    """Kill the child and everything in its session, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    try:
        await child.process.communicate()
    finally:
        child.stderr.close()


def last_words(child: MediaProcess) -> str:
    """Return the end of what the child wrote to its error stream; it names paths of this machine: for our log alone."""
    size = child.stderr.seek(0, os.SEEK_END)
    child.stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
    return child.stderr.read().decode(errors="replace")


def death(child: MediaProcess, *, was_ready: bool, memory_bytes: int) -> HeimdexError:
    """Return the error that the end of a child without an answer means, and log its last words."""
    code = child.process.returncode or 0
    words = last_words(child)
    _log.warning("a media child ended without an answer", exit=code, was_ready=was_ready, last_words=words)
    return error_from_exit(code, was_ready=was_ready, memory_bytes=memory_bytes)
