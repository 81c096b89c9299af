"""The way of the frame over one cut: per shot a subject is chosen, and one path is planned over the whole shot.

See docs/decisions/0007-camera.md for the choices and their numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, TimeSpan
from ingest_svc.domain.exports.camera.framing import (
    Axis,
    Boxes,
    boxes_of,
    corridor,
    free_axis,
    moving_boxes,
    nobody,
    union,
)
from ingest_svc.domain.exports.camera.steady import Floats, steady_way
from ingest_svc.domain.exports.camera.tracks import FACE, Track, link, ranked, strength, usable
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Ratio, Sighting

__all__ = [
    "MAX_ACCELERATION",
    "MAX_SPEED",
    "NOTHING_TO_FOLLOW",
    "STEP_NS",
    "WITHOUT_MODEL",
    "CameraPlan",
    "Seen",
    "plan_camera",
]

STEP_NS = 40_000_000
"""Distance of two points of a path that moves."""

MAX_SPEED = 1.5
"""Highest speed of the frame within a shot, in widths of the frame per second."""

_WINDOW = 25
MAX_ACCELERATION = 2 * MAX_SPEED / (_WINDOW * STEP_NS / NANOSECONDS_PER_SECOND)
"""Highest acceleration of the frame within a shot, in widths of the frame per second squared: 3."""

WITHOUT_MODEL = (
    "SMART_WITHOUT_MODEL: No model that finds faces or objects is here; `heimdex models` says how to get one."
)
NOTHING_TO_FOLLOW = "SMART_NOTHING_TO_FOLLOW: No face, no object and no movement was found that a frame could follow."

_SLACK_WIDTHS = 0.12
_MOTION_SLACK_WIDTHS = 0.2
_COMPANION_STRENGTH = 0.4
_COMPANION_SHARE = 0.5
_TOGETHER_SHARE = 0.9
_COMPANION_MARGIN_WIDTHS = 0.04
_MIN_FILL_STEPS = 1_500_000_000 // STEP_NS
_MIN_KNOWN_SHARE = 0.3
_MOVING_KINDS = frozenset((FACE, "living", "movable"))
_CLEAR_MOTION = 0.02
_STILL = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of one cut; all instants count from its start.

    Attributes:
        length_ns: length of the cut, > 0.
        width: width of the picture as it is displayed (after rotation and sample aspect), pixels, > 0.
        height: height of it, > 0.
        sightings: what the models saw, in any order; whatever makes no sense is left out.
        at_ns: instants of the pictures that were looked at, whether something was seen or not.
        motion: per picture how much moves, 0 to 1, and the centre of it; empty when it was not measured.
        shot_starts_ns: first instants of the shots; 0 goes without saying.
        models: models that looked; empty when there was none.
        missing: capabilities that did not take part, `name: reason` each.
    """

    length_ns: int
    width: int
    height: int
    sightings: Sequence[Sighting] = ()
    at_ns: Sequence[int] = ()
    motion: Sequence[tuple[float, float, float]] = ()
    shot_starts_ns: Sequence[int] = (0,)
    models: Sequence[str] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPlan:
    """How the frame moves, or why it can not.

    Attributes:
        path: the way of the frame; None when there is nothing to plan by, and then `note` says why.
        followed: sightings of the subjects that the path follows, in order of time: what the check asks to be inside.
        basis: per shot what was followed: `face`, `living`, `movable`, another label, `motion`, or empty for nothing.
        note: `REASON: sentence`, empty when there is a path.
    """

    path: CameraPath | None
    followed: tuple[Sighting, ...] = ()
    basis: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is followed in one shot; `boxes` float64[n, 4]."""

    boxes: Boxes
    basis: str
    sightings: tuple[Sighting, ...] = ()


def plan_camera(seen: Seen, ratio: Ratio) -> CameraPlan:
    """Plan the way of a frame of one shape over a cut.

    The frame is as large as the picture allows, never leaves it, and moves along one axis only. Within a shot its speed
    is at most MAX_SPEED and its acceleration at most MAX_ACCELERATION; it jumps between shots only. A picture of the
    frame's own shape needs no subject: the frame is the picture.

    Without models, and where no shot holds anything to follow, there is no path. A shot without a subject among others
    that have one is shown from its middle.

    Raises:
        ValueError: the length or a side of the picture is not positive.
    """
    if min(seen.length_ns, seen.width, seen.height) <= 0:
        raise ValueError("a cut has a length, and its picture two sides")
    axis = free_axis(seen.width / seen.height, float(ratio.fraction))
    has_freedom = seen.width * ratio.fraction.denominator != seen.height * ratio.fraction.numerator
    if has_freedom and not seen.models:
        return CameraPlan(path=None, note=" ".join((WITHOUT_MODEL, *(f"({reason})" for reason in seen.missing))))
    sightings = usable(seen.sightings)
    pieces, subjects = [], []
    for span in _shots(seen):
        times = _steps(span)
        subject = _subject(seen, sightings, span, times, axis)
        subjects.append(subject)
        pieces.append(_piece(span, _way(subject, axis), axis))
    if has_freedom and not any(subject.basis for subject in subjects):
        return CameraPlan(path=None, note=NOTHING_TO_FOLLOW)
    width, height = (1.0, axis.extent) if axis.is_upright else (axis.extent, 1.0)
    followed = [one for subject in subjects for one in subject.sightings]
    return CameraPlan(
        path=CameraPath(width, height, tuple(pieces)),
        followed=tuple(sorted(followed, key=lambda one: (one.at_ns, one.left, one.top))),
        basis=tuple(subject.basis for subject in subjects),
    )


def _shots(seen: Seen) -> list[TimeSpan]:
    starts = sorted({0, *(start for start in seen.shot_starts_ns if 0 < start < seen.length_ns)})
    return [TimeSpan(start, end) for start, end in pairwise([*starts, seen.length_ns])]


def _steps(span: TimeSpan) -> NDArray[np.int64]:
    """Return the instants of a shot's path: one every step, the last at or after its end."""
    return span.start_ns + STEP_NS * np.arange(-(-span.length_ns // STEP_NS) + 1, dtype=np.int64)


def _subject(
    seen: Seen, sightings: Sequence[Sighting], span: TimeSpan, times: NDArray[np.int64], axis: Axis
) -> _Subject:
    """Choose what is followed in a shot: faces, else things, else movement, else nothing."""
    inside = [one for one in sightings if span.contains(one.at_ns)]
    looks = sum(span.contains(at_ns) for at_ns in seen.at_ns)
    moves = [(at_ns, *motion) for at_ns, motion in zip(seen.at_ns, seen.motion, strict=False) if span.contains(at_ns)]
    order = ranked(link(inside, shape=seen.width / seen.height), looks=looks)
    if not order:
        moving = moving_boxes(moves, times)
        return _Subject(nobody(len(times)), "") if moving is None else _Subject(moving, "motion")
    subject = _followed(order, times, axis, looks)
    if subject.basis in _MOVING_KINDS and np.isfinite(subject.boxes[:, 0]).mean() < _MIN_KNOWN_SHARE:
        # Seen too seldom to stand still for: what clearly moves meanwhile is most likely the same thing.
        moving = moving_boxes([move for move in moves if move[1] >= _CLEAR_MOTION], times)
        if moving is not None:
            _fill(subject.boxes, moving)
    return subject


def _followed(order: Sequence[Track], times: NDArray[np.int64], axis: Axis, looks: int) -> _Subject:
    """Follow the best track, with its like where they fit in together, and the next best where it is away for long."""
    best, rest = order[0], list(order[1:])
    boxes, sightings = boxes_of(best, times), list(best.sightings)
    for other in order[1:]:
        if other.kind != best.kind or not best.is_living or not _is_companion(other, best, looks):
            continue
        together = union(boxes, boxes_of(other, times))
        if _fits(together, axis):
            boxes = together
            sightings += other.sightings
            rest.remove(other)
    for other in rest:
        if other.is_living or other.kind == "movable":
            for start, end in _fill(boxes, boxes_of(other, times)):
                sightings += [one for one in other.sightings if times[start] <= one.at_ns <= times[end - 1]]
    return _Subject(boxes, best.kind, tuple(sightings))


def _is_companion(other: Track, best: Track, looks: int) -> bool:
    return strength(other) >= _COMPANION_STRENGTH * strength(best) and len(other.sightings) >= _COMPANION_SHARE * looks


def _fits(boxes: Boxes, axis: Axis) -> bool:
    """Tell whether boxes fit into the frame nearly all the time."""
    length = boxes[:, 3] - boxes[:, 1] if axis.is_upright else boxes[:, 2] - boxes[:, 0]
    known = length[np.isfinite(length)]
    limit = axis.extent - 2 * _COMPANION_MARGIN_WIDTHS / axis.widths
    return bool(len(known)) and float(np.mean(known <= limit)) >= _TOGETHER_SHARE


def _fill(boxes: Boxes, others: Boxes) -> list[tuple[int, int]]:
    """Take the others where nothing has been known for long, and return where that was: half-open ranges of steps."""
    unknown = np.isnan(boxes[:, 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], unknown, [False]]).astype(np.int8)))
    stretches = [(int(start), int(end)) for start, end in edges.reshape(-1, 2) if end - start >= _MIN_FILL_STEPS]
    for start, end in stretches:
        boxes[start:end] = others[start:end]
    return stretches


def _way(subject: _Subject, axis: Axis) -> Floats:
    """Return the centre of the frame along the free axis, one value per step."""
    is_face = subject.basis == FACE
    slack = _MOTION_SLACK_WIDTHS if subject.basis == "motion" else _SLACK_WIDTHS
    low, high = corridor(subject.boxes, axis, is_face=is_face, slack_widths=slack)
    max_step = MAX_SPEED * STEP_NS / NANOSECONDS_PER_SECOND / axis.widths
    return steady_way(low, high, max_step=max_step, window=_WINDOW)


def _piece(span: TimeSpan, way: Floats, axis: Axis) -> CameraPiece:
    """Write a way down; one that stands still has two points."""
    step_ns = STEP_NS
    if float(np.ptp(way)) <= _STILL:
        step_ns, way = max(span.length_ns, 1), np.full(2, float(np.mean(way)))
    along = tuple(float(value) for value in way)
    across = (0.5,) * len(along)
    return CameraPiece(span, step_ns, across, along) if axis.is_upright else CameraPiece(span, step_ns, along, across)
