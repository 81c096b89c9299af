"""Words cut into what can be drawn: without letters that no font has, and never wider than a line."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ingest_svc.domain.exports.captions.grouping import Room
from ingest_svc.domain.exports.captions.layout import SMALLEST_SCALE, Typeface
from ingest_svc.domain.exports.captions.text import graphemes, is_cuttable, is_picture, shown, takes_no_break_before
from ingest_svc.domain.exports.values import SpokenWord

__all__ = ["drawable", "pieces"]

_CUT_LETTERS = 6
_MOST_LETTERS = 200


def drawable(words: Iterable[SpokenWord], typeface: Typeface) -> Iterator[SpokenWord]:
    """Yield words without the emoji that the typeface lacks; a word of nothing else is gone.

    Letters that it lacks stay: another font of the machine may have them.
    """
    for word in words:
        letters = graphemes(shown(word.text))
        kept = shown("".join(one for one in letters if typeface.knows(one[0]) or not is_picture(one)))
        if kept:
            yield SpokenWord(kept, word.start_ns, word.end_ns)


def pieces(words: Iterable[SpokenWord], room: Room) -> Iterator[SpokenWord]:
    """Yield words that each fit into a line at the smallest size; the time of a word is shared by its letters.

    What a recogniser gave as one word may be a whole phrase: it is cut at spaces, in scripts without spaces after a few
    letters, and in a word that is wider than a line wherever that line is full. A word ends after 200 letters.
    """
    for word in words:
        parts = [piece for part in word.text.split() for piece in _parts(part, room)]
        total = sum(map(len, parts))
        done = 0
        for part in parts:
            start = word.start_ns + (word.end_ns - word.start_ns) * done // total
            done += len(part)
            yield SpokenWord(part, start, word.start_ns + (word.end_ns - word.start_ns) * done // total)


def _parts(word: str, room: Room) -> Sequence[str]:
    letters = list(graphemes(word[: _MOST_LETTERS * 8]))
    if len(letters) > _MOST_LETTERS:
        letters = [*letters[: _MOST_LETTERS - 1], "\u2026"]
        word = "".join(letters)
    if is_cuttable(word) and len(letters) > _CUT_LETTERS:
        return _joined(letters, lambda part: len(list(graphemes(part))) <= _CUT_LETTERS)
    if room.measure(word) * SMALLEST_SCALE <= room.widest:
        return (word,)
    return _joined(letters, lambda part: room.measure(part) <= room.widest)


def _joined(letters: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Put letters together for as long as they fit; a closing mark goes with what it closes."""
    parts: list[str] = []
    for letter in letters:
        if parts and (fits(parts[-1] + letter) or (takes_no_break_before(letter) and fits(parts[-1]))):
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts
