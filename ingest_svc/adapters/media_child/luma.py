"""The brightness of a picture, made small: what is enough to tell black from lit, and moving from still."""

import numpy as np
from av.video.frame import VideoFrame

__all__ = ["calm_luma", "dark_part", "distance", "small_luma"]

_STEP = 8
_BLOCKS = 16
_DARK_LEVEL = 32
"""Brightness, 16 to 235, up to which a sample is as good as black."""

_BITS_OF_A_BYTE = 8
_LUMA_FIRST = ("yuv", "gray", "nv12", "nv21")


def small_luma(frame: VideoFrame) -> np.ndarray:
    """Return int16[h / 8, w / 8]: every eighth sample of every eighth row, 0 to 255, without any scaling."""
    return _brightness(frame)[::_STEP, ::_STEP].astype(np.int16)


def calm_luma(frame: VideoFrame) -> np.ndarray:
    """Return float32[m, n], means over squares, some 16 along the shorter side, 0 to 255: grain does not show."""
    whole = _brightness(frame)
    side = max(1, min(whole.shape) // _BLOCKS)
    rows, columns = whole.shape[0] // side, whole.shape[1] // side
    squares = whole[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(squares.mean(axis=(1, 3), dtype=np.float32))


def _brightness(frame: VideoFrame) -> np.ndarray:
    """Return a view of all samples, 0 to 255."""
    if not frame.format.name.startswith(_LUMA_FIRST) or frame.format.name.endswith("be"):
        frame = frame.reformat(format="gray")
    plane, bits = frame.planes[0], frame.format.components[0].bits
    if bits <= _BITS_OF_A_BYTE:
        samples = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return samples[: frame.height, : frame.width]
    wide = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
    return wide[: frame.height, : frame.width] >> (bits - _BITS_OF_A_BYTE)


def dark_part(luma: np.ndarray) -> float:
    """Return which part of the samples is as good as black, 0 to 1."""
    return float(np.count_nonzero(luma <= _DARK_LEVEL) / max(1, luma.size))


def distance(luma: np.ndarray, before: np.ndarray, *, without_rows: tuple[float, float] = (0.0, 0.0)) -> float:
    """Return the mean distance of two pictures in levels, 0 to 255; 0 where their sizes differ.

    Args:
        luma: a small picture, signed.
        before: the same.
        without_rows: begin and end of rows that do not count, as parts of the height.
    """
    if luma.shape != before.shape:
        return 0.0
    top, bottom = (round(part * len(luma)) for part in without_rows)
    above = float(np.abs(luma[:top] - before[:top]).sum(dtype=np.float64))
    below = float(np.abs(luma[bottom:] - before[bottom:]).sum(dtype=np.float64))
    return (above + below) / max(1, (len(luma) - bottom + top) * int(luma.shape[1]))
