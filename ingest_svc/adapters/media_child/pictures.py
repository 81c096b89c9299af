"""Turns decoded frames into the JPEG files people and models see: upright, right in shape, never larger than asked."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

__all__ = ["display_size", "write_jpeg"]

_QUALITY = 85
_QUARTER_TURN_DEGREES = 90


def display_size(width: int, height: int, *, aspect: Fraction, max_side: int) -> tuple[int, int]:
    """Return the size of a picture with square pixels whose longer side is at most `max_side`; never enlarged."""
    wide = max(1, round(width * aspect))
    scale = min(Fraction(1), Fraction(max_side, max(wide, height)))
    return max(1, round(wide * scale)), max(1, round(height * scale))


def write_jpeg(
    frame: VideoFrame, path: Path, *, max_side: int, aspect: Fraction, rotation_degrees: int
) -> tuple[int, int]:
    """Write a frame, turned clockwise by `rotation_degrees` (a multiple of 90), and return its width and height."""
    width, height = display_size(frame.width, frame.height, aspect=aspect, max_side=max_side)
    pixels = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
    turned = np.ascontiguousarray(np.rot90(pixels, k=-(rotation_degrees // _QUARTER_TURN_DEGREES)))
    Image.fromarray(turned).save(path, format="JPEG", quality=_QUALITY)
    return turned.shape[1], turned.shape[0]
