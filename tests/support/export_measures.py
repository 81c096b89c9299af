"""Measurements of a good export, for tests that spoil one of them."""

from dataclasses import replace
from typing import Any

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.checking.expected import Expected
from ingest_svc.domain.exports.checking.measured import Measured, PictureTrack, SoundTrack
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Encoding, Sighting, Size

__all__ = ["NS", "a_camera", "a_face", "expected", "measured", "spoilt_pictures", "spoilt_sound"]

NS = 1_000_000_000
_COUNT = 90

_PICTURES = PictureTrack(
    codec="h264",
    profile="High",
    pixel_format="yuv420p",
    colours=(1, 1, 1, 1),
    width=1080,
    height=1920,
    is_square=True,
    rotation_degrees=0,
    is_interlaced=False,
    tick_ns=65_104,
    at_ns=tuple(round(number * NS / 30) for number in range(_COUNT)),
    end_ns=3 * NS,
    dark=(0.1,) * _COUNT,
    change=(0.0,) + (2.0,) * (_COUNT - 1),
)
_SOUND = SoundTrack(
    codec="aac",
    rate_hz=48_000,
    channels=2,
    start_ns=0,
    end_ns=3 * NS,
    gap_ns=1,
    integrated_lufs=-14.0,
    true_peak_dbtp=-1.5,
    clipped_samples=0,
    samples=144_000,
)


def measured(**changes: Any) -> Measured:
    """Three seconds of a good export."""
    good = Measured(is_faststart=True, is_whole=True, damaged_packets=0, pictures=_PICTURES, sound=_SOUND)
    return replace(good, **changes)


def spoilt_pictures(**changes: Any) -> Measured:
    """The same with other pictures."""
    return measured(pictures=replace(_PICTURES, **changes))


def spoilt_sound(**changes: Any) -> Measured:
    """The same with another sound."""
    return measured(sound=replace(_SOUND, **changes))


def expected(**changes: Any) -> Expected:
    """What it was to be."""
    usual: dict[str, Any] = {
        "duration_ns": 3 * NS,
        "encoding": Encoding(size=Size(1080, 1920), crf=23, preset="veryfast"),
        "has_sound": True,
        "loudness_lufs": -14.0,
        "lengths_ns": (3 * NS,),
    }
    return Expected(**{**usual, **changes})


def a_camera(*x: float, step_ns: int = NS // 10, width: float = 0.3) -> CameraPath:
    """A frame of a wide picture whose centre goes through these places."""
    span = TimeSpan(0, step_ns * (len(x) - 1))
    return CameraPath(width, 1.0, (CameraPiece(span, step_ns, x, (0.5,) * len(x)),))


def a_face(at_ns: int, x: float, *, size: float = 0.1, label: str = "face", score: float = 0.9) -> Sighting:
    """A face whose centre is at `x`."""
    return Sighting(at_ns, label, score, x - size / 2, 0.4, size, size)
