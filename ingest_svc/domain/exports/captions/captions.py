"""Captions of a clip: which words are shown when, in which lines, where in the frame, and as which texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from chassis.core.mediatime import TimeSpan
from chassis.core.writing import is_wide, join_words
from ingest_svc.domain.cue_files import Cue
from ingest_svc.domain.exports.captions.ass_script import write_script
from ingest_svc.domain.exports.captions.grouping import Room, group
from ingest_svc.domain.exports.captions.layout import Caption, Typeface, caption_box, look_of
from ingest_svc.domain.exports.captions.pieces import drawable, pieces
from ingest_svc.domain.exports.captions.text import shown
from ingest_svc.domain.exports.captions.timing import show
from ingest_svc.domain.exports.values import CaptionStyle, Size, SpokenWord

__all__ = ["Burned", "Passage", "burn", "cues", "place_words"]

_FILE_LINE_LETTERS = 42
_NAMED_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """What is said in one cut of a clip; all times are those of the clip, every word lies inside `span`."""

    span: TimeSpan
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class Burned:
    """Captions that are drawn into the picture.

    `script` is a whole ASS script in times and pixels of the clip. `boxes` has left, top, width and height of every
    caption as parts of the frame. `notes` are `REASON: sentence` each.
    """

    script: str
    boxes: tuple[tuple[float, float, float, float], ...]
    notes: tuple[str, ...] = ()


def place_words(spans: Sequence[TimeSpan], words: Sequence[Sequence[SpokenWord]]) -> tuple[Passage, ...]:
    """Return what is said in the cuts of a clip, which follow each other.

    Args:
        spans: the cuts in times of their videos, in the order of the clip.
        words: for each cut, the trusted words of its video.

    A word belongs to a cut when the middle of it lies inside; what of it lies outside is not counted. Texts are cleaned
    for showing; words of which nothing is left are left out.
    """
    passages, at = [], 0
    for span, spoken in zip(spans, words, strict=True):
        shift = at - span.start_ns
        inside = tuple(_inside(span, shift, spoken))
        passages.append(Passage(TimeSpan(at, at + span.length_ns), inside))
        at += span.length_ns
    return tuple(passages)


def _inside(span: TimeSpan, shift: int, spoken: Sequence[SpokenWord]) -> Iterator[SpokenWord]:
    for word in sorted(spoken, key=lambda one: (one.start_ns, one.end_ns)):
        start, end = word.start_ns, max(word.start_ns, word.end_ns)
        if span.contains((start + end) // 2) and (text := shown(word.text)):
            yield SpokenWord(text, max(start, span.start_ns) + shift, min(end, span.end_ns) + shift)


def burn(passages: Sequence[Passage], *, style: CaptionStyle, size: Size, typeface: Typeface) -> Burned | None:
    """Return the captions of a clip as they are drawn; None when there is nothing to draw.

    Cost: proportional to the number of words.
    """
    if style is CaptionStyle.NONE:
        return None
    look = look_of(style, size, typeface)
    drawn = [replace(one, words=tuple(drawable(one.words, typeface))) for one in passages]
    captions = tuple(_captions(drawn, Room(typeface.measure, look.widest_em)))
    if not captions:
        return None
    letters = {letter for one in drawn for word in one.words for letter in word.text}
    strange = sorted(letter for letter in letters if not typeface.knows(letter))
    notes = (_strange_note(strange),) if strange else ()
    return Burned(write_script(captions, look), tuple(caption_box(one, look) for one in captions), notes)


def cues(passages: Sequence[Passage]) -> tuple[Cue, ...]:
    """Return the captions of a clip for a file: at most two lines of about 42 letters."""
    return tuple(
        Cue(one.span.start_ns, one.span.end_ns, tuple(join_words(word.text for word in line) for line in one.lines))
        for one in _captions(passages, Room(_letters, _FILE_LINE_LETTERS))
    )


def _captions(passages: Sequence[Passage], room: Room) -> Iterator[Caption]:
    for passage in passages:
        groups = group(tuple(pieces(passage.words, room)), room)
        spoken = [_spoken([word for line in lines for word in line]) for lines in groups]
        letters = [sum(len(word.text) for line in lines for word in line) for lines in groups]
        times = show(spoken, letters, passage.span)
        yield from (Caption(span, lines) for span, lines in zip(times, groups, strict=True))


def _spoken(words: Sequence[SpokenWord]) -> TimeSpan:
    """Return from when to when words are said; those of two people may overlap."""
    return TimeSpan(words[0].start_ns, max(words[0].start_ns, *(word.end_ns for word in words)))


def _letters(text: str) -> float:
    return sum(2.0 if is_wide(letter) else 1.0 for letter in text)


def _strange_note(letters: Sequence[str]) -> str:
    named, others = letters[:_NAMED_LETTERS], len(letters) - _NAMED_LETTERS
    some = ", ".join(named) + (f" and {others} more" if others > 0 else "")
    return (
        f"CAPTION_LETTERS_MISSING: the caption font has no {some}; they are drawn where the server has another font "
        "for them, and as empty boxes where it has none"
    )
