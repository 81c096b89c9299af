"""When captions are shown: with their words, long enough to be read, never two at once."""

from collections.abc import Sequence

from chassis.core.mediatime import TimeSpan

__all__ = ["SHORTEST_NS", "show"]

SHORTEST_NS = 700_000_000
"""How long a caption is shown at least, where its cut has the room."""
_LINGER_NS = 200_000_000
_NS_PER_LETTER = 50_000_000
"""A caption stays for a twentieth of a second per letter where nothing follows."""


def show(spoken: Sequence[TimeSpan], letters: Sequence[int], within: TimeSpan) -> tuple[TimeSpan, ...]:
    """Return when captions are shown whose words are said in `spoken`, in order, inside one cut.

    Each begins with its first word and stays 0.2 s after its last, or as long as its letters need; the next ends it.
    Where words come faster, captions begin earlier or later than their words so that each has its 0.7 s, or an equal
    share of the cut when that is less.
    """
    if not spoken:
        return ()
    least = min(SHORTEST_NS, within.length_ns // len(spoken))
    begins: list[int] = []
    earliest = within.start_ns
    for span in spoken:
        begins.append(max(span.start_ns, earliest))
        earliest = begins[-1] + least
    latest = within.end_ns
    for place in reversed(range(len(begins))):
        latest -= least
        begins[place] = latest = min(begins[place], latest)
    until = (*begins[1:], within.end_ns)
    return tuple(
        TimeSpan(begin, min(limit, max(span.end_ns + _LINGER_NS, begin + least, begin + count * _NS_PER_LETTER)))
        for begin, limit, span, count in zip(begins, until, spoken, letters, strict=True)
    )
