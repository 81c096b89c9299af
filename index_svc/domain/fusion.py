"""Several ranked lists become one, and every result keeps the reasons why it is there.

Reciprocal rank fusion alone rewards being first, even first among nothing: the best of a hundred bad hits looks like
a find. So each signal also says how sure a match is (`quality`, 0 to 1), and a place counts in proportion:

    score = sum over signals of share * quality * (k + 1) / (k + rank)

The best possible score is 1, a query that nothing answers scores near 0, and one signal can give at most its share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from index_svc.domain.query import Signal

__all__ = ["EXACT_LIFT", "RRF_K", "Evidence", "Fused", "Match", "fuse"]

RRF_K = 60
# A moment that holds the whole query word for word goes half of the way to 1: whoever remembers a sentence wants that
# sentence, not one that means the same, and a long scene must not lose it to a short paraphrase.
EXACT_LIFT = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """One signal's word for one moment.

    Attributes:
        key: which moment.
        quality: how sure, above 0 up to 1; orders the list.
        score: what the signal measured, cosine or BM25; orders equals in quality.
        is_exact: the moment holds the whole query word for word.
    """

    key: str
    quality: float
    score: float
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One reason why a moment was found: its score and its rank, from 1, in that signal; equals share a rank."""

    signal: Signal
    score: float
    rank: int
    contribution: float


@dataclass(frozen=True, slots=True)
class Fused:
    """One moment of the fused list: score 0 to 1, reasons strongest first."""

    key: str
    score: float
    matches: tuple[Match, ...]


def fuse(
    lists: Mapping[Signal, Sequence[Evidence]], share: Mapping[Signal, float], order: Mapping[str, tuple[str, int]]
) -> tuple[Fused, ...]:
    """Merge the signals' lists, best first.

    Args:
        lists: evidence per signal, at most one per moment and signal, in any order.
        share: share of the score per signal; together at most 1.
        order: what decides between equal scores: video and position in it, per moment.

    Returns:
        Every moment that has evidence, by falling score. Equal scores keep the order of time, so the answer does not
        depend on the order in which anything arrived.
    """
    matches: dict[str, list[Match]] = {}
    exact: set[str] = set()
    for signal in Signal:
        for rank, evidence in _ranked(lists.get(signal, ())):
            contribution = share[signal] * evidence.quality * (RRF_K + 1) / (RRF_K + rank)
            matches.setdefault(evidence.key, []).append(Match(signal, evidence.score, rank, contribution))
            if evidence.is_exact:
                exact.add(evidence.key)
    fused = []
    for key, reasons in matches.items():
        total = min(1.0, sum(reason.contribution for reason in reasons))
        score = total + (1.0 - total) * EXACT_LIFT if key in exact else total
        strongest = tuple(sorted(reasons, key=lambda reason: -reason.contribution))
        fused.append(Fused(key, score, strongest))
    return tuple(sorted(fused, key=lambda one: (-one.score, order[one.key], one.key)))


def _ranked(evidence: Sequence[Evidence]) -> list[tuple[int, Evidence]]:
    """Return (rank, evidence), best first; what is equally sure and scores the same shares a rank."""
    ordered = sorted(evidence, key=lambda one: (-one.quality, -one.score, one.key))
    ranked: list[tuple[int, Evidence]] = []
    for place, one in enumerate(ordered, start=1):
        before = ranked[-1] if ranked else None
        is_equal = before is not None and (before[1].quality, before[1].score) == (one.quality, one.score)
        ranked.append((before[0] if before is not None and is_equal else place, one))
    return ranked
