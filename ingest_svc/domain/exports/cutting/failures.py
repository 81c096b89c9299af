"""How a run of ffmpeg can fail, and what each failure means: whose fault, and whether to try again."""

import errno
import signal

from chassis.core.errors import HeimdexError, UnreadableMedia, UpstreamUnavailable
from ingest_svc.domain.media_failures import error_from_exit
from ingest_svc.domain.probe import RefusalReason

__all__ = ["damaged", "error_from_run", "is_damaged", "too_slow"]

_DAMAGED_SHARE = 0.02
"""More damaged pictures than this, of those decoded, and a clip is not worth having."""

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_NO_MEMORY = frozenset((errno.ENOMEM, errno.EAGAIN))
_UNREADABLE = frozenset((69, 183))
"""Too many errors while decoding; data that are not what they have to be (AVERROR_INVALIDDATA)."""

_MEMORY_WORDS = ("Cannot allocate memory", "malloc of size", "Resource temporarily unavailable")


def is_damaged(corrupt: int, pictures: int) -> bool:
    """Tell whether too many pictures could not be decoded whole."""
    return corrupt > max(1, pictures * _DAMAGED_SHARE)


def damaged(detail: str) -> UnreadableMedia:
    """Return the error of a source that does not hold what it says; `detail` is a sentence."""
    return UnreadableMedia(
        f"The video is damaged where the clip is cut: {detail} Upload it again, or choose another part.",
        reason=RefusalReason.DECODE_FAILED,
    )


def too_slow(limit_seconds: float) -> UnreadableMedia:
    """Return the error of a run that was out of wall clock."""
    return UnreadableMedia(
        "Making the clip took far too long for its length; choose a shorter part, or a lower quality.",
        reason=RefusalReason.MEDIA_TIMEOUT,
        metadata={"cause": "wall_clock", "command": "cut", "limit_seconds": f"{limit_seconds:.0f}"},
    )


def error_from_run(code: int, last_words: str, *, memory_bytes: int) -> HeimdexError:
    """Name the end of a run that failed.

    Args:
        code: exit status, or minus the number of the signal that ended it. ffmpeg ends with the lowest byte of its
            error, which is minus an errno.
        last_words: end of what it wrote to its error stream; nothing of it gets into the error.
        memory_bytes: its memory limit.
    """
    number = 256 - code if code > 0 else 0
    if number in _FULL or code == -signal.SIGXFSZ or "No space left on device" in last_words:
        return UpstreamUnavailable(
            "The disk on which clips are made is full; it will be tried again.", reason="SCRATCH_FULL"
        )
    if number in _NO_MEMORY or any(word in last_words for word in _MEMORY_WORDS):
        return UnreadableMedia(
            f"Making the clip takes more than {memory_bytes // 2**20} MiB of memory; scale the video down.",
            reason=RefusalReason.MEDIA_CHILD_KILLED,
            metadata={"cause": "memory", "limit_bytes": str(memory_bytes)},
        )
    if code < 0:
        return error_from_exit(code, was_ready=True, memory_bytes=memory_bytes)
    if code in _UNREADABLE or "Error opening input" in last_words:
        return damaged("it could not be decoded.")
    return UpstreamUnavailable(
        "The clip could not be made, for a reason that is ours; it will be tried again.",
        reason="CUT_FAILED",
        metadata={"exit": str(code)},
    )
