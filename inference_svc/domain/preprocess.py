"""Pixels to tensors, in numpy alone: the same photograph gives the same bytes on every machine with this code.

Images are uint8[height, width, 3], RGB, row 0 on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Image",
    "Kernel",
    "Letterbox",
    "centre_square",
    "distinct",
    "letterbox",
    "resize",
    "resize_shorter_side",
    "to_planes",
]

Image = NDArray[np.uint8]
"""uint8[height, width, 3], RGB."""

_Pixel = TypeVar("_Pixel", bound=np.generic)
_GRID = (18, 32)
_CUBIC_A = -0.5  # the value Pillow and CLIP's own preprocessing use


class Kernel(StrEnum):
    """How a resized pixel is mixed from source pixels; all of them widen when shrinking, so nothing aliases."""

    AREA = "area"
    LINEAR = "linear"
    CUBIC = "cubic"


@dataclass(frozen=True, slots=True)
class Letterbox:
    """An image fitted into a square, and the scale that leads back."""

    pixels: NDArray[np.float32]
    """float32[side, side, 3], RGB, 0..255, padded at bottom and right."""
    scale: float
    """Square pixels per source pixel."""


def resize(image: Image, *, height: int, width: int, kernel: Kernel) -> NDArray[np.float32]:
    """Resample to float32[height, width, 3], values in 0..255.

    Raises:
        ValueError: A side is not positive.
    """
    if min(height, width, *image.shape[:2]) <= 0:
        raise ValueError("an image side must be positive")
    rows = _weights(image.shape[0], height, kernel)
    columns = _weights(image.shape[1], width, kernel)
    planes = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
    resized = np.matmul(np.matmul(rows, planes), columns.T)
    return np.asarray(np.clip(resized, 0.0, 255.0).transpose(1, 2, 0), np.float32)


def resize_shorter_side(image: Image, *, side: int, kernel: Kernel) -> NDArray[np.float32]:
    """Resample so that the shorter side is `side` pixels and the aspect is kept."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    return resize(image, height=max(side, round(height * scale)), width=max(side, round(width * scale)), kernel=kernel)


def centre_square(image: NDArray[_Pixel]) -> NDArray[_Pixel]:
    """Cut the largest centred square; an odd pixel is left at bottom or right."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def letterbox(image: Image, *, side: int, padding: int) -> Letterbox:
    """Fit an image into a `side` x `side` square, aspect kept, padded at bottom and right with `padding` (0..255)."""
    height, width = image.shape[:2]
    scale = min(side / height, side / width)
    inner_height, inner_width = max(1, int(height * scale)), max(1, int(width * scale))
    square = np.full((side, side, 3), float(padding), np.float32)
    square[:inner_height, :inner_width] = resize(image, height=inner_height, width=inner_width, kernel=Kernel.LINEAR)
    return Letterbox(square, scale)


def distinct(images: Sequence[Image], *, min_difference: float = 12.0) -> tuple[int, ...]:
    """Return the positions of pictures that differ visibly from every one chosen before; the first always does.

    Two pictures differ when any cell of a 32 x 18 grid differs by `min_difference` grey levels (0..255): a caption that
    changes is seen, noise is not.
    """
    chosen: list[tuple[int, NDArray[np.float32]]] = []
    for place, image in enumerate(images):
        grid = resize(image, height=_GRID[0], width=_GRID[1], kernel=Kernel.AREA).mean(axis=2)
        if all(np.abs(grid - other).max() >= min_difference for _, other in chosen):
            chosen.append((place, grid))
    return tuple(place for place, _ in chosen)


def to_planes(
    pixels: NDArray[np.float32], *, mean: tuple[float, float, float], scale: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return float32[3, height, width]: (pixel - mean) / scale per channel, in the units of the pixels."""
    normalised = (pixels - np.asarray(mean, np.float32)) / np.asarray(scale, np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1), np.float32)


@lru_cache(maxsize=64)
def _weights(source: int, target: int, kernel: Kernel) -> NDArray[np.float32]:
    """Return float32[target, source]; each row sums to 1."""
    ratio = source / target
    if kernel is Kernel.AREA:
        edges = np.arange(target + 1) * ratio
        cells = np.arange(source)
        upper = np.minimum(edges[1:, None], cells[None] + 1)
        lower = np.maximum(edges[:-1, None], cells[None])
        weights = np.maximum(upper - lower, 0.0)
    else:
        spread = max(1.0, ratio)
        centres = (np.arange(target) + 0.5) * ratio
        distance = np.abs(np.arange(source)[None] + 0.5 - centres[:, None]) / spread
        weights = _linear(distance) if kernel is Kernel.LINEAR else _cubic(distance)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _linear(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1.0 - distance, 0.0)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near = ((_CUBIC_A + 2) * distance - (_CUBIC_A + 3)) * distance**2 + 1
    far = _CUBIC_A * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))  # noqa: PLR2004 - support of the kernel
