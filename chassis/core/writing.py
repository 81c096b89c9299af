"""How words are put into a line: with spaces, or without where the script has none."""

import unicodedata
from collections.abc import Iterable

__all__ = ["is_unspaced", "is_wide", "join_words"]


def is_wide(character: str) -> bool:
    """Tell whether a character is as wide as it is high: Chinese, Japanese, Korean, emoji."""
    return unicodedata.east_asian_width(character) in "WF"


def is_unspaced(character: str) -> bool:
    """Tell whether a character belongs to a script that writes its words without spaces: Chinese, Japanese, Thai, Lao.

    Korean is as wide and has spaces; so have emoji among words that have them.
    """
    if "\u0e00" <= character <= "\u0eff":
        return True
    return is_wide(character) and not _is_hangul(character) and unicodedata.category(character) != "So"


def _is_hangul(character: str) -> bool:
    return unicodedata.name(character, "").startswith("HANGUL")


def join_words(words: Iterable[str]) -> str:
    """Put words back into a line; scripts that write without spaces get none. Empty words leave no trace."""
    line = ""
    for word in words:
        needs_space = line and word and not (is_unspaced(line[-1]) or is_unspaced(word[0]))
        line += f" {word}" if needs_space else word
    return line
