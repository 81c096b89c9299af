"""Words become captions of at most two lines: broken at sentences, pauses and clauses, and where a line is full."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from chassis.core.writing import is_unspaced
from ingest_svc.domain.exports.captions.text import ends_clause, ends_sentence, takes_no_break_before
from ingest_svc.domain.exports.values import SpokenWord

__all__ = ["GroupedLines", "Room", "group"]

GroupedLines = tuple[tuple[SpokenWord, ...], ...]
"""One or two lines of words."""

_SECOND_NS = 1_000_000_000
_SHORT_NS = 700_000_000
_LONG_NS = 4_000_000_000
_BREATH_NS = 350_000_000
_PAUSE_NS = 700_000_000
_MOST_WORDS = 16
_LINES = 2
_LEFT_OVER = 1.0
"""What it costs to hold a piece of the next clause."""
_DANGLING = 0.2
_DANGLING_LETTERS = 3
"""Short words (`the`, `and`, `of`, `und`, `de`) mostly belong to what follows."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much fits: `measure` gives the width of a text, `widest` that of the widest line, in the same unit."""

    measure: Callable[[str], float]
    widest: float


@dataclass(frozen=True, slots=True)
class _Ruler:
    """Widths of stretches of words, without measuring each stretch."""

    words: Sequence[SpokenWord]
    edges: tuple[float, ...]
    widest: float

    @classmethod
    def of(cls, words: Sequence[SpokenWord], room: Room) -> "_Ruler":
        space = room.measure(" ")
        widths = (room.measure(word.text) + (0.0 if is_unspaced(word.text[-1]) else space) for word in words)
        return cls(words, tuple(accumulate(widths, initial=0.0)), room.widest + space)

    def width(self, first: int, end: int) -> float:
        return self.edges[end] - self.edges[first]

    def fits(self, first: int, end: int) -> bool:
        """Tell whether words fit into a line; a word alone always does, it is drawn smaller."""
        return end - first == 1 or self.width(first, end) <= self.widest

    def line_break(self, first: int, end: int) -> int | None:
        """Return where the second line begins, `end` when there is none; None when two lines do not hold the words."""
        if self.fits(first, end):
            return end
        if end - first > _LINES and self.width(first, end) > _LINES * self.widest:
            return None
        places = [
            place
            for place in range(first + 1, end)
            if self.fits(first, place) and self.fits(place, end) and not takes_no_break_before(self.words[place].text)
        ]
        return min(places, key=lambda place: self._imbalance(first, place, end), default=None)

    def _imbalance(self, first: int, place: int, end: int) -> float:
        unlike = abs(self.width(first, place) - self.width(place, end)) / self.widest
        return unlike - (0.3 if ends_clause(self.words[place - 1].text) else 0.0) + _dangling(self.words[place - 1])


def group(words: Sequence[SpokenWord], room: Room) -> tuple[GroupedLines, ...]:
    """Return the captions of words that follow each other, in order; every word stands in exactly one.

    The cheapest way is taken of all there are: few captions, that end with sentences or at pauses, and last long enough
    to be read. Cost: proportional to the number of words.
    """
    ruler = _Ruler.of(words, room)
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(words) + 1):
        ways = (
            (best[first][0] + _cost(words, first, end), first)
            for first in range(max(0, end - _MOST_WORDS), end)
            if end - first == 1 or ruler.line_break(first, end) is not None
        )
        best.append(min(ways))
    groups: list[GroupedLines] = []
    end = len(words)
    while end:
        first = best[end][1]
        place = ruler.line_break(first, end) or end
        groups.append(tuple(tuple(words[a:b]) for a, b in ((first, place), (place, end)) if a < b))
        end = first
    return tuple(reversed(groups))


def _cost(words: Sequence[SpokenWord], first: int, end: int) -> float:
    """Return how bad a caption is; 1 is what any caption costs."""
    cost = 1.0 + sum(_inside(words[at], words[at + 1]) for at in range(first, end - 1))
    if end < len(words):
        cost += _after(words[end - 1], words[end])
        cost += _LEFT_OVER if _is_left_over(words[first:end]) else 0.0
    until = words[end].start_ns if end < len(words) else words[end - 1].end_ns
    shown_ns, spoken_ns = until - words[first].start_ns, words[end - 1].end_ns - words[first].start_ns
    cost += max(0, _SHORT_NS - shown_ns) * 8 / _SECOND_NS
    return cost + max(0, spoken_ns - _LONG_NS) / _SECOND_NS


def _is_left_over(words: Sequence[SpokenWord]) -> bool:
    """Tell whether a clause ends inside a caption and what follows it is not whole."""
    *before, last = words
    return not ends_clause(last.text) and any(ends_clause(word.text) for word in before)


def _inside(word: SpokenWord, following: SpokenWord) -> float:
    """Return what it costs not to break between two words."""
    pause_ns = following.start_ns - word.end_ns
    end = 2.0 if ends_sentence(word.text) else 0.3 if ends_clause(word.text) else 0.0
    return end + 2.0 * max(0, pause_ns - _PAUSE_NS) / _SECOND_NS


def _after(word: SpokenWord, following: SpokenWord) -> float:
    """Return what it costs to break between two words."""
    pause_ns = following.start_ns - word.end_ns
    if ends_sentence(word.text):
        return 0.0
    if ends_clause(word.text):
        return 0.25
    cost = 0.5 if pause_ns > _PAUSE_NS else 1.0 if pause_ns > _BREATH_NS else 1.5
    return cost + _dangling(word) + (2.0 if takes_no_break_before(following.text) else 0.0)


def _dangling(word: SpokenWord) -> float:
    return _DANGLING if len(word.text) <= _DANGLING_LETTERS and not ends_clause(word.text) else 0.0
