"""What a recogniser heard becomes a transcript: ordered, clipped, normalised, honest about what not to trust.

Recognisers repeat and invent text with high confidence. Such segments are kept, marked, and left out of the index.
Times are seconds from the start of the audio.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chassis.core import writing
from inference_svc.domain.audio_windows import Span, voiced_share

__all__ = [
    "RawSegment",
    "Segment",
    "Transcript",
    "TrustMark",
    "Word",
    "join_words",
    "normalise_segments",
    "words_between",
]

_MIN_SEGMENT_SECONDS = 0.02
_MIN_VOICED_SHARE = 0.1
_HALF_VOICED_SHARE = 0.5
_MAX_NO_SPEECH_PROBABILITY = 0.6
_MIN_MEAN_LOG_PROBABILITY = -1.0
_MAX_COMPRESSION_RATIO = 2.4
_MIN_RUN_OF_EQUAL_SEGMENTS = 3
_LOOP_WORDS = 12
_MAX_DOUBLED_SHARE = 0.5


class TrustMark(StrEnum):
    """Why a segment is not trusted; the words of `trust_marks` in the contract."""

    REPETITION = "REPETITION"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    NO_SPEECH = "NO_SPEECH"


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word, punctuation included; `start <= end`, probability in [0, 1]."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class RawSegment:
    """A segment as the recogniser gave it; nothing about it is promised."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...]
    mean_log_probability: float
    no_speech_probability: float
    compression_ratio: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence or phrase; `start < end`; words in order and inside it."""

    index: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    marks: tuple[TrustMark, ...]

    @property
    def is_trusted(self) -> bool:
        """Whether it belongs in the index."""
        return not self.marks


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything that was heard in one recording."""

    language: str
    """BCP-47 tag; empty when nothing was said."""
    language_probability: float
    duration: float
    """Seconds of audio."""
    voiced: tuple[Span, ...]
    """Where somebody speaks."""
    segments: tuple[Segment, ...]


def normalise_segments(raw: Iterable[RawSegment], *, duration: float, voiced: Sequence[Span]) -> tuple[Segment, ...]:
    """Order, clip to [0, duration], snap words to the voice, number, and mark; segments without words or length go.

    Words are monotonic over the whole result: none starts before its predecessor ended.
    """
    kept: list[tuple[RawSegment, str, tuple[Word, ...], Span]] = []
    clock = 0.0
    for segment in sorted(raw, key=lambda item: (item.start, item.end)):
        text = _clean(segment.text)
        if not text:
            continue
        words = _place_words(segment, text, clock, duration=duration, voiced=voiced)
        end = max(words[-1].end, min(duration, words[0].start + _MIN_SEGMENT_SECONDS))
        if end <= words[0].start:
            continue
        clock = words[-1].end
        kept.append((segment, text, words, Span(words[0].start, end)))
    repeated = _repeated([text for _, text, _, _ in kept])
    return tuple(
        Segment(
            index, span.start, span.end, text, words, _marks(segment, text, span, voiced, is_repeated=index in repeated)
        )
        for index, (segment, text, words, span) in enumerate(kept)
    )


def words_between(segments: Sequence[Segment], start: float, end: float) -> tuple[Word, ...]:
    """Return the words that begin in [start, end), untrusted segments included: cuts partition a transcript exactly."""
    return tuple(word for segment in segments for word in segment.words if start <= word.start < end)


def join_words(words: Sequence[Word]) -> str:
    """Put words back into a line; scripts that write without spaces get none."""
    return writing.join_words(word.text for word in words)


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _place_words(
    segment: RawSegment, text: str, clock: float, *, duration: float, voiced: Sequence[Span]
) -> tuple[Word, ...]:
    source = _whole_words(segment.words) or [Word(text, segment.start, segment.end, 0.0)]
    home = _home(source, voiced) or Span(0.0, duration)
    placed = []
    for word in source:
        start = min(max(word.start, home.start), home.end)
        end = min(max(word.end, start), home.end)
        start, end = _snap(start, end, voiced)
        start = min(max(start, clock), duration)
        end = min(max(end, start), duration)
        placed.append(Word(_clean(word.text), start, end, min(1.0, max(0.0, word.probability))))
        clock = end
    return tuple(placed)


def _whole_words(words: Iterable[Word]) -> list[Word]:
    """Put pieces that carry on a word (`ill` + `-disposed`) together; a new word begins with a space or a letter."""
    whole: list[Word] = []
    for word in words:
        if not _clean(word.text):
            continue
        if whole and not word.text[0].isspace() and not word.text[0].isalnum():
            last = whole[-1]
            probability = min(last.probability, word.probability)
            whole[-1] = Word(last.text + word.text, last.start, max(last.end, word.end), probability)
        else:
            whole.append(word)
    return whole


def _home(words: Sequence[Word], voiced: Sequence[Span]) -> Span | None:
    """Return the stretch from the first to the last voice that any of the words meets; None when none does.

    Recognisers place the first words of a sentence at the end of the pause before it: they belong here.
    """
    met = [voice for voice in voiced if any(word.start < voice.end and word.end > voice.start for word in words)]
    return Span(met[0].start, met[-1].end) if met else None


def _snap(start: float, end: float, voiced: Sequence[Span]) -> tuple[float, float]:
    """Shrink a word that runs on into a pause to where the voice is; a word without any voice stays as it is."""
    touched = [voice for voice in voiced if voice.start < end and voice.end > start]
    if not touched:
        return start, end
    # A word that merely grazes the voice before a pause belongs to the voice it covers most.
    best = max(touched, key=lambda voice: min(end, voice.end) - max(start, voice.start))
    return max(start, best.start), min(end, best.end)


def _marks(
    segment: RawSegment, text: str, span: Span, voiced: Sequence[Span], *, is_repeated: bool
) -> tuple[TrustMark, ...]:
    marks = []
    if is_repeated or segment.compression_ratio > _MAX_COMPRESSION_RATIO or _loops(text):
        marks.append(TrustMark.REPETITION)
    if segment.mean_log_probability < _MIN_MEAN_LOG_PROBABILITY:
        marks.append(TrustMark.LOW_CONFIDENCE)
    share = voiced_share(span, voiced)
    doubtful = segment.no_speech_probability > _MAX_NO_SPEECH_PROBABILITY and share < _HALF_VOICED_SHARE
    if share < _MIN_VOICED_SHARE or doubtful:
        marks.append(TrustMark.NO_SPEECH)
    return tuple(marks)


def _repeated(texts: Sequence[str]) -> frozenset[int]:
    """Return the positions after the first in every run of three or more equal neighbours."""
    places: set[int] = set()
    start = 0
    for index in range(1, len(texts) + 1):
        if index == len(texts) or texts[index].casefold() != texts[start].casefold():
            if index - start >= _MIN_RUN_OF_EQUAL_SEGMENTS:
                places.update(range(start + 1, index))
            start = index
    return frozenset(places)


def _loops(text: str) -> bool:
    """Tell whether most three-word phrases of a long text occur more than once."""
    words = text.casefold().split()
    if len(words) < _LOOP_WORDS:
        return False
    phrases = Counter(zip(words, words[1:], words[2:], strict=False))
    doubled = sum(count for count in phrases.values() if count > 1)
    return doubled / sum(phrases.values()) > _MAX_DOUBLED_SHARE
