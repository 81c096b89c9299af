"""Text that is shown: what of it can be shown at all, and where it may be broken."""

import unicodedata
from collections.abc import Iterator

from chassis.core.writing import is_unspaced

__all__ = [
    "ends_clause",
    "ends_sentence",
    "graphemes",
    "is_cuttable",
    "is_picture",
    "is_right_to_left",
    "shown",
    "takes_no_break_before",
]

_JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: letters of several scripts, and emoji, look wrong without them."""
_MOST_MARKS = 3
_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f\uff0e\u061f\u06d4\u0964\u0965")
_CLAUSE_ENDS = frozenset(",;:\u2013\u2014\uff0c\u3001\uff1b\uff1a\u060c\u061b")
_CLOSERS = frozenset("\"')]}\u2019\u201d\u00bb\u300d\u300f\uff09\u3011\u203a")
_OPENERS = frozenset("([{\u2018\u201c\u00ab\u300c\u300e\uff08\u3010\u2039\u00bf\u00a1")
_SHORTENED = frozenset({"mr.", "mrs.", "ms.", "dr.", "st.", "prof.", "jr.", "sr.", "vs.", "e.g.", "i.e."})
_EMOJI_MODIFIERS = range(0x1F3FB, 0x1F400)
_REGIONAL = range(0x1F1E6, 0x1F200)


def shown(text: str) -> str:
    """Return text as one line of what can be shown.

    Composed (NFC), white space and line ends as single spaces, without control characters, direction overrides, lone
    surrogates and zero-width marks (joiners inside words stay), and with at most three marks on a letter.
    """
    letters: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", "".join(c for c in text if not "\ud800" <= c <= "\udfff")):
        category = unicodedata.category(character)
        if character.isspace() or category in {"Zl", "Zp", "Zs", "Cc"}:
            letters.append(" ")
        elif category in {"Cf", "Cn", "Co", "Cs"} and character not in _JOINERS:
            continue
        else:
            marks = marks + 1 if category in {"Mn", "Me"} else 0
            if marks <= _MOST_MARKS:
                letters.append(character)
    return " ".join("".join(letters).split()).strip(_JOINERS + " ")


def graphemes(text: str) -> Iterator[str]:
    """Yield what a reader takes for one letter: marks, joiners, modifiers and flags stay with what they belong to."""
    cluster = ""
    for character in text:
        if cluster and not _continues(cluster, character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _continues(cluster: str, character: str) -> bool:
    if unicodedata.category(character) in {"Mn", "Me", "Mc"} or character in _JOINERS:
        return True
    if cluster[-1] == "\u200d" or ord(character) in _EMOJI_MODIFIERS:
        return True
    return len(cluster) == 1 and ord(character) in _REGIONAL and ord(cluster) in _REGIONAL


def ends_sentence(word: str) -> bool:
    """Tell whether a sentence ends with a word: by its last mark, `Mr.` and the like aside."""
    bare = word.rstrip("".join(_CLOSERS))
    return bool(bare) and bare[-1] in _SENTENCE_ENDS and bare.casefold().lstrip("".join(_OPENERS)) not in _SHORTENED


def ends_clause(word: str) -> bool:
    """Tell whether a reader takes breath after a word."""
    bare = word.rstrip("".join(_CLOSERS))
    return bool(bare) and (bare[-1] in _CLAUSE_ENDS or bare[-1] in _SENTENCE_ENDS)


def takes_no_break_before(text: str) -> bool:
    """Tell whether a line must not begin with a text, since it begins with a mark that closes something."""
    return bool(text) and (text[0] in _CLOSERS or text[0] in _CLAUSE_ENDS or text[0] in _SENTENCE_ENDS)


def is_right_to_left(text: str) -> bool:
    """Tell whether any letter of a text is written from right to left."""
    return any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in text)


def is_cuttable(text: str) -> bool:
    """Tell whether a text may be broken between any two letters, as scripts without spaces may."""
    return bool(text) and all(is_unspaced(character) or not character.isalnum() for character in text)


def is_picture(grapheme: str) -> bool:
    """Tell whether a letter is a picture (emoji, dingbat, flag) rather than part of a word."""
    return unicodedata.category(grapheme[0]) in {"So", "Sk"} or "\ufe0f" in grapheme or "\u20e3" in grapheme
