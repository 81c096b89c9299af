"""What speaks for a stretch of a video, each kind weighed from 0 to 1."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from types import MappingProxyType

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.proposing.moments import Material, Sentence, Shot

__all__ = ["Evidence", "Kind", "Reason"]

_NS_PER_SECOND = 1_000_000_000
_NEAR_NS = 400_000_000
_LEAD_NS = 1_000_000_000
_DENSE, _FAST = 0.75, 2.5
"""Part of the time, and words a second, from which on more speech is not better."""
_LETTERS_ENOUGH = 60
_SEEN_NS = 2 * _NS_PER_SECOND
_ANSWER_NS = 3 * _NS_PER_SECOND
_SEARCHES_HALF = 1
_MOST_PHRASES = 20
_WEAK = 0.05


class Kind(StrEnum):
    """What may speak for a stretch."""

    SPEECH_DENSITY = "SPEECH_DENSITY"
    WHOLE_SENTENCES = "WHOLE_SENTENCES"
    QUESTION_AND_ANSWER = "QUESTION_AND_ANSWER"
    SEARCHED_FOR = "SEARCHED_FOR"
    FACES = "FACES"
    CUTS = "CUTS"
    ON_SCREEN_TEXT = "ON_SCREEN_TEXT"


_WEIGHTS: Mapping[Kind, float] = MappingProxyType(
    {
        Kind.SPEECH_DENSITY: 0.28,
        Kind.WHOLE_SENTENCES: 0.24,
        Kind.QUESTION_AND_ANSWER: 0.12,
        Kind.SEARCHED_FOR: 0.12,
        Kind.FACES: 0.08,
        Kind.CUTS: 0.10,
        Kind.ON_SCREEN_TEXT: 0.06,
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One thing that speaks for a stretch: how much, from 0 to 1, and a sentence for people."""

    strength: float
    kind: Kind
    message: str


