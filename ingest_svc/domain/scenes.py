"""Scenes: a cut list becomes half-open spans that cover the whole video, in exact nanoseconds."""

from collections.abc import Iterable
from itertools import pairwise

from chassis.core.mediatime import TimeSpan

__all__ = ["DEFAULT_MIN_SCENE_NS", "DEFAULT_WINDOW_NS", "scenes_from_cuts", "windows"]

DEFAULT_MIN_SCENE_NS = 250_000_000
"""A shot shorter than this is a sliver nobody looks for; it joins its neighbour."""

DEFAULT_WINDOW_NS = 30_000_000_000
"""Sound without pictures is cut into windows of at most this length: one pass of the speech recogniser."""


def scenes_from_cuts(
    cuts_ns: Iterable[int], duration_ns: int, *, min_scene_ns: int = DEFAULT_MIN_SCENE_NS
) -> tuple[TimeSpan, ...]:
    """Turn the first instants of new shots into scenes.

    The scenes are ordered, touch each other and cover [0, duration_ns) exactly; a video without cuts is one scene.
    Each is at least `min_scene_ns` long unless the whole video is shorter: a short shot joins the one before it, the
    first one the one after it. Cuts may come unordered, twice or outside of the video.

    Raises:
        ValueError: the duration is not positive.
    """
    if duration_ns <= 0:
        raise ValueError(f"a video lasts longer than nothing, not {duration_ns} ns")
    bounds = [0]
    for cut_ns in sorted(set(cuts_ns)):
        if cut_ns - bounds[-1] >= min_scene_ns and 0 < cut_ns <= duration_ns - min_scene_ns and cut_ns < duration_ns:
            bounds.append(cut_ns)
    return tuple(TimeSpan(start, end) for start, end in pairwise([*bounds, duration_ns]))


def windows(duration_ns: int, *, window_ns: int = DEFAULT_WINDOW_NS) -> tuple[TimeSpan, ...]:
    """Cut a time line into the fewest equal windows of at most `window_ns`, which cover [0, duration_ns) exactly.

    Raises:
        ValueError: the duration or the window is not positive.
    """
    if duration_ns <= 0 or window_ns <= 0:
        raise ValueError(f"windows need positive lengths, not {duration_ns} ns by {window_ns} ns")
    count = -(-duration_ns // window_ns)
    return tuple(
        TimeSpan(start, end) for start, end in pairwise(duration_ns * step // count for step in range(count + 1))
    )
