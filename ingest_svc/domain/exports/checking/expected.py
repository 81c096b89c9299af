"""What a finished clip is held against, and where its pictures came from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.values import CameraPath, Encoding, Sighting, Strategy

__all__ = ["Expected", "Origin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The stretch of a file that a part of a clip shows.

    Attributes:
        path: the file.
        stream_index: its stream of pictures.
        width: of the displayed picture in pixels, after rotation.
        height: the same.
        rotation_degrees: clockwise turn from the coded to the displayed picture, a multiple of 90.
        span: the stretch, in times of the file.
        strategy: how it fills the frame.
    """

    path: Path
    stream_index: int
    width: int
    height: int
    rotation_degrees: int
    span: TimeSpan
    strategy: Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a finished clip is held against.

    `origins`, `cameras` and `subjects` have one entry per source, in order, or none at all. Times of cameras and
    subjects count from the start of the cut. A source without a camera is taken to be shown whole.
    """

    duration_ns: int
    encoding: Encoding
    has_sound: bool
    loudness_lufs: float
    lengths_ns: tuple[int, ...]
    cameras: tuple[CameraPath | None, ...] = ()
    subjects: tuple[tuple[Sighting, ...], ...] = ()
    caption_boxes: Sequence[tuple[float, float, float, float]] = field(default_factory=tuple)
    """Left, top, width, height of every caption as parts of the frame, as the captions were laid out."""
    origins: tuple[Origin, ...] = ()
    """Without them, nobody can tell a picture that stands still from one that was frozen."""
    is_stream_copy: bool = False
