"""A flash and a beep at the same instant, and how far apart they are in a file: sync as eyes and ears have it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.support.export_clips import ffmpeg

__all__ = ["content_sync_ms", "make_flash_and_beep"]

_LIT = 128
_LOUD = 0.05


def make_flash_and_beep(
    path: Path, *, seconds: float = 2.0, rate: str = "30", late_s: float = 0.0, size: str = "144x256"
) -> Path:
    """Make a clip that flashes and beeps for 0.2 s in the middle of every second, its sound late by so much."""
    on = "lt(mod(t+0.5,1),0.2)"
    ffmpeg(
        *("-f", "lavfi", "-i", f"color=c=gray:size={size}:rate={rate}:duration={seconds},eq=brightness=-0.3"),
        *("-itsoffset", str(late_s), "-f", "lavfi", "-i", f"aevalsrc='{on}*0.6*sin(2*PI*1000*t)':s=48000:d={seconds}"),
        *("-vf", f"drawbox=c=white:t=fill:enable='{on}',format=yuv420p", "-c:v", "libx264", "-preset", "veryfast"),
        *("-c:a", "aac", "-ac", "2", "-t", str(seconds), "-movflags", "+faststart", str(path)),
    )
    return path


def content_sync_ms(path: Path) -> list[float]:
    """Return beep minus flash in milliseconds for every flash, by when pictures and samples are played."""
    flashes, beeps = _onsets(*_brightness(path), _LIT, 0.3), _onsets(*_sound(path), _LOUD, 0.3)
    assert len(flashes) == len(beeps), f"{len(flashes)} flashes and {len(beeps)} beeps"
    return [1000 * (beep - flash) for flash, beep in zip(flashes, beeps, strict=True)]


def _brightness(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with av.open(str(path)) as clip:
        shown = [
            (float(frame.time or 0), float(frame.to_ndarray(format="gray").mean())) for frame in clip.decode(video=0)
        ]
    return np.array([at for at, _ in shown]), np.array([level for _, level in shown])


def _sound(path: Path) -> tuple[np.ndarray, np.ndarray]:
    instants, levels = [], []
    with av.open(str(path)) as clip:
        for frame in clip.decode(audio=0):
            first = float((frame.pts or 0) * (frame.time_base or Fraction(0)))
            instants.append(first + np.arange(frame.samples) / frame.sample_rate)
            levels.append(np.abs(frame.to_ndarray()).max(axis=0))
    return np.concatenate(instants), np.concatenate(levels)


def _onsets(instants: np.ndarray, levels: np.ndarray, bound: float, apart_s: float) -> list[float]:
    """Return the instants at which the level goes over a bound, after having been under it for so long."""
    found: list[float] = []
    last = -apart_s
    for at in instants[levels > bound].tolist():
        if at - last >= apart_s:
            found.append(at)
        last = at
    return found
