"""What the making of one clip may cost."""

import os
from dataclasses import dataclass

from chassis.core.mediatime import NANOSECONDS_PER_SECOND

__all__ = ["CutLimits"]

_MOST_ENCODER_THREADS = 3
"""Each thread of the encoder holds 20 to 40 MB of its own at 1080x1920, and an export stays within 500 MB."""


def _encoder_threads() -> int:
    return max(2, min(_MOST_ENCODER_THREADS, (os.cpu_count() or 1) + 1))


@dataclass(frozen=True, slots=True)
class CutLimits:
    """What one clip may spend.

    Attributes:
        memory_bytes: private memory (RLIMIT_DATA) of one process; the address space may be twice that.
        file_bytes: largest file it may write.
        base_seconds: wall clock, to which `seconds_per_second` is added for each second of the clip.
        seconds_per_second: see above; a slow machine needs 2 for HIGH, and 8K sources 20.
        decoder_threads: threads of each decoder.
        encoder_threads: threads of the encoder.
        clips: clips that are made at the same time; the rest wait. Two leave no processor idle while one of them is
            looked at, or ends.
        max_pixels: width times height of one coded picture.
    """

    memory_bytes: int = 2 * 2**30
    file_bytes: int = 2 * 2**30
    base_seconds: float = 120.0
    seconds_per_second: float = 30.0
    decoder_threads: int = 2
    encoder_threads: int = _encoder_threads()
    clips: int = 2
    max_pixels: int = 8192 * 4352

    def wall_seconds(self, length_ns: int) -> float:
        """Return the wall clock that a clip of this length may take."""
        return self.base_seconds + self.seconds_per_second * length_ns / NANOSECONDS_PER_SECOND
