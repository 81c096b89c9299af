"""Which stretches of a video would make shorts: all that begin and end well, ranked by what speaks for them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from chassis.core.mediatime import TimeSpan, seconds_from_ns
from ingest_svc.domain.exports.proposing.evidence import Evidence, Reason
from ingest_svc.domain.exports.proposing.moments import Material
from ingest_svc.domain.exports.proposing.snapping import AIR_AFTER_NS, AIR_BEFORE_NS

__all__ = ["Proposal", "Wish", "propose"]

_NS_PER_SECOND = 1_000_000_000
_LEAST_NS = 3 * _NS_PER_SECOND
_FILL_NS = 5 * _NS_PER_SECOND
_MOST_CANDIDATES = 20_000
_SAID_BEFORE = 0.6
_WORTH = 0.3


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: the shortest and longest stretch, and how many at most."""

    shortest_ns: int
    longest_ns: int
    limit: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """One stretch, how good it looks from 0 to 1, why (best first), what is said in it, and the scenes it touches."""

    span: TimeSpan
    score: float
    reasons: tuple[Reason, ...]
    text: str
    scene_ids: tuple[str, ...]


def propose(material: Material, wish: Wish) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    """Return the best stretches, best first, none overlapping another, and what had to be done otherwise than asked.

    What is worth less than 30 % of the best one is left out, and so is what repeats a better one word by word.
    Every stretch begins and ends between sentences: at a cut, or with a little air around what is said. A video that is
    shorter than the shortest stretch is proposed as a whole when it has at least 3 s.
    Cost: some tens of microseconds for each pair of a begin and an end, of which at most about 20,000 are looked at.
    """
    length = material.length_ns
    if length < wish.shortest_ns:
        return _whole(material, wish)
    evidence = Evidence.of(material)
    spans = list(_candidates(material, wish)) or [TimeSpan(0, min(length, wish.longest_ns))]
    ranked = sorted((-score, span, reasons) for span in spans for score, reasons in (evidence.weigh(span),))
    chosen: list[Proposal] = []
    for negative, span, reasons in ranked:
        if len(chosen) == wish.limit or -negative < _WORTH * -ranked[0][0]:
            break
        if any(span.start_ns < one.span.end_ns and one.span.start_ns < span.end_ns for one in chosen):
            continue
        text = evidence.text(span)
        if not any(_is_repeat(text, one.text) for one in chosen):
            chosen.append(Proposal(span, -negative, reasons, text, evidence.scene_ids(span)))
    return tuple(chosen), ()


def _whole(material: Material, wish: Wish) -> tuple[tuple[Proposal, ...], tuple[str, ...]]:
    length, asked = seconds_from_ns(material.length_ns), seconds_from_ns(wish.shortest_ns)
    if material.length_ns < _LEAST_NS:
        return (), (f"no stretch: VIDEO_TOO_SHORT: the video lasts {length:g} s, and a short needs 3 s",)
    evidence, span = Evidence.of(material), TimeSpan(0, material.length_ns)
    score, reasons = evidence.weigh(span)
    whole = Proposal(span, score, reasons, evidence.text(span), evidence.scene_ids(span))
    note = f"no {asked:g} s: VIDEO_SHORTER_THAN_ASKED: the video lasts {length:g} s, so the whole of it is proposed"
    return (whole,), (note,)


def _candidates(material: Material, wish: Wish) -> Iterator[TimeSpan]:
    """Yield every stretch of the right length between two good places, the ends thinned where there are too many."""
    begins, ends = _places(material)
    reach = [
        (begin, bisect_left(ends, begin + wish.shortest_ns), bisect_right(ends, begin + wish.longest_ns))
        for begin in begins
    ]
    step = 1 + sum(last - first for _, first, last in reach) // _MOST_CANDIDATES
    for begin, first, last in reach:
        yield from (TimeSpan(begin, end) for end in ends[first:last:step])


def _places(material: Material) -> tuple[Sequence[int], Sequence[int]]:
    """Return where a stretch may begin and where it may end, in order."""
    spoken = [sentence.span for sentence in material.sentences or ()]
    until = list(accumulate((one.end_ns for one in spoken), max, initial=0))
    begins, ends, free = {0}, {material.length_ns}, []
    for place in range(len(spoken) + 1):
        low = until[place]
        high = spoken[place].start_ns if place < len(spoken) else material.length_ns
        if low > high:
            continue
        room = min(1.0, (high - low) / (AIR_AFTER_NS + AIR_BEFORE_NS))
        if place < len(spoken):
            begins.add(high - round(AIR_BEFORE_NS * room))
        if place:
            ends.add(low + round(AIR_AFTER_NS * room))
        free.append((low, high))
    cuts = sorted({shot.span.start_ns for shot in material.shots} | {shot.span.end_ns for shot in material.shots})
    for low, high in free:
        inside = cuts[bisect_left(cuts, low) : bisect_right(cuts, high)]
        begins.update(inside)
        ends.update(inside)
        if high - low >= 2 * _FILL_NS:
            fill = [at for at in range(low + _FILL_NS, high - _FILL_NS, _FILL_NS) if not _near(cuts, at)]
            begins.update(fill)
            ends.update(fill)
    return sorted(begins), sorted(end for end in ends if end <= material.length_ns)


def _near(cuts: Sequence[int], at: int) -> bool:
    place = bisect_left(cuts, at)
    return any(abs(cut - at) < _FILL_NS // 2 for cut in cuts[max(0, place - 1) : place + 1])


def _is_repeat(text: str, other: str) -> bool:
    """Tell whether most of a text is said in another one too, by its runs of three words."""
    one, two = _runs(text), _runs(other)
    return bool(one) and len(one & two) / len(one) > _SAID_BEFORE


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.strip(".,!?;:").casefold() for word in text.split()]
    return set(zip(words, words[1:], words[2:], strict=False))
