"""What a word is, for the index and for the query alike.

Both sides are cut here before the index sees them, so its own analyser has nothing left to decide: file names fall into
words, accents and case do not matter, and `don't` is one word. Languages written without spaces are cut into
characters.
"""

import functools
import re
import unicodedata
from dataclasses import dataclass

__all__ = ["STOP_WORDS", "Token", "content_words", "fold", "spellings", "stem", "stems", "tokens"]

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}])[^\W_])+(?:['\u2019](?:(?![{_CJK}])[^\W_])+)*")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_LONGEST_REMEMBERED = 2_000
_SHORTEST_PLURAL = 4
# Compatibility letters become plain ones by decomposing, which can bring a capital back.
_MOST_FOLDINGS = 4

# fmt: off
STOP_WORDS = frozenset((
    "a", "about", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did",
    "do", "does", "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "if", "in", "into",
    "is", "it", "its", "just", "me", "my", "no", "nor", "not", "of", "on", "or", "our", "out", "she", "should",
    "so", "some", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to",
    "too", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "why",
    "will", "with", "would", "you", "your",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text, folded, and where it stands: text[start:end]."""

    word: str
    start: int
    end: int


def fold(word: str) -> str:
    """Return the word without case, accents and apostrophes."""
    if word.isascii():
        return word.lower().replace("'", "")
    folded = word
    for _ in range(_MOST_FOLDINGS):
        decomposed = unicodedata.normalize("NFKD", folded.casefold())
        again = unicodedata.normalize("NFC", "".join(mark for mark in decomposed if mark.isalnum()))
        if again == folded:
            break
        folded = again
    return folded


def tokens(text: str) -> tuple[Token, ...]:
    """Cut a text into words, in order; words that fold to nothing are left out."""
    found = (Token(fold(match.group()), match.start(), match.end()) for match in _WORD.finditer(text))
    return tuple(token for token in found if token.word)


def stem(word: str) -> str:
    """Return the word without a plural s: the one ending that costs most searches and least mistakes."""
    if len(word) >= _SHORTEST_PLURAL and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def spellings(word: str) -> tuple[str, ...]:
    """Return the forms under which the index may hold a word, without and with a plural s."""
    base = stem(word)
    return (base, f"{base}s") if len(base) >= _SHORTEST_PLURAL - 1 and base.isalpha() else (word,)


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of all words of a text, in order. Short texts are remembered: one text answers many queries."""
    return _remembered_stems(text) if len(text) <= _LONGEST_REMEMBERED else _stems(text)


def _stems(text: str) -> tuple[str, ...]:
    if text.isascii():
        cut = _ASCII_WORD.findall(text.lower())
        return tuple(stem(word.replace("'", "") if "'" in word else word) for word in cut)
    return tuple(stem(token.word) for token in tokens(text))


_remembered_stems = functools.lru_cache(maxsize=4_096)(_stems)


def content_words(text: str) -> tuple[str, ...]:
    """Return the stems that carry the meaning of a query, each once, in order; all stems when none does."""
    words = [token.word for token in tokens(text)]
    chosen = [word for word in words if word not in STOP_WORDS] or words
    return tuple(dict.fromkeys(stem(word) for word in chosen))
