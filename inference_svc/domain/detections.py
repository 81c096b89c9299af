"""Boxes out of raw detector output: grid decoding and non-maximum suppression, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Detection", "decode_yolox", "suppress"]

_STRIDES = (8, 16, 32)
_MAX_DETECTIONS = 100


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, clipped to its picture; half-open."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Detection:
    """Something found in a picture; score in [0, 1]."""

    label: str
    score: float
    box: Box


def decode_yolox(output: NDArray[np.float32], *, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn raw YOLOX output into boxes and class scores.

    Args:
        output: float32[cells, 5 + classes]; cells of strides 8, 16, 32 in that order, rows first.
        side: Side of the square input in pixels, a multiple of 32.

    Returns:
        float32[cells, 4] as left, top, right, bottom in input pixels; float32[cells, classes], objectness times class.
    """
    grids, strides = [], []
    for stride in _STRIDES:
        cells = side // stride
        ys, xs = np.mgrid[0:cells, 0:cells]
        grids.append(np.stack([xs.ravel(), ys.ravel()], axis=1))
        strides.append(np.full((cells * cells, 1), stride))
    grid, stride_of = np.concatenate(grids), np.concatenate(strides)
    centre = (output[:, :2] + grid) * stride_of
    half = np.exp(output[:, 2:4]) * stride_of / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes.astype(np.float32), output[:, 4:5] * output[:, 5:]


def suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    *,
    labels: Sequence[str],
    min_score: float,
    max_overlap: float,
) -> tuple[tuple[int, str, float], ...]:
    """Keep the best box of every thing: per class, no two kept boxes overlap by more than `max_overlap` (IoU).

    Args:
        boxes: float32[cells, 4].
        scores: float32[cells, classes].
        labels: One per class.
        min_score: Lowest score to keep.
        max_overlap: In [0, 1].

    Returns:
        (cell, label, score), best first, at most 100.
    """
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes]
    candidates = np.flatnonzero(best >= min_score)
    order = candidates[np.lexsort((candidates, -best[candidates]))]
    kept: list[int] = []
    for cell in order:
        same = [other for other in kept if classes[other] == classes[cell]]
        if not same or _overlap(boxes[cell], boxes[same]).max() <= max_overlap:
            kept.append(int(cell))
        if len(kept) == _MAX_DETECTIONS:
            break
    return tuple((cell, labels[int(classes[cell])], float(best[cell])) for cell in kept)


def _overlap(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    left, top = np.maximum(box[0], others[:, 0]), np.maximum(box[1], others[:, 1])
    right, bottom = np.minimum(box[2], others[:, 2]), np.minimum(box[3], others[:, 3])
    shared = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return np.asarray(shared / np.maximum(area + areas - shared, 1e-9), np.float32)
