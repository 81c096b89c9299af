"""Stretches of a clip that may be a fault: black ones, and ones that stand still. The source tells whether they are.

A black or a still stretch is no fault where the source is black or still at the same time. So the source is looked at
there, and only there: a clip without doubts costs nothing more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Any

import numpy as np

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.checking.expected import Expected, Origin
from ingest_svc.domain.exports.checking.frame_check import WHOLE, Window, window_at
from ingest_svc.domain.exports.checking.measured import PictureTrack
from ingest_svc.domain.exports.values import Strategy
from ingest_svc.domain.strict_json import items, mapping, number

__all__ = ["Doubt", "Kind", "Look", "black", "doubts_about", "is_fault", "read_looks"]

BLACK_PART = 0.98
"""A picture is black when this part of it is as good as black."""

STILL_LEVELS = 0.05
"""A picture repeats the one before when it differs by this many levels of brightness at most, on average."""

MOVING_LEVELS = 0.25
"""A source moves when its pictures differ by this many levels at least."""

LIT_PART = 0.8
"""A source is lit when no more than this part of it is as good as black."""

_MIN_BLACK_NS = 100_000_000
_MIN_STILL_NS = 500_000_000
_MIN_STILL_AT_EDGE_NS = 1_000_000_000
_MARGIN_NS = 50_000_000
_MOST = 60
_NEIGHBOURS = 12


class Kind(StrEnum):
    """What is odd about a stretch."""

    BLACK = "black"
    STILL = "still"


@dataclass(frozen=True, slots=True)
class Look:
    """Where to look in a source: `window` is what the clip shows of it, in times of the file."""

    origin: Origin
    span: TimeSpan
    window: Window


@dataclass(frozen=True, slots=True)
class Doubt:
    """A stretch that may be a fault.

    Attributes:
        kind: what is odd about it.
        pictures: how many pictures of the clip it has.
        look: where the source tells; None when nobody knows where the clip came from.
        moves_around: whether the pictures next to it move, on each side that has any.
        is_long: whether it is so long that it is odd at the edge of a clip, too.
    """

    kind: Kind
    pictures: int
    look: Look | None
    moves_around: bool
    is_long: bool


def black(track: PictureTrack) -> np.ndarray:
    """Return bool[n]: which pictures are black."""
    return np.asarray(track.dark) >= BLACK_PART


def doubts_about(track: PictureTrack, expected: Expected) -> tuple[Doubt, ...]:
    """Return the stretches that may be a fault, the longest first, at most 60."""
    is_black = black(track)
    repeats = (np.asarray(track.change) <= STILL_LEVELS) & ~is_black
    repeats[0] = False
    found = [
        *_doubts(Kind.BLACK, is_black, track, expected, _MIN_BLACK_NS),
        *_doubts(Kind.STILL, repeats, track, expected, _MIN_STILL_NS),
    ]
    return tuple(sorted(found, key=lambda doubt: -doubt.pictures)[:_MOST])


def is_fault(doubt: Doubt, seen: tuple[float, float] | None) -> bool:
    """Tell whether a doubt is a fault.

    Args:
        doubt: the doubt.
        seen: mean dark part and mean change of the source's pictures there; None when it could not be looked at or has
            no picture there.
    """
    if doubt.look is None:
        return doubt.kind is Kind.BLACK or (doubt.moves_around and doubt.is_long)
    if seen is None:
        return False
    dark, change = seen
    return dark <= LIT_PART if doubt.kind is Kind.BLACK else change >= MOVING_LEVELS


def read_looks(answer: object, count: int) -> tuple[tuple[float, float] | None, ...]:
    """Read the child's answer to `look`: for each span, mean dark part and mean change, or nothing.

    Raises:
        ValueError: it is not one.
    """
    found = items(mapping(answer), "looks", count)
    if len(found) != count:
        raise ValueError("not one answer for each look")
    return tuple(None if item is None else _pair(mapping(item)) for item in found)


def _pair(fields: Mapping[str, Any]) -> tuple[float, float]:
    return number(fields, "dark", high=1.0), number(fields, "change", high=255.0)


def _doubts(kind: Kind, flags: np.ndarray, track: PictureTrack, expected: Expected, least_ns: int) -> Iterator[Doubt]:
    at_ns = [*track.at_ns, track.end_ns]
    change = np.asarray(track.change)
    for first, end in _runs(flags):
        begin = first - 1 if kind is Kind.STILL else first  # the picture that is repeated stands still, too
        if at_ns[end] - at_ns[begin] < least_ns:
            continue
        sides = [change[max(1, first - _NEIGHBOURS) : first], change[end : end + _NEIGHBOURS]]
        moves = [float(np.median(side)) >= MOVING_LEVELS for side in sides if len(side)]
        is_inside = len(moves) == len(sides)
        is_long = is_inside or at_ns[end] - at_ns[begin] >= _MIN_STILL_AT_EDGE_NS
        moves_around = bool(moves) and all(moves)
        if not expected.origins:
            yield Doubt(kind, end - first, None, moves_around, is_long)
        for look, part in _looks(at_ns[begin], at_ns[end], expected):
            yield Doubt(kind, max(1, round((end - first) * part)), look, moves_around, is_long)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return [first, end) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _looks(start_ns: int, end_ns: int, expected: Expected) -> Iterator[tuple[Look, float]]:
    """Yield where a stretch of the clip lies in its sources, and which part of it."""
    ends = list(accumulate(expected.lengths_ns))
    for place, origin in enumerate(expected.origins[: len(ends)]):
        begin_ns = ends[place] - expected.lengths_ns[place]
        low, high = max(start_ns, begin_ns), min(end_ns, ends[place])
        margin = min(_MARGIN_NS, max(0, high - low) // 4)
        if high - low < _MIN_BLACK_NS:
            continue
        camera = expected.cameras[place] if place < len(expected.cameras) else None
        window = window_at(camera, (low + high) // 2 - begin_ns) if camera else _fixed(origin, expected)
        offset = origin.span.start_ns - begin_ns
        span = TimeSpan(max(0, low + margin + offset), max(0, high - margin + offset))
        yield Look(origin, span, window), (high - low) / (end_ns - start_ns)


def _fixed(origin: Origin, expected: Expected) -> Window:
    """Return what a strategy without a camera shows of a source."""
    if origin.strategy is not Strategy.CENTER_CROP:
        return WHOLE
    size = expected.encoding.size
    wide, high = origin.width * size.height, origin.height * size.width
    width, height = min(1.0, high / max(1, wide)), min(1.0, wide / max(1, high))
    return (1 - width) / 2, (1 - height) / 2, (1 + width) / 2, (1 + height) / 2
