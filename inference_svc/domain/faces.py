"""Faces out of raw YuNet output: one box and one score per cell of three grids, in numpy."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["FACE_STRIDES", "OUTPUTS", "decode_yunet", "padded_side"]

FACE_STRIDES = (8, 16, 32)
"""Pixels between two cells of each grid."""

OUTPUTS = tuple(f"{part}_{stride}" for stride in FACE_STRIDES for part in ("cls", "obj", "bbox"))
"""What is asked of the graph; its landmarks are not."""

_MAX_EXPONENT = 20.0
"""Lengths beyond exp(20) cells are nonsense; they stay finite so that they can be clipped."""


def padded_side(pixels: int) -> int:
    """Return the next multiple of the coarsest grid's stride: the length the graph takes."""
    coarsest = FACE_STRIDES[-1]
    return -(-max(pixels, 1) // coarsest) * coarsest


def decode_yunet(
    outputs: Mapping[str, NDArray[np.float32]], *, width: int, height: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn the raw output for one picture into boxes and scores.

    Args:
        outputs: `cls_N` and `obj_N` float32[cells, 1], `bbox_N` float32[cells, 4] for N = 8, 16, 32; cells row by row.
        width: width of the graph's input in pixels, a multiple of 32.
        height: height of it, likewise.

    Returns:
        float32[cells, 4] as left, top, right, bottom in input pixels, cells of stride 8 first; float32[cells, 1], the
        geometric mean of "a face" and "something is here", 0 to 1.
    """
    boxes, scores = [], []
    for stride in FACE_STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        corner = np.stack([columns.ravel(), rows.ravel()], axis=1)
        raw = outputs[f"bbox_{stride}"]
        centre = (corner + raw[:, :2]) * stride
        half = np.exp(np.minimum(raw[:, 2:], _MAX_EXPONENT)) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        both = np.clip(outputs[f"cls_{stride}"], 0, 1) * np.clip(outputs[f"obj_{stride}"], 0, 1)
        scores.append(np.sqrt(both))
    return np.concatenate(boxes).astype(np.float32), np.concatenate(scores).astype(np.float32)
