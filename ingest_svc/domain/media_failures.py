"""How a child that read a media file can fail, and what each failure means: whose fault, and whether to try again."""

import errno
import signal
from collections.abc import Mapping
from typing import Any

from chassis.core.errors import HeimdexError, UnreadableMedia, UpstreamUnavailable
from ingest_svc.domain.probe import RefusalReason

__all__ = ["error_from_event", "error_from_exit", "nonsense", "too_slow"]

_MAX_MESSAGE = 600
_SCRATCH_IS_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_SENT_FROM_OUTSIDE = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))


def nonsense() -> UnreadableMedia:
    """Return the error of a child whose answer is none: the file may have taken it over."""
    return UnreadableMedia(
        "Reading the file upset its reader, which was ended; export it again.",
        reason=RefusalReason.MEDIA_CHILD_KILLED,
        metadata={"cause": "answer"},
    )


def too_slow(command: str, limit_seconds: float) -> UnreadableMedia:
    """Return the error of a child that ran out of wall clock."""
    return UnreadableMedia(
        "Reading the file took far too long for its length; export it again, or in parts.",
        reason=RefusalReason.MEDIA_TIMEOUT,
        metadata={"cause": "wall_clock", "command": command, "limit_seconds": f"{limit_seconds:.0f}"},
    )


def error_from_event(event: Mapping[str, Any], *, memory_bytes: int) -> HeimdexError:
    """Turn a `refused` or `failed` line of the child into the error it means."""
    kind, reason = event.get("kind"), event.get("reason")
    if event.get("event") == "refused" and reason in set(RefusalReason):
        return UnreadableMedia(str(event.get("message"))[:_MAX_MESSAGE], reason=str(reason))
    if event.get("event") == "failed" and kind == "memory":
        return UnreadableMedia(
            f"Reading the file takes more than {memory_bytes // 2**20} MiB of memory; scale the video down.",
            reason=RefusalReason.MEDIA_CHILD_KILLED,
            metadata={"cause": "memory", "limit_bytes": str(memory_bytes)},
        )
    if event.get("event") == "failed" and kind == "os":
        scratch = "SCRATCH_FULL" if event.get("errno") in _SCRATCH_IS_FULL else "SCRATCH_FAILED"
        return UpstreamUnavailable(f"The scratch space failed: {str(event.get('detail'))[:200]}", reason=scratch)
    return nonsense()


def error_from_exit(code: int, *, was_ready: bool, memory_bytes: int) -> HeimdexError:
    """Name the end of a child that ended without an answer.

    Args:
        code: exit status, or minus the number of the signal that ended it.
        was_ready: whether it had loaded its libraries; before that, the file can not be blamed.
        memory_bytes: its memory limit.
    """
    killer = max(0, -code)
    if not was_ready and not killer:
        return UpstreamUnavailable(
            "The reader of media files does not start on this machine.",
            reason="SANDBOX_FAILED",
            metadata={"exit": str(code)},
        )
    if killer in _SENT_FROM_OUTSIDE:
        return UpstreamUnavailable(
            "The reader of the file was killed from outside; it will be tried again.",
            reason=RefusalReason.MEDIA_CHILD_KILLED,
            metadata={"cause": "signal", "signal": signal.Signals(killer).name},
        )
    if killer == signal.SIGXCPU:
        return UnreadableMedia(
            "Reading the file took too much processor time; export it again, or in parts.",
            reason=RefusalReason.MEDIA_TIMEOUT,
            metadata={"cause": "cpu"},
        )
    return UnreadableMedia(
        f"Reading the file crashed its reader (memory limit {memory_bytes // 2**20} MiB); export it again.",
        reason=RefusalReason.MEDIA_CHILD_KILLED,
        metadata={"cause": "crash", "exit": str(code)},
    )
