"""Which words of a text to show as the reason why it was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from index_svc.domain.words import Token, stem, tokens

__all__ = ["Snippet", "snippet"]

_MAX_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Snippet:
    """A stretch of a text, and where the words of the query stand in it.

    Attributes:
        text: whole words of the original, at most about 160 characters, with an ellipsis where it was cut.
        marks: half-open character spans of `text`, in order, not overlapping.
    """

    text: str
    marks: tuple[tuple[int, int], ...]


def snippet(text: str, stems: Sequence[str], sequence: Sequence[str]) -> Snippet:
    """Return the stretch that holds the most of the query, the earliest of equals.

    A different content word counts most, then words in the order asked; small words count only inside such a run. Empty
    when the text holds no content word of the query.
    """
    found = tokens(text)
    words = [stem(token.word) for token in found]
    wanted = frozenset(stems)
    if not wanted.intersection(words):
        return Snippet("", ())
    runs = _runs(words, sequence)
    first, last = _best_window(found, words, runs, wanted)
    start, end = found[first].start, found[last].end
    lead, tail = ("… " if first else ""), (" …" if last + 1 < len(found) else "")
    end = len(text.rstrip()) if not tail else end
    shift = len(lead) - start
    marks = tuple(
        (token.start + shift, token.end + shift)
        for token, word, run in zip(
            found[first : last + 1], words[first : last + 1], runs[first : last + 1], strict=True
        )
        if word in wanted or run > 1
    )
    return Snippet(f"{lead}{text[start:end]}{tail}", marks)


def _runs(words: Sequence[str], sequence: Sequence[str]) -> list[int]:
    """Return for each word the length of the stretch of the query it stands in, 0 outside any."""
    runs = [0] * len(words)
    previous: dict[int, int] = {}
    positions: dict[str, list[int]] = {}
    for index, word in enumerate(sequence):
        positions.setdefault(word, []).append(index)
    for at, word in enumerate(words):
        current = {index: previous.get(index - 1, 0) + 1 for index in positions.get(word, ())}
        length = max(current.values(), default=0)
        for back in range(at - length + 1, at + 1):
            runs[back] = max(runs[back], length)
        previous = current
    return runs


def _best_window(
    found: Sequence[Token], words: Sequence[str], runs: Sequence[int], wanted: frozenset[str]
) -> tuple[int, int]:
    best: tuple[int, int, int] | None = None
    window = (0, 0)
    hits = [index for index, word in enumerate(words) if word in wanted]
    for hit in hits:
        first = _run_start(hit, runs)
        last = first
        while last + 1 < len(found) and found[last + 1].end - found[first].start <= _MAX_CHARACTERS:
            last += 1
        inside = range(first, last + 1)
        rank = (max(runs[i] for i in inside), len({words[i] for i in inside} & wanted), -first)
        if best is None or rank > best:
            best, window = rank, (first, last)
    first, last = window
    # Room that is left goes to the words before, so that a match at the end of a text is still read in context.
    while first > 0 and found[last].end - found[first - 1].start <= _MAX_CHARACTERS:
        first -= 1
    return first, last


def _run_start(hit: int, runs: Sequence[int]) -> int:
    first = hit
    while first > 0 and runs[first - 1] == runs[hit] and runs[hit] > 1:
        first -= 1
    return first
