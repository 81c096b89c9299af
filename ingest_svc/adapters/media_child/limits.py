"""Limits the child lays on itself, so that a hostile file can spend only what it was given."""

import ctypes
import os
import resource
import signal
from collections.abc import Mapping

__all__ = ["apply_limits", "die_with_parent", "refuse_new_privileges"]

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_MAX_OPEN_FILES = 64


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent ends.

    Raises:
        SystemExit: the parent was gone before the kernel could be asked.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise SystemExit(1)


def refuse_new_privileges() -> None:
    """Give up gaining privileges by exec, and leave no core dump that holds a person's video."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def apply_limits(limits: Mapping[str, int]) -> None:
    """Bound memory, processor time, file size, open files and core dumps of this process, for good."""
    cpu_seconds = limits["cpu_seconds"]
    for kind, soft, hard in (
        (resource.RLIMIT_DATA, limits["memory_bytes"], limits["memory_bytes"]),
        (resource.RLIMIT_AS, 2 * limits["memory_bytes"], 2 * limits["memory_bytes"]),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 5),
        (resource.RLIMIT_FSIZE, limits["file_bytes"], limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES, _MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)  # noqa: PLW2901  (an outer limit may be tighter)
        resource.setrlimit(kind, (soft, hard))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}) was refused: {os.strerror(code)}")
