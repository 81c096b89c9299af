"""How well the words of a moment answer the words of a query: BM25 over the candidates, coverage, and exact phrases.

The index finds candidates by BM25, but its statistics are per storage segment: two moments with the same words get
different scores when they lie in different segments, and other people's words change one's own ranking. So candidates
are scored again here, with the statistics of the caller's own candidates. Every moment with a query word is a
candidate unless there are more than the index was asked for, so document frequencies are exact for all but the
commonest words.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from index_svc.domain.words import stems as stems_of

__all__ = ["LexicalMatch", "match_texts"]

_K1 = 1.2
_B = 0.75
# A phrase counts from two words on: one word is no phrase.
_SHORTEST_PHRASE = 2
# Of the quality of a match, this much is for having the words, the rest for having them in the order asked.
_COVERAGE_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class LexicalMatch:
    """How one text answers the query.

    Attributes:
        bm25: > 0 when a content word occurs, else 0.
        coverage: share of the query's content, weighted by rarity, that occurs; 0 to 1.
        run: longest stretch of the query's words that occurs word for word, as a share of the query; 0 to 1.
        is_exact: the whole query of two words or more occurs word for word.
    """

    bm25: float
    coverage: float
    run: float
    is_exact: bool

    @property
    def quality(self) -> float:
        """How sure this match is, 0 to 1; 0 without any content word."""
        return _COVERAGE_SHARE * self.coverage + (1.0 - _COVERAGE_SHARE) * self.run if self.bm25 > 0.0 else 0.0


def match_texts(stems: Sequence[str], sequence: Sequence[str], texts: Sequence[str]) -> tuple[LexicalMatch, ...]:
    """Match every text against a query, in the order of `texts`.

    Args:
        stems: content words of the query, each once.
        sequence: all words of the query in order, as stems.
        texts: one text per candidate, of one field.
    """
    documents = [stems_of(text) for text in texts]
    counts = [Counter(words) for words in documents]
    rarity = _rarity(stems, counts)
    filled = [len(words) for words in documents if words]
    average = sum(filled) / len(filled) if filled else 1.0
    whole = sum(rarity.values()) or 1.0
    matches = []
    for words, count in zip(documents, counts, strict=True):
        present = [word for word in stems if count[word]]
        if not present:
            matches.append(LexicalMatch(0.0, 0.0, 0.0, is_exact=False))
            continue
        norm = _K1 * (1.0 - _B + _B * len(words) / average)
        bm25 = sum(rarity[word] * count[word] * (_K1 + 1.0) / (count[word] + norm) for word in present)
        coverage = min(1.0, sum(rarity[word] for word in present) / whole)
        longest = _longest_run(sequence, words)
        exact = len(sequence) >= _SHORTEST_PHRASE and longest == len(sequence)
        matches.append(LexicalMatch(bm25, coverage, longest / max(1, len(sequence)), is_exact=exact))
    return tuple(matches)


def _rarity(stems: Sequence[str], counts: Sequence[Counter[str]]) -> dict[str, float]:
    """Return the inverse document frequency of each word, > 0."""
    total = len(counts)
    frequency = {word: sum(1 for count in counts if count[word]) for word in stems}
    return {word: math.log1p((total - seen + 0.5) / (seen + 0.5)) for word, seen in frequency.items()}


def _longest_run(sequence: Sequence[str], words: Sequence[str]) -> int:
    """Return the length of the longest stretch that both have in common, in O(len(sequence) * len(words))."""
    best = 0
    previous: dict[int, int] = {}
    positions: dict[str, list[int]] = {}
    for index, word in enumerate(sequence):
        positions.setdefault(word, []).append(index)
    for word in words:
        current = {index: previous.get(index - 1, 0) + 1 for index in positions.get(word, ())}
        best = max(best, *current.values()) if current else best
        previous = current
    return best
