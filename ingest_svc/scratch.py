"""Folders for files while they are worked on; what a killed process left behind goes away at the next start."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chassis.core.errors import UpstreamUnavailable

__all__ = ["clear_abandoned", "names_a_full_disk", "scratch_folder"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def scratch_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Lend a new folder under `root`, removed afterwards; it stays locked as long as this process lives."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def names_a_full_disk() -> Iterator[None]:
    """Give a full disk its name; every other error of the system passes as it is.

    Raises:
        UpstreamUnavailable: the scratch space is full, `SCRATCH_FULL`; it may not be later.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UpstreamUnavailable(
            "the scratch space is full; it is tried again later", reason="SCRATCH_FULL"
        ) from error


def clear_abandoned(root: Path) -> int:
    """Remove the folders under `root` that no living process holds, and return how many those were.

    They hold links to videos, which would otherwise stay on the disk after their deletion (R-STO-05). A folder of a
    replica on the same disk is locked and stays.
    """
    cleared = 0
    for folder in root.iterdir() if root.is_dir() else ():
        with suppress(OSError):  # somebody else's, or gone meanwhile
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                cleared += 1
            finally:
                os.close(lock)
    return cleared
