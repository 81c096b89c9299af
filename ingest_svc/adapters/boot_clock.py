"""The monotonic clock of this machine, with a name: readings of the same name can be compared across processes."""

import time
from functools import cache
from pathlib import Path

from ingest_svc.exports.record import AskedAt

__all__ = ["boot_clock"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_clock() -> AskedAt:
    """Return the present reading; the name is empty where the system tells none."""
    return AskedAt(time.monotonic_ns(), _boot_name())


@cache
def _boot_name() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
