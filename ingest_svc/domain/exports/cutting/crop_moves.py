"""A camera path as two crops: a coarse one in pixels of the source, a fine one in pixels of the frame.

A crop moves by whole pixels, and those of a source that is enlarged are steps one can see. So a window a little larger
than the frame is cut out, which stands still most of the time, enlarged, and the frame moves inside of it by single
pixels of the result. Where the window jumps, the frame jumps the other way, and the picture between them does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from chassis.core.mediatime import NANOSECONDS_PER_SECOND
from ingest_svc.domain.exports.cutting.geometry import even
from ingest_svc.domain.exports.cutting.looks import SourceLook
from ingest_svc.domain.exports.values import CameraPath, Size

__all__ = ["Crops", "Move", "crops_of", "expression", "moves_of", "positions"]

_MARGIN = 16
"""Pixels of the source on each side of the frame that are enlarged with it."""

_STILL = 0.5
"""A path that moves less than this, in pixels of the source, is none."""

_EXACT = 0.25
"""How far a move may be from the path, in pixels."""


@dataclass(frozen=True, slots=True)
class Move:
    """From picture `first` on the position is `start + slope * (number - first)` pixels."""

    first: int
    start: float
    slope: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crops:
    """How the frame is cut out of a source, picture by picture.

    Attributes:
        window: width and height of the coarse crop in pixels of the source.
        window_x: left edge of the coarse crop, even.
        window_y: upper edge of the coarse crop, even.
        enlarged: size the window is scaled to.
        frame_x: left edge of the frame in the enlarged window.
        frame_y: upper edge of the frame in the enlarged window.
    """

    window: tuple[int, int]
    window_x: tuple[Move, ...]
    window_y: tuple[Move, ...]
    enlarged: Size
    frame_x: tuple[Move, ...]
    frame_y: tuple[Move, ...]


def crops_of(path: CameraPath, look: SourceLook, frame: Size, *, pictures: int, rate: Fraction, shift_ns: int) -> Crops:
    """Turn a path into crops.

    Args:
        path: in parts of the displayed picture, in times from the asked start of the cut; its height counts, the width
            follows from the frame's shape.
        look: the source.
        frame: size of the result.
        pictures: how many the cut has, at `rate` per second.
        rate: pictures per second of the clip.
        shift_ns: from the asked start of the cut to its first picture.
    """
    width, height = look.stored
    shape = Fraction(frame.width, frame.height) / look.upright_aspect
    part_height = min(float(path.height) * height, float(height), float(width / shape))
    part_height = max(part_height, 2.0)
    part_width = min(part_height * float(shape), float(width))
    at_ns = np.arange(pictures, dtype=np.float64) * float(NANOSECONDS_PER_SECOND / rate) + np.float64(shift_ns)
    x, y = positions(path, at_ns)
    across = _axis(x * width - part_width / 2, part_width, width, frame.width)
    down = _axis(y * height - part_height / 2, part_height, height, frame.height)
    return Crops(
        window=(across.window, down.window),
        window_x=across.window_moves,
        window_y=down.window_moves,
        enlarged=Size(across.enlarged, down.enlarged),
        frame_x=across.frame_moves,
        frame_y=down.frame_moves,
    )


def positions(path: CameraPath, at_ns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of the frame, float64[n] each, at instants counted from the start of the cut."""
    x, y = np.full(at_ns.shape, 0.5), np.full(at_ns.shape, 0.5)
    for number, piece in enumerate(path.pieces):
        is_inside = at_ns >= piece.span.start_ns if number else np.full(at_ns.shape, fill_value=True)
        if piece.x and piece.y:
            steps = (at_ns[is_inside] - piece.span.start_ns) / max(1, piece.step_ns)
            x[is_inside] = np.interp(steps, np.arange(len(piece.x)), piece.x)
            y[is_inside] = np.interp(steps, np.arange(len(piece.y)), piece.y)
    return np.clip(np.nan_to_num(x, nan=0.5), 0, 1), np.clip(np.nan_to_num(y, nan=0.5), 0, 1)


@dataclass(frozen=True, slots=True)
class _Axis:
    window: int
    window_moves: tuple[Move, ...]
    enlarged: int
    frame_moves: tuple[Move, ...]


def _axis(begins: NDArray[np.float64], part: float, whole: int, frame: int) -> _Axis:
    """Plan one direction; `begins` are edges of a frame `part` pixels long in a picture of `whole` pixels."""
    begins = np.clip(begins, 0.0, max(0.0, whole - part))
    still = (Move(0, 0, 0),)
    if whole - part < 2:  # noqa: PLR2004  (less than a colour sample: there is nowhere to go)
        return _Axis(whole, still, frame, still)
    if float(np.ptp(begins)) < _STILL:
        window = even(part, whole)
        begin = min(round(float(begins[0]) / 2) * 2, (whole - window) // 2 * 2)
        return _Axis(window, (Move(0, begin, 0),), frame, still)
    window = whole if part + 2 * _MARGIN >= whole else even(part + 2 * _MARGIN, whole)
    enlarged = max(frame, round(window * frame / part / 2) * 2)
    windows = _standing(begins, part, window, whole)
    inside = np.clip((begins - windows) * (enlarged / window), 0, enlarged - frame)
    return _Axis(window, _steps(windows), enlarged, moves_of(inside, np.diff(windows, prepend=windows[0]) != 0))


def _standing(begins: NDArray[np.float64], part: float, window: int, whole: int) -> NDArray[np.float64]:
    """Return the window's edge for every picture: it moves only when the frame would leave it."""
    most = (whole - window) // 2 * 2
    edges = np.empty(begins.shape)
    edge: int | None = None
    for number, begin in enumerate(begins):
        if edge is None or not edge <= begin <= edge + window - part:
            edge = int(min(max(0, round((begin - (window - part) / 2) / 2) * 2), most))
        edges[number] = edge
    return edges


def _steps(edges: NDArray[np.float64]) -> tuple[Move, ...]:
    changes = np.flatnonzero(np.diff(edges, prepend=np.nan) != 0)
    return tuple(Move(int(at), float(edges[at]), 0.0) for at in changes)


def moves_of(places: NDArray[np.float64], breaks: NDArray[np.bool_]) -> tuple[Move, ...]:
    """Return straight moves that come within a quarter of a pixel of every place; `breaks` begin a new one."""
    moves: list[Move] = []
    first = 0
    while first < len(places):
        least, most, last = -np.inf, np.inf, first
        for number in range(first + 1, len(places)):
            rise, run = places[number] - places[first], number - first
            low, high = max(least, (rise - _EXACT) / run), min(most, (rise + _EXACT) / run)
            if breaks[number] or low > high:
                break
            least, most, last = low, high, number
        slope = 0.0 if last == first or least <= 0 <= most else (least + most) / 2
        moves.append(Move(first, float(places[first]), float(slope)))
        first = last + 1
    return tuple(moves)


def expression(moves: Sequence[Move]) -> str:
    """Return moves as an expression of `n`, the number of the picture: a tree of choices, numbers alone."""
    if len(moves) == 1:
        move = moves[0]
        if not move.slope:
            return f"{round(move.start)}"
        return f"floor({move.start + 0.5:.4f}{move.slope:+.6f}*(n-{move.first}))"
    half = len(moves) // 2
    return f"if(lt(n,{moves[half].first}),{expression(moves[:half])},{expression(moves[half:])})"
