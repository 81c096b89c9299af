"""Where the frame has to be so that a subject is well inside: boxes over time become a corridor for the frame's centre.

All lengths are parts of the displayed picture along one axis unless said otherwise; a corridor is two walls, float64[n]
each, between which the centre of the frame has to stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest_svc.domain.exports.camera.steady import Floats
from ingest_svc.domain.exports.camera.tracks import Track

__all__ = ["Axis", "Boxes", "boxes_of", "corridor", "free_axis", "moving_boxes", "nobody", "union"]

Boxes = NDArray[np.float64]
"""float64[n, 4]: left, top, right, bottom per step, parts of the picture; NaN where nothing is known."""

_GAP_NS = 1_500_000_000
"""A subject that is missed for less than this is where it was, or on its way."""
_HOLD_NS = 500_000_000
_SIDE_ROOM, _TOP_ROOM, _BOTTOM_ROOM = 0.3, 0.45, 0.25
"""What a head needs around its face, in widths and heights of the face."""
_THIRD = 1 / 6
"""From the middle of a frame up to its upper third, in heights of the frame."""
_MARGIN_WIDTHS = 0.06
_LOSS_WIDTHS = 0.04
"""What of a subject as wide as the frame may be outside of it, so that the frame does not tremble with its box."""
_STILL_LEAST, _ALL_MOVES = 0.004, 0.4
"""Less than the one is noise; where more than the other moves, the camera itself does, and nothing is learnt."""
_MOTION_REACH_NS = 1_000_000_000
_MOTION_HALF_SIDE = 0.02
_MIN_MOTION_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Axis:
    """The direction in which the frame is free to move; it fills the picture in the other one.

    `extent` is the frame's length along it as a part of the picture; `widths` is the picture's length along it in
    widths of the frame.
    """

    is_upright: bool
    extent: float
    widths: float


def free_axis(picture_shape: float, frame_shape: float) -> Axis:
    """Return the free axis of a frame in a picture, both given as width over height."""
    if frame_shape < picture_shape:
        return Axis(is_upright=False, extent=frame_shape / picture_shape, widths=picture_shape / frame_shape)
    return Axis(is_upright=True, extent=picture_shape / frame_shape, widths=1 / picture_shape)


def nobody(count: int) -> Boxes:
    """Return boxes of which nothing is known."""
    return np.full((count, 4), np.nan)


def boxes_of(track: Track, at_ns: NDArray[np.int64]) -> Boxes:
    """Return where a track is at given instants; a face comes with the head around it."""
    seen_ns = np.array([seen.at_ns for seen in track.sightings], np.float64)
    edges = np.array(
        [(seen.left, seen.top, seen.left + seen.width, seen.top + seen.height) for seen in track.sightings]
    )
    edges = _calmed(edges)
    if track.is_face:
        width, height = edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]
        room = np.stack([-_SIDE_ROOM * width, -_TOP_ROOM * height, _SIDE_ROOM * width, _BOTTOM_ROOM * height], axis=1)
        edges = np.clip(edges + room, 0.0, 1.0)
    boxes = np.stack([np.interp(at_ns, seen_ns, edge) for edge in edges.T], axis=1)
    after = np.searchsorted(seen_ns, at_ns)
    before_ns = np.concatenate([[-np.inf], seen_ns])[after]
    after_ns = np.concatenate([seen_ns, [np.inf]])[after]
    is_near = np.minimum(at_ns - before_ns, after_ns - at_ns) <= _HOLD_NS
    boxes[~(is_near | (after_ns - before_ns <= _GAP_NS))] = np.nan
    return boxes


def moving_boxes(looks: Sequence[tuple[int, float, float, float]], at_ns: NDArray[np.int64]) -> Boxes | None:
    """Return where most of the movement is at given instants, None when there is none to speak of.

    Args:
        looks: instant, how much moves (0 to 1), and the centre of it.
        at_ns: instants that are asked for.
    """
    rows = np.array([look for look in looks if np.isfinite(look).all()], np.float64).reshape(-1, 4)
    rows = rows[(rows[:, 1] >= _STILL_LEAST) & (rows[:, 1] <= _ALL_MOVES)]
    if len(rows) < _MIN_MOTION_LOOKS:
        return None
    distance = np.abs(at_ns[:, None] - rows[None, :, 0]) / _MOTION_REACH_NS
    weight = np.maximum(1 - distance, 0) * rows[None, :, 1]
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.clip(weight @ rows[:, 2:] / total[:, None], 0.0, 1.0)
    return np.concatenate([centre - _MOTION_HALF_SIDE, centre + _MOTION_HALF_SIDE], axis=1)


def union(first: Boxes, second: Boxes) -> Boxes:
    """Return boxes that hold both; where only one is known, that one."""
    return np.concatenate([np.fmin(first[:, :2], second[:, :2]), np.fmax(first[:, 2:], second[:, 2:])], axis=1)


def corridor(boxes: Boxes, axis: Axis, *, is_face: bool, slack_widths: float) -> tuple[Floats, Floats]:
    """Return the walls between which the centre of the frame has to stay.

    Args:
        boxes: the subject.
        axis: direction of the corridor.
        is_face: whether the subject is to be in the upper third of an upright corridor.
        slack_widths: how far the subject may be from where it is wanted, in widths of the frame.
    """
    low_edge, high_edge = (boxes[:, 1], boxes[:, 3]) if axis.is_upright else (boxes[:, 0], boxes[:, 2])
    middle = (low_edge + high_edge) / 2
    wanted = middle + _THIRD * axis.extent if is_face and axis.is_upright else middle
    loss, margin, slack = (widths / axis.widths for widths in (_LOSS_WIDTHS, _MARGIN_WIDTHS, slack_widths))
    room = (axis.extent - (high_edge - low_edge)) / 2
    head = 1 + (_TOP_ROOM + _BOTTOM_ROOM if axis.is_upright else 2 * _SIDE_ROOM) if is_face else 1.0
    core_room = (axis.extent - (high_edge - low_edge) / head) / 2
    # What is wider than the frame fills it wherever the frame is inside of it; of a head, the face has to be inside.
    tight = np.maximum(np.where(core_room > 0, core_room, loss - core_room), loss)
    play = np.where(room > margin + loss, room - margin, tight)
    nearest, farthest = axis.extent / 2, 1 - axis.extent / 2
    low = np.clip(np.clip(wanted - slack, middle - play, middle + play), nearest, farthest)
    high = np.clip(np.clip(wanted + slack, middle - play, middle + play), nearest, farthest)
    unknown = ~np.isfinite(middle)
    return np.where(unknown, nearest, low), np.where(unknown, farthest, np.maximum(low, high))


def _calmed(edges: Boxes) -> Boxes:
    """Return the middle one of three neighbours: the trembling of boxes is not the subject's."""
    if len(edges) < 3:  # noqa: PLR2004
        return edges
    inner = np.median(np.stack([edges[:-2], edges[1:-1], edges[2:]]), axis=0)
    return np.concatenate([edges[:1], inner, edges[-1:]])