@dataclass(frozen=True, slots=True)
class _Phrase:
    text: str
    count: int
    places: tuple[tuple[int, ...], ...]
    """For each of its words, when it is said or shown, in order."""

    def is_in(self, span: TimeSpan) -> bool:
        return all(
            (place := bisect_left(times, span.start_ns)) < len(times) and times[place] < span.end_ns
            for times in self.places
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a video, made ready for weighing many stretches of it."""

    material: Material
    sentences: tuple[Sentence, ...]
    begins: tuple[int, ...]
    spoken: tuple[int, ...]
    shot_begins: tuple[int, ...]
    phrases: tuple[_Phrase, ...]
    counted: frozenset[Kind]
    """Kinds that are weighed: speech, sentences and cuts always, the others where this video has any."""

    @classmethod
    def of(cls, material: Material) -> "Evidence":
        """Prepare what is known of a video."""
        sentences = material.sentences or ()
        phrases = tuple(_phrases(material))
        counted = {Kind.CUTS, Kind.SPEECH_DENSITY, Kind.WHOLE_SENTENCES}
        counted |= {Kind.QUESTION_AND_ANSWER} if any(one.is_question for one in sentences) else set()
        counted |= {Kind.SEARCHED_FOR} if phrases else set()
        counted |= {Kind.FACES} if any(shot.faces for shot in material.shots) else set()
        counted |= {Kind.ON_SCREEN_TEXT} if any(shot.shown for shot in material.shots) else set()
        return cls(
            material,
            sentences,
            tuple(one.span.start_ns for one in sentences),
            tuple(accumulate((one.spoken_ns for one in sentences), initial=0)),
            tuple(shot.span.start_ns for shot in material.shots),
            phrases,
            frozenset(counted),
        )

    def weigh(self, span: TimeSpan) -> tuple[float, tuple[Reason, ...]]:
        """Return how good a stretch looks, 0 to 1, and why, best first.

        The score is the weighted mean over speech, sentences, cuts, and all else that this video has any of.
        """
        found = [reason for reason in self._reasons(span) if reason and reason.kind in self.counted]
        total = sum(_WEIGHTS[kind] for kind in self.counted)
        score = sum(_WEIGHTS[one.kind] * one.strength for one in found) / total
        ranked = sorted(
            (one for one in found if one.strength > _WEAK), key=lambda one: -one.strength * _WEIGHTS[one.kind]
        )
        return round(min(1.0, score), 6), tuple(ranked)

    def text(self, span: TimeSpan) -> str:
        """Return what is said in a stretch."""
        return " ".join(one.text for one in self._said(span))

    def scene_ids(self, span: TimeSpan) -> tuple[str, ...]:
        """Return the scenes that a stretch touches, in order."""
        return tuple(shot.scene_id for shot in self._shots(span))

    def _reasons(self, span: TimeSpan) -> Iterator[Reason | None]:
        said, shots = self._said(span), self._shots(span)
        if said:
            yield self._density(span, said)
            yield _whole(span, said)
            yield _answered(span, said)
        yield self._searched(span)
        yield self._cuts(span, shots)
        if shots:
            yield _faces(span, shots)
            yield _shown(span, shots)

    def _said(self, span: TimeSpan) -> Sequence[Sentence]:
        first, end = bisect_left(self.begins, span.start_ns), bisect_left(self.begins, span.end_ns)
        return self.sentences[first:end]

    def _shots(self, span: TimeSpan) -> Sequence[Shot]:
        first = max(0, bisect_right(self.shot_begins, span.start_ns) - 1)
        shots = self.material.shots[first : bisect_left(self.shot_begins, span.end_ns)]
        return [shot for shot in shots if shot.span.end_ns > span.start_ns]

    def _density(self, span: TimeSpan, said: Sequence[Sentence]) -> Reason:
        first = bisect_left(self.begins, span.start_ns)
        share = (self.spoken[first + len(said)] - self.spoken[first]) / span.length_ns
        pace = sum(one.words for one in said) / span.length_ns * _NS_PER_SECOND
        message = f"somebody speaks {min(share, 1):.0%} of the time, {pace:.1f} words a second"
        strength = 0.6 * min(1.0, share / _DENSE) + 0.4 * min(1.0, pace / _FAST)
        return Reason(strength, Kind.SPEECH_DENSITY, message)

    def _searched(self, span: TimeSpan) -> Reason | None:
        met = [phrase for phrase in self.phrases if phrase.is_in(span)]
        if not met:
            return None
        total = sum(phrase.count for phrase in met)
        times = "once" if total == 1 else f"{total} times"
        names = ", ".join(f"\u201c{phrase.text}\u201d" for phrase in met[:3])
        return Reason(total / (total + _SEARCHES_HALF), Kind.SEARCHED_FOR, f"searched for {times}: {names}")

    def _cuts(self, span: TimeSpan, shots: Sequence[Shot]) -> Reason:
        edges = {0, self.material.length_ns, *(edge for s in shots for edge in (s.span.start_ns, s.span.end_ns))}
        begins, ends = (any(abs(edge - at) <= _NEAR_NS for edge in edges) for at in (span.start_ns, span.end_ns))
        inside = sum(span.start_ns + _NEAR_NS < shot.span.start_ns < span.end_ns - _NEAR_NS for shot in shots)
        pace = min(1.0, inside * 10 * _NS_PER_SECOND / span.length_ns)
        where = " and ".join(word for word, is_so in (("begins", begins), ("ends", ends)) if is_so)
        parts = [f"{where} at a cut"] * bool(where) + [f"{inside} cuts inside" if inside != 1 else "one cut inside"]
        return Reason(0.4 * begins + 0.4 * ends + 0.2 * pace, Kind.CUTS, ", ".join(parts))


def _whole(span: TimeSpan, said: Sequence[Sentence]) -> Reason:
    lead, rest = said[0].span.start_ns - span.start_ns, span.end_ns - said[-1].span.end_ns
    tight = 0.15 * (lead <= _LEAD_NS) + 0.15 * (rest <= _LEAD_NS)
    begins, ends = not said[0].carries_on, said[-1].has_end
    count = "one sentence" if len(said) == 1 else f"{len(said)} sentences"
    how = "whole" if begins and ends else "but it carries on what came before" if ends else "but the last has no end"
    return Reason(0.2 + 0.25 * begins + 0.25 * ends + tight, Kind.WHOLE_SENTENCES, f"{count}, {how}")


def _answered(span: TimeSpan, said: Sequence[Sentence]) -> Reason | None:
    """Return the first question that is answered: something else is said after it, for 3 s at least."""
    for place, question in enumerate(said):
        answer = [one for one in said[place + 1 :] if not one.is_question]
        if question.is_question and sum(one.span.length_ns for one in answer) >= _ANSWER_NS:
            early = 1 - (question.span.start_ns - span.start_ns) / span.length_ns
            return Reason(0.5 + 0.5 * early, Kind.QUESTION_AND_ANSWER, f"asks \u201c{question.text}\u201d and answers")
    return None


def _faces(span: TimeSpan, shots: Sequence[Shot]) -> Reason | None:
    seen = sum(
        (shot.faces or 0.0) * (min(shot.span.end_ns, span.end_ns) - max(shot.span.start_ns, span.start_ns))
        for shot in shots
    )
    share = seen / span.length_ns
    return Reason(min(1.0, share), Kind.FACES, f"a face is seen {share:.0%} of the time") if share else None


def _shown(span: TimeSpan, shots: Sequence[Shot]) -> Reason | None:
    """Return what can be read in a stretch: of shots that are in it for two seconds, or to the half."""
    lines = list(dict.fromkeys(line for shot in shots if _is_seen(shot.span, span) for line in shot.shown))
    letters = sum(map(len, lines))
    if not letters:
        return None
    strength = min(1.0, letters / _LETTERS_ENOUGH)
    return Reason(strength, Kind.ON_SCREEN_TEXT, f"text can be read in it: \u201c{' / '.join(lines)[:80]}\u201d")


def _is_seen(shot: TimeSpan, span: TimeSpan) -> bool:
    inside = min(shot.end_ns, span.end_ns) - max(shot.start_ns, span.start_ns)
    return inside >= min(_SEEN_NS, shot.length_ns / 2)


def _phrases(material: Material) -> Iterator[_Phrase]:
    """Yield the most frequent phrases all of whose words are said or shown somewhere in the video."""
    times: dict[str, list[int]] = {}
    for sentence in material.sentences or ():
        for word in _words(sentence.text):
            times.setdefault(word, []).append(sentence.span.start_ns)
    for shot in material.shots:
        for word in _words(" ".join(shot.shown)):
            times.setdefault(word, []).append(shot.span.start_ns)
    found = 0
    for phrase in sorted(material.searched or (), key=lambda one: -one.count):
        words = _words(phrase.text)
        if words and all(word in times for word in words) and found < _MOST_PHRASES:
            found += 1
            yield _Phrase(phrase.text, phrase.count, tuple(tuple(sorted(times[word])) for word in words))


def _words(text: str) -> frozenset[str]:
    cleaned = "".join(letter if letter.isalnum() else " " for letter in text.casefold())
    return frozenset(cleaned.split())
