"""Where a cut may lie: never through a word, and with a little air around what is said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.values import SpokenWord

__all__ = ["AIR_AFTER_NS", "AIR_BEFORE_NS", "LONGEST_NS", "REACH_NS", "quiet_places", "snap"]

REACH_NS = 1_000_000_000
"""How far begin and end may move."""
AIR_BEFORE_NS = 80_000_000
"""What is kept free before a word, where the pause has room for it: its sound begins a little before its time."""
AIR_AFTER_NS = 150_000_000
"""What is kept free after a word, where the pause has room for it."""
LONGEST_NS = 180_000_000_000
"""The longest export."""

_PAUSE_NS = 200_000_000
_SILENCE_NS = 50_000_000
_NO_PAUSE_COSTS_NS = 400_000_000
"""A pause is worth this much of a longer way: between two words that follow each other at once one hears the cut."""
_UNSNAPPED_COSTS_NS = 4 * REACH_NS
_SHORTEST_NS = 500_000_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Instants from `first_ns` to `last_ns`, both included, at which nobody speaks."""

    first_ns: int
    last_ns: int
    cost_ns: int

    def nearest(self, at_ns: int) -> int:
        return min(max(at_ns, self.first_ns), self.last_ns)


def snap(span: TimeSpan, words: Sequence[SpokenWord], *, length_ns: int, silences: Sequence[TimeSpan] = ()) -> TimeSpan:
    """Move begin and end of a span, each by at most a second, to where nobody is speaking.

    Args:
        span: what was asked for.
        words: what is said in the video, in any order; without any the span stays as it is.
        length_ns: length of the video; the result ends there at the latest.
        silences: stretches in which nothing is heard, where they are known.

    Returns:
        A span that is not empty and not longer than the longer one of `span` and 180 s. An end that has nothing quiet
        in reach stays where it was.
    """
    asked = TimeSpan(min(span.start_ns, length_ns), min(span.end_ns, length_ns))
    places = quiet_places(words, length_ns, silences) if words else ()
    if not places or not asked.length_ns:
        return asked
    longest, shortest = max(LONGEST_NS, asked.length_ns), min(_SHORTEST_NS, asked.length_ns)
    starts, ends = _around(asked.start_ns, places), _around(asked.end_ns, places)
    pairs = (
        (start_cost + end_cost, start, end)
        for start_cost, start in _in_reach(asked.start_ns, starts)
        for end_cost, end in _in_reach(asked.end_ns, ends, latest_ns=start + longest)
        if shortest <= end - start <= longest
    )
    _, start, end = min(pairs)
    return TimeSpan(start, end)


def quiet_places(words: Sequence[SpokenWord], length_ns: int, silences: Sequence[TimeSpan] = ()) -> tuple[_Place, ...]:
    """Return where a video may be cut, in order: before the first word, between words, and after the last."""
    places: list[_Place] = []
    spoken_until = None
    inside = (word for word in words if word.start_ns < length_ns)
    for word in sorted(inside, key=lambda one: (one.start_ns, one.end_ns)):
        if spoken_until is None or word.start_ns >= spoken_until:
            places += _between(spoken_until, word.start_ns, length_ns, silences)
        spoken_until = max(spoken_until or 0, word.end_ns)
    return (*places, *_between(spoken_until, None, length_ns, silences))


def _between(
    ended_ns: int | None, begins_ns: int | None, length_ns: int, silences: Sequence[TimeSpan]
) -> Iterator[_Place]:
    """Yield the quiet places between two words; None stands for the begin and the end of the video."""
    low, high = max(0, ended_ns or 0), length_ns if begins_ns is None else min(begins_ns, length_ns)
    if low > high:
        return
    before = 0 if begins_ns is None else AIR_BEFORE_NS
    after = 0 if ended_ns is None else AIR_AFTER_NS
    if low + after <= high - before:
        first, last = low + after, high - before
    else:  # what room there is, is shared in the same proportion
        first = last = low + (high - low) * after // (after + before)
    is_pause = high - low >= _PAUSE_NS or ended_ns is None or begins_ns is None or _is_heard_as_one(low, high, silences)
    yield _Place(first, last, 0 if is_pause else _NO_PAUSE_COSTS_NS)


def _is_heard_as_one(low: int, high: int, silences: Sequence[TimeSpan]) -> bool:
    return any(min(high, silence.end_ns) - max(low, silence.start_ns) >= _SILENCE_NS for silence in silences)


def _around(at_ns: int, places: Sequence[_Place]) -> tuple[_Place, ...]:
    return tuple(one for one in places if one.first_ns - REACH_NS <= at_ns <= one.last_ns + REACH_NS)


def _in_reach(at_ns: int, places: Sequence[_Place], *, latest_ns: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield what each instant in reach costs, and the instant; staying is always possible and costs most."""
    yield _UNSNAPPED_COSTS_NS, at_ns
    for place in places:
        target = place.nearest(at_ns if latest_ns is None else min(at_ns, latest_ns))
        if abs(target - at_ns) <= REACH_NS:
            yield abs(target - at_ns) + place.cost_ns, target
