import random

from hypothesis import given
from hypothesis import strategies as st

from index_svc.domain.filters import Scope
from index_svc.domain.fusion import Evidence, fuse
from index_svc.domain.lexical import match_texts
from index_svc.domain.moment import VectorField
from index_svc.domain.query import Signal, parse_query, shares
from index_svc.domain.recall import exact_search, recall
from index_svc.domain.snippets import snippet
from index_svc.domain.words import fold, stem, stems, tokens
from tests.support.index_moments import make_moments, unit_vector

keys = st.sampled_from([f"s{number}" for number in range(8)])
grades = st.sampled_from([0.1, 0.25, 0.5, 1.0])
lists = st.dictionaries(
    st.sampled_from(list(Signal)),
    st.lists(st.builds(Evidence, keys, grades, grades, is_exact=st.booleans()), unique_by=lambda one: one.key),
)
SENTENCE = "ask not what your country can do for you"
ORDER = {f"s{number}": ("v", number) for number in range(8)}


def fused(evidence):
    return fuse(evidence, shares(frozenset(evidence)), ORDER)


@given(lists, st.randoms(use_true_random=False))
def test_fusion_does_not_depend_on_the_order_of_arrival(evidence, chance: random.Random):
    shuffled = {signal: chance.sample(list(ones), len(ones)) for signal, ones in evidence.items()}

    assert fused(shuffled) == fused(evidence)


@given(lists)
def test_scores_are_shares_of_one_and_fall(evidence):
    scores = [one.score for one in fused(evidence)]

    assert all(0.0 < score <= 1.0 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(lists)
def test_every_moment_with_evidence_is_there_once_with_all_its_reasons(evidence):
    expected = {(one.key, signal, one.score) for signal, ones in evidence.items() for one in ones}
    result = fused(evidence)

    assert {(one.key, match.signal, match.score) for one in result for match in one.matches} == expected
    assert len({one.key for one in result}) == len(result)


@given(lists, keys)
def test_more_evidence_never_lowers_a_score(evidence, key):
    used = frozenset(Signal)
    before = {one.key: one.score for one in fuse(evidence, shares(used), ORDER)}
    speech = [one for one in evidence.get(Signal.SPEECH, ()) if one.key != key]
    after = {
        one.key: one.score
        for one in fuse({**evidence, Signal.SPEECH: [*speech, Evidence(key, 1.0, 2.0)]}, shares(used), ORDER)
    }
    was_exact = any(one.key == key and one.is_exact for one in evidence.get(Signal.SPEECH, ()))

    assert was_exact or after[key] >= before.get(key, 0.0) - 1e-12


@given(st.text())
def test_words_are_cut_from_the_text_and_folding_is_final(text):
    for token in tokens(text):
        assert fold(text[token.start : token.end]) == token.word
        assert fold(token.word) == token.word


@given(st.text() | st.text(alphabet="aZ9'\u2019_-. s"))
def test_the_fast_way_to_cut_a_text_is_the_careful_way(text):
    assert stems(text) == tuple(stem(token.word) for token in tokens(text))


@given(st.lists(st.sampled_from(SENTENCE.split()), max_size=12), st.text(max_size=300))
def test_a_snippet_marks_words_of_the_query_and_nothing_else(asked, text):
    query = parse_query(" ".join(asked) or "macaw", owner_id="ada")
    shown = snippet(f"{text} {' '.join(asked)} {text}", query.stems, query.sequence)

    assert all(stem(fold(shown.text[start:end])) in {*query.sequence} for start, end in shown.marks)
    assert list(shown.marks) == sorted(shown.marks)


@given(st.text(max_size=50), st.lists(st.text(max_size=100), max_size=5))
def test_quality_is_a_share_and_needs_a_word(q, texts):
    query = parse_query(q or "x", owner_id="ada") if q.strip() else parse_query("x", owner_id="ada")
    for match in match_texts(query.stems, query.sequence, texts):
        assert 0.0 <= match.quality <= 1.0
        assert (match.quality > 0.0) == (match.bm25 > 0.0)


@given(st.integers(0, 2**20), st.integers(1, 30))
def test_exact_search_finds_every_vector_by_itself(seed, limit):
    """R-SRC-01: the yardstick is right."""
    moments = (*make_moments(*"abcdefgh", seed=100), *make_moments(*"abcdefgh", owner="bob", seed=100))
    chosen = moments[seed % 8]
    assert chosen.text_vector is not None
    hits = exact_search(moments, VectorField.TEXT, chosen.text_vector, Scope("ada"), limit)

    assert hits[0].record == chosen.record
    assert {hit.record.owner_id for hit in hits} == {"ada"}
    assert recall(hits[:1], hits) == 1.0
    assert recall(hits, ()) == 0.0
    assert exact_search((), VectorField.TEXT, unit_vector(1), Scope("ada"), limit) == ()
