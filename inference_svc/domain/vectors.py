"""Vector rules: float32, rows L2-normalised, and one way to combine several vectors into one."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Matrix", "Vector", "cosine", "l2_normalise", "mean_direction"]

Vector = NDArray[np.float32]
"""float32[n]."""

Matrix = NDArray[np.float32]
"""float32[batch, n]."""


def l2_normalise(rows: NDArray[np.floating]) -> Matrix:
    """Scale every row to length 1; a zero row stays zero.

    Args:
        rows: floating[..., n]. Each row is summed on its own, so its bytes do not depend on its companions.

    Returns:
        float32[..., n].

    Raises:
        ValueError: A value is not finite.
    """
    values = np.ascontiguousarray(rows, np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a vector has a value that is not finite")
    # The sum is taken in float64: squares of small float32 values would vanish.
    lengths = np.sqrt(np.sum(np.square(values, dtype=np.float64), axis=-1, keepdims=True))
    safe = np.where(lengths > 0, lengths, 1.0)
    return np.ascontiguousarray(values / safe, np.float32)


def mean_direction(rows: Matrix) -> Vector:
    """Return the normalised mean of normalised rows, float32[n]; the vector of a scene with several keyframes.

    Raises:
        ValueError: There are no rows.
    """
    if len(rows) == 0:
        raise ValueError("the mean of no vectors is not defined")
    return l2_normalise(np.mean(rows, axis=0, dtype=np.float64))


def cosine(left: Vector, right: Vector) -> float:
    """Return the cosine of the angle between two vectors, in [-1, 1]; 0 when one of them is zero."""
    product = float(np.dot(l2_normalise(left).astype(np.float64), l2_normalise(right).astype(np.float64)))
    return max(-1.0, min(1.0, product))
