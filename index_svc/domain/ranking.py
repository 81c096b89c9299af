"""From the candidates of each search to the answer: evidence per signal, fused, cut to a page, explained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from index_svc.domain.fusion import Evidence, Fused, Match, fuse
from index_svc.domain.lexical import LexicalMatch, match_texts
from index_svc.domain.moment import MomentText, Record, ScoredRecord, VectorField
from index_svc.domain.query import Query, Signal, shares
from index_svc.domain.snippets import Snippet, snippet

__all__ = [
    "COSINE_RANGES",
    "VECTOR_CANDIDATES",
    "WORD_CANDIDATES",
    "Answer",
    "Candidates",
    "Explained",
    "Result",
    "SignalReport",
    "rank",
]

# Cosines below the first number are noise, at the second a match is as sure as it gets. MiniLM puts unrelated
# sentences at 0.25 and below, paraphrases above 0.6; single nouns that share nothing but being things (parrot,
# espresso) come near 0.3, hence the higher floor for tags. Text-to-picture cosines of CLIP models live between 0.2
# (unrelated) and 0.35.
COSINE_RANGES: Mapping[VectorField, tuple[float, float]] = MappingProxyType(
    {
        VectorField.TEXT: (0.28, 0.75),
        VectorField.TAGS: (0.35, 0.80),
        VectorField.IMAGE: (0.22, 0.34),
    }
)

# How many hits to ask each search for. More cost more to fetch than they are worth: what a vector ranks below 60 is
# seldom above its floor; words get more, because rarity is counted over their hits.
WORD_CANDIDATES = 100
VECTOR_CANDIDATES = 60

_TEXT_OF: Mapping[Signal, Callable[[MomentText], str]] = MappingProxyType(
    {
        Signal.SPEECH: lambda text: text.speech,
        Signal.ON_SCREEN_TEXT: lambda text: text.on_screen,
        Signal.TAGS: lambda text: ", ".join(text.tags),
        Signal.TITLE: lambda text: (
            f"{text.title} \u00b7 {text.filename}" if text.title and text.filename else text.title or text.filename
        ),
    }
)
# A title is word for word the same for all scenes of a video: it says nothing about one of them.
_OF_THE_MOMENT = frozenset({Signal.SPEECH, Signal.ON_SCREEN_TEXT})
_VECTOR_OF: Mapping[Signal, VectorField] = MappingProxyType(
    {
        Signal.MEANING: VectorField.TEXT,
        Signal.TAGS: VectorField.TAGS,
        Signal.PICTURE: VectorField.IMAGE,
    }
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the searches brought.

    Attributes:
        words: hits of the word search; None when it did not take part.
        vectors: hits per vector searched; a vector that is missing did not take part.
        unavailable: why a signal could not take part.
    """

    words: tuple[ScoredRecord, ...] | None
    vectors: Mapping[VectorField, tuple[ScoredRecord, ...]]
    unavailable: Mapping[Signal, str]


@dataclass(frozen=True, slots=True)
class Explained:
    """One reason, with the words to show; they are empty for vectors."""

    match: Match
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Result:
    """One moment found: fused score 0 to 1, reasons strongest first."""

    record: Record
    score: float
    matches: tuple[Explained, ...]


@dataclass(frozen=True, slots=True)
class SignalReport:
    """Whether a signal took part, why not, how many candidates it brought, and its share of the score."""

    signal: Signal
    is_used: bool
    reason: str
    candidates: int
    weight: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of results, best first; the token of the next page, empty on the last; a report per signal."""

    results: tuple[Result, ...]
    next_page_token: str
    signals: tuple[SignalReport, ...]


def rank(query: Query, candidates: Candidates) -> Answer:
    """Answer a query from its candidates. Cost grows with the words of the candidates, not with the index."""
    records = _records(candidates)
    used = frozenset(signal for signal in query.signals if _took_part(signal, candidates))
    lists = {signal: _evidence(signal, query, candidates, records) for signal in used}
    share = shares(used)
    order = {key: (record.video_id, record.index) for key, record in records.items()}
    fused = fuse(lists, share, order)
    page = fused[query.offset : query.offset + query.page_size]
    reports = tuple(
        SignalReport(
            signal,
            is_used=signal in used,
            reason="" if signal in used else _why_not(signal, query, candidates),
            candidates=len(lists.get(signal, ())),
            weight=share.get(signal, 0.0),
        )
        for signal in Signal
    )
    return Answer(tuple(_result(one, records, query) for one in page), query.next_page_token(len(fused)), reports)


def _records(candidates: Candidates) -> dict[str, Record]:
    """Return every candidate once; of two generations of one scene the newer."""
    records: dict[str, Record] = {}
    for hits in (candidates.words or (), *candidates.vectors.values()):
        for hit in hits:
            known = records.get(hit.record.scene_id)
            if known is None or known.generation < hit.record.generation:
                records[hit.record.scene_id] = hit.record
    return records


def _took_part(signal: Signal, candidates: Candidates) -> bool:
    by_vector = _VECTOR_OF.get(signal) in candidates.vectors
    return by_vector or (signal in _TEXT_OF and candidates.words is not None)


def _why_not(signal: Signal, query: Query, candidates: Candidates) -> str:
    return "not asked for" if signal not in query.signals else candidates.unavailable.get(signal, "unavailable")


def _evidence(
    signal: Signal, query: Query, candidates: Candidates, records: Mapping[str, Record]
) -> tuple[Evidence, ...]:
    """Return one signal's evidence; by word and by vector where it has both, the surer one counts."""
    best: dict[str, Evidence] = {}
    if signal in _TEXT_OF and candidates.words is not None:
        # Scored from the newest record, over the hits of the word search alone: no other candidate holds a word.
        keys = [hit.record.scene_id for hit in candidates.words]
        texts = [_TEXT_OF[signal](records[key].text) for key in keys]
        for key, match in zip(keys, match_texts(query.stems, query.sequence, texts), strict=True):
            if match.quality > 0.0:
                best[key] = _from_words(signal, key, match)
    field = _VECTOR_OF.get(signal)
    if field is not None:
        for hit in candidates.vectors.get(field, ()):
            found = _from_cosine(field, hit)
            known = best.get(hit.record.scene_id)
            if found is not None and (known is None or known.quality < found.quality):
                best[hit.record.scene_id] = found
    return tuple(best.values())


def _from_words(signal: Signal, key: str, match: LexicalMatch) -> Evidence:
    return Evidence(key, match.quality, match.bm25, is_exact=match.is_exact and signal in _OF_THE_MOMENT)


def _from_cosine(field: VectorField, hit: ScoredRecord) -> Evidence | None:
    floor, full = COSINE_RANGES[field]
    if hit.score <= floor:
        return None
    return Evidence(hit.record.scene_id, min(1.0, (hit.score - floor) / (full - floor)), hit.score)


def _result(one: Fused, records: Mapping[str, Record], query: Query) -> Result:
    record = records[one.key]
    return Result(record, one.score, tuple(Explained(match, _shown(match, record, query)) for match in one.matches))


def _shown(match: Match, record: Record, query: Query) -> Snippet:
    read: Sequence[Signal] = tuple(_TEXT_OF)
    if match.signal not in read:
        return Snippet("", ())
    return snippet(_TEXT_OF[match.signal](record.text), query.stems, query.sequence)
