"""Whether pictures are combed: two moments woven into one picture, line by line, without a flag that says so."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from av.video.frame import VideoFrame

__all__ = ["is_combed"]

_STEP = 14
"""Luma levels that a line must stand out by, and a place must have changed by, to count."""

_LEAST_SHARE = 0.05
_LINES = 5


def is_combed(frames: Sequence[VideoFrame]) -> bool:
    """Tell whether, most pictures in which something moves are combed there."""
    combed = moving = 0
    for before, after in pairwise(frames):
        share = _combed_share(_luma(before), _luma(after))
        if share is not None:
            moving += 1
            combed += share >= _LEAST_SHARE
    return moving > 0 and combed * 2 > moving


def _combed_share(before: np.ndarray, after: np.ndarray) -> float | None:
    """Return the part of places that changed where five lines go to and fro: each like the one but next alone."""
    if before.shape != after.shape or before.shape[0] < _LINES:
        return None
    changed = np.abs(after - before)[2:-2] > _STEP
    count = int(changed.sum())
    if count < changed.size // 100:
        return None
    line, near, far = after[2:-2], (after[1:-3], after[3:-1]), (after[:-4], after[4:])
    stands_out = np.minimum(np.abs(line - near[0]), np.abs(line - near[1])) > _STEP
    alike = np.maximum.reduce([np.abs(line - far[0]), np.abs(line - far[1]), np.abs(near[0] - near[1])]) <= _STEP // 2
    return float((stands_out & alike & changed).sum()) / count


def _luma(frame: VideoFrame) -> np.ndarray:
    """Return every fourth column of the luma, int16[height, width / 4]."""
    if len(frame.planes) < 3 or frame.format.components[0].bits != 8:  # noqa: PLR2004
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    whole: np.ndarray = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return np.asarray(whole[:, : plane.width : 4], np.int16)
