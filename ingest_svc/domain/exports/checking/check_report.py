"""What can be said of a clip: its numbers, the bounds of good, the reasons why it is not, and the verdict.

The list of reasons is closed; docs/exports-check.md says what each means and where its bound is.
"""

from dataclasses import dataclass
from enum import StrEnum

from ingest_svc.domain.exports.checking.expected import Expected

__all__ = ["BOUNDS", "Bounds", "Reason", "Report", "Verdict", "size_note", "unreadable"]

_NS_PER_S = 1_000_000_000


class Verdict(StrEnum):
    """What a clip comes to, from best to worst."""

    GOOD = "good"
    POOR = "poor"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a clip is not good; the first six mean that it is not what was asked for."""

    UNREADABLE = "UNREADABLE"
    DAMAGED = "DAMAGED"
    NO_PICTURE = "NO_PICTURE"
    NO_SOUND = "NO_SOUND"
    WRONG_SIZE = "WRONG_SIZE"
    WRONG_LENGTH = "WRONG_LENGTH"
    LENGTH_OFF = "LENGTH_OFF"
    OUT_OF_SYNC = "OUT_OF_SYNC"
    SOUND_GAP = "SOUND_GAP"
    UNEVEN_RATE = "UNEVEN_RATE"
    BLACK_PICTURES = "BLACK_PICTURES"
    FROZEN_PICTURES = "FROZEN_PICTURES"
    TOO_LOUD = "TOO_LOUD"
    TOO_QUIET = "TOO_QUIET"
    CLIPPED = "CLIPPED"
    SUBJECT_OUTSIDE = "SUBJECT_OUTSIDE"
    PATH_JITTER = "PATH_JITTER"
    CAPTIONS_UNSAFE = "CAPTIONS_UNSAFE"
    PICTURE_FORMAT = "PICTURE_FORMAT"
    SOUND_FORMAT = "SOUND_FORMAT"
    NOT_FASTSTART = "NOT_FASTSTART"

    @property
    def is_failure(self) -> bool:
        """Whether the clip is not what was asked for."""
        return self in _FAILURES


_FAILURES = frozenset(list(Reason)[:6])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where good ends. Each value is still good.

    Attributes:
        length_ms: how far the length may be off before it is another clip; up to one picture it is good.
        sync_ms: how far sound and picture may be apart at the begin, and at the end where a picture is not longer.
        gap_ms: longest hole in the sound.
        black_pct: black pictures, of all.
        loudness_lu: distance from the loudness that was to be.
        true_peak_dbtp: highest value of the sound.
        inside_pct: pictures whose subject is inside, of those with one.
        jitter: 95th percentile of the acceleration of the frame, in its widths per second squared.
        captions_pct: captions inside the safe area.
        size_bytes: a larger file is noted; it is not poor.
    """

    length_ms: float = 250.0
    sync_ms: float = 40.0
    gap_ms: float = 40.0
    black_pct: float = 5.0
    loudness_lu: float = 1.0
    true_peak_dbtp: float = 0.0
    inside_pct: float = 98.0
    jitter: float = 3.0
    captions_pct: float = 100.0
    size_bytes: int = 60_000_000


BOUNDS = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured and what it comes to; a number that could not be measured is None. Units are in the names."""

    verdict: Verdict
    reasons: tuple[str, ...]
    expected_duration_s: float
    duration_s: float | None = None
    av_sync_ms: float | None = None
    width_px: int = 0
    height_px: int = 0
    frame_rate: float | None = None
    black_frames_pct: float | None = None
    frozen_frames_pct: float | None = None
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    subject_inside_pct: float | None = None
    path_jitter: float | None = None
    captions_safe_pct: float | None = None
    picture_format: str = ""
    sound_format: str = ""
    is_faststart: bool = False


def unreadable(expected: Expected, sentence: str) -> Report:
    """Return the report of a file that is no clip."""
    reasons = (f"{Reason.UNREADABLE}: {sentence}",)
    return Report(verdict=Verdict.FAILED, reasons=reasons, expected_duration_s=expected.duration_ns / _NS_PER_S)


def size_note(size_bytes: int) -> str | None:
    """Return what is to be noted of a file that is larger than one would like, or None."""
    if size_bytes <= BOUNDS.size_bytes:
        return None
    return (
        f"LARGE_FILE: The file has {size_bytes / 1e6:.0f} MB, more than {BOUNDS.size_bytes / 1e6:.0f}; some sites take "
        "it slowly. A lower quality or a shorter stretch makes it smaller."
    )
