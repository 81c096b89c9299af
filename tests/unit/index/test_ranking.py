import pytest

from index_svc.domain.fusion import fuse
from index_svc.domain.moment import MomentText, ScoredRecord, VectorField
from index_svc.domain.query import Signal, parse_query
from index_svc.domain.ranking import Candidates, rank
from tests.support.index_moments import make_moment, make_moments

JFK = "And so, my fellow Americans: ask not what your country can do for you, ask what you can do for your country."


def answer(q, moments, *, cosines=None, tags=None, **asked: object):
    """Rank moments whose words were all found, with given cosines by index."""
    records = [moment.record for moment in moments]
    vectors = {}
    for field, given in ((VectorField.TEXT, cosines), (VectorField.TAGS, tags)):
        if given is not None:
            vectors[field] = tuple(ScoredRecord(record, given[record.index]) for record in records)
    words = tuple(ScoredRecord(record, 1.0) for record in records)
    return rank(parse_query(q, owner_id="ada", **asked), Candidates(words, vectors, {}))


def found(result):
    return [one.record.index for one in result.results]


def test_a_sentence_comes_first_in_the_scene_that_says_it():
    """R-SRC-03: also against a scene with the same words in another order and a better vector."""
    moments = make_moments("Your country. You ask what you can do. Not for you!", JFK, "A country house.")

    actual = answer("ask not what your country can do for you", moments, cosines=[0.9, 0.4, 0.2])

    assert found(actual)[0] == 1
    assert actual.results[0].score > actual.results[1].score


def test_a_sentence_said_twice_is_found_twice_at_the_top_in_order_of_time():
    moments = make_moments(JFK, "Something about a country.", JFK)

    actual = answer("ask not what your country can do for you", moments)

    assert found(actual)[:2] == [0, 2]
    assert actual.results[0].score == actual.results[1].score
    assert [one.matches[0].match.rank for one in actual.results[:2]] == [1, 1]


def test_a_query_that_nothing_answers_finds_nothing():
    """A cosine below the floor is noise, and noise is not a result."""
    actual = answer("submarine volcano", make_moments(JFK, "Friends, Romans."), cosines=[0.2, 0.27], tags=[0.3, 0.1])

    assert actual.results == ()
    assert actual.next_page_token == ""


def test_a_weak_match_has_a_low_score_though_it_is_the_best():
    actual = answer("where does the president talk about oceans and rivers", make_moments(JFK), cosines=[0.33])

    assert found(actual) == [0]
    assert actual.results[0].score < 0.1


def test_a_tag_is_found_by_word_and_by_meaning():
    parrot = make_moment(0, MomentText(tags=("macaw", "bird")))
    cup = make_moment(1, MomentText(tags=("espresso", "cup")))

    by_word = answer("macaws", (parrot, cup), tags=[0.3, 0.1])
    by_meaning = answer("coffee", (parrot, cup), tags=[0.1, 0.6])

    assert (found(by_word), by_word.results[0].matches[0].snippet.text) == ([0], "macaw, bird")
    assert (found(by_meaning), by_meaning.results[0].matches[0].match.score) == ([1], 0.6)


def test_every_result_says_why_and_shows_the_words():
    moments = make_moments("Nothing here.", JFK)

    (best, *_) = answer("fellow americans", moments, cosines=[0.1, 0.5]).results

    assert [one.match.signal for one in best.matches] == [Signal.SPEECH, Signal.MEANING]
    shown = best.matches[0].snippet
    assert [shown.text[start:end] for start, end in shown.marks] == ["fellow", "Americans"]
    assert best.matches[1].match.score == pytest.approx(0.5)


def test_a_title_does_not_lift_every_scene_of_its_video_over_the_sentence_itself():
    titled = [make_moment(i, MomentText(title="Ask what you can do"), video="v1") for i in range(3)]
    saying = make_moment(0, MomentText(speech="ask what you can do"), video="v2")

    actual = answer("ask what you can do", [*titled, saying])

    assert [one.record.video_id for one in actual.results] == ["v2", "v1", "v1", "v1"]


def test_signals_that_did_not_take_part_say_why_and_their_share_goes_to_the_others():
    moments = make_moments(JFK)
    query = parse_query("country", owner_id="ada", signals=frozenset({Signal.SPEECH, Signal.MEANING}))
    words = tuple(ScoredRecord(moment.record, 1.0) for moment in moments)

    actual = rank(query, Candidates(words, {}, {Signal.MEANING: "no text model"}))

    reports = {report.signal: (report.is_used, report.reason, report.weight) for report in actual.signals}
    assert reports[Signal.SPEECH] == (True, "", 1.0)
    assert reports[Signal.MEANING] == (False, "no text model", 0.0)
    assert reports[Signal.TITLE] == (False, "not asked for", 0.0)


def test_pages_are_consecutive_and_end():
    moments = make_moments(*(f"country {'x ' * index}" for index in range(25)))
    whole = found(answer("country", moments, page_size=100))

    pages, token = [], ""
    while True:
        page = answer("country", moments, page_size=10, page_token=token)
        pages.append(found(page))
        if not (token := page.next_page_token):
            break

    assert [len(page) for page in pages] == [10, 10, 5]
    assert [index for page in pages for index in page] == whole


def test_nothing_fused_is_nothing():
    assert fuse({}, {}, {}) == ()
