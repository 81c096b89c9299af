"""What a video is made of when one looks for shorts in it: shots, sentences, and what people searched for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chassis.core.mediatime import TimeSpan
from chassis.core.writing import join_words
from ingest_svc.domain.exports.captions.text import ends_sentence
from ingest_svc.domain.exports.values import SpokenWord

__all__ = ["Material", "Searched", "Sentence", "Shot", "sentences_of"]

_NS_PER_SECOND = 1_000_000_000
_LONGEST_NS = 20 * _NS_PER_SECOND
_PAUSE_NS = 2_500_000_000
_PAUSE_IN_SENTENCE_NS = 5_000_000_000
_PAUSE_OF_UNMARKED_NS = 700_000_000
_WORDS_PER_MARK = 40


@dataclass(frozen=True, slots=True)
class Searched:
    """A phrase that was searched for, and how often."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One scene of a video.

    `shown` is the text that was read in it, `faces` the part of it with a face, 0 to 1, or None where nobody looked.
    """

    scene_id: str
    span: TimeSpan
    shown: tuple[str, ...] = ()
    faces: float | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said in one breath. `spoken_ns` is how long its words last together.

    `has_end` tells whether it ends with the mark of a sentence, or as any sentence of a transcript without marks does.
    """

    text: str
    span: TimeSpan
    words: int
    spoken_ns: int
    has_end: bool = True

    @property
    def is_question(self) -> bool:
        """Whether it asks something."""
        return self.text.rstrip("\"')]\u201d\u2019\u00bb").endswith(("?", "\uff1f", "\u061f"))

    @property
    def carries_on(self) -> bool:
        """Whether it begins in the middle: with a small letter, where there are small and large ones."""
        first = next((letter for letter in self.text if letter.isalpha()), "")
        return first.islower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is known of a video. `sentences` is None where nothing is known of what is said, `searched` likewise."""

    length_ns: int
    shots: tuple[Shot, ...]
    sentences: tuple[Sentence, ...] | None = None
    searched: tuple[Searched, ...] | None = None


def sentences_of(words: Sequence[SpokenWord]) -> tuple[Sentence, ...]:
    """Return the sentences of words in order of time.

    A sentence ends with its mark or before a long pause, a longer one where a small letter carries on; where the
    recogniser writes no marks, before any pause. One of more than 20 s is parted at its longest pause.
    """
    has_marks = sum(ends_sentence(word.text) for word in words) * _WORDS_PER_MARK >= len(words)
    found: list[Sentence] = []
    begun = 0
    for place, word in enumerate(words, 1):
        following = words[place] if place < len(words) else None
        if following is None or ends_sentence(word.text) or _parts(word, following, has_marks=has_marks):
            found += (_sentence(part, has_marks=has_marks) for part in _parted(words[begun:place]))
            begun = place
    return tuple(found)


def _parts(word: SpokenWord, following: SpokenWord, *, has_marks: bool) -> bool:
    """Tell whether the pause after a word is as good as a mark."""
    pause_ns = following.start_ns - word.end_ns
    if not has_marks:
        return pause_ns > _PAUSE_OF_UNMARKED_NS
    return pause_ns > (_PAUSE_IN_SENTENCE_NS if following.text[:1].islower() else _PAUSE_NS)


def _parted(words: Sequence[SpokenWord]) -> Iterator[Sequence[SpokenWord]]:
    """Yield words in stretches of at most 20 s, parted at the longest pauses."""
    waiting = [words]
    while waiting:
        stretch = waiting.pop()
        if len(stretch) == 1 or stretch[-1].end_ns - stretch[0].start_ns <= _LONGEST_NS:
            yield stretch
            continue
        place = max(range(1, len(stretch)), key=lambda at: stretch[at].start_ns - stretch[at - 1].end_ns)
        waiting += [stretch[place:], stretch[:place]]


def _sentence(words: Sequence[SpokenWord], *, has_marks: bool) -> Sentence:
    spoken = sum(max(0, word.end_ns - word.start_ns) for word in words)
    span = TimeSpan(words[0].start_ns, max(word.end_ns for word in words))
    return Sentence(
        join_words(word.text.strip() for word in words),
        span,
        len(words),
        spoken,
        not has_marks or ends_sentence(words[-1].text),
    )
