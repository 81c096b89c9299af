"""Which stretches of a video are proposed as shorts, and why."""

from itertools import pairwise

import pytest

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.proposing.moments import Material, Searched, Shot, sentences_of
from ingest_svc.domain.exports.proposing.proposals import Wish, propose
from tests.support.caption_lab import SECOND, spoken

WISH, SHORT = Wish(15 * SECOND, 60 * SECOND, 5), Wish(15 * SECOND, 20 * SECOND, 5)


def shots(*edges: int, **more: float):
    return tuple(Shot(f"s{n}", TimeSpan(a * SECOND, b * SECOND), **more) for n, (a, b) in enumerate(pairwise(edges)))


def talk(start=0.0, sentences=20, words=10, *, pause=0.5, ending="."):
    """Sentences of different words, 3.5 s each."""
    text = " ".join(
        " ".join([f"W{start:g}x{n}", *(f"w{n}x{k}" for k in range(words - 2)), f"end{n}{ending}"])
        for n in range(sentences)
    )
    return spoken(text, start=start, pace=0.35, pause=pause)


def material(words=(), *, length=100, made_of=None, searched=()):
    return Material(
        length_ns=length * SECOND,
        shots=made_of if made_of is not None else shots(0, length),
        sentences=sentences_of(words) if words else None,
        searched=tuple(searched),
    )


def proposed(what, wish=WISH):
    return propose(what, wish)[0]


def kinds(proposal):
    return {str(reason.kind): reason for reason in proposal.reasons}


def test_proposals_begin_and_end_between_sentences_and_do_not_overlap():
    what = material(talk(), made_of=shots(0, 30, 100))
    found = proposed(what)

    assert found
    for one in found:
        assert 15 * SECOND <= one.span.length_ns <= 60 * SECOND
        for sentence in what.sentences:
            cut = sentence.span.start_ns < one.span.start_ns < sentence.span.end_ns
            assert not cut
            assert not sentence.span.start_ns < one.span.end_ns < sentence.span.end_ns
    spans = sorted(one.span for one in found)
    assert all(one.end_ns <= two.start_ns for one, two in pairwise(spans))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_there_is_air_around_what_is_said():
    found = proposed(material(talk(start=20.0, sentences=5), length=60))

    assert found[0].span.start_ns == 20 * SECOND - 80_000_000


def test_where_more_is_said_is_better():
    dense, thin = talk(start=0.0, sentences=6), talk(start=50.0, sentences=6, pause=4.0)
    found = proposed(material([*dense, *thin]))

    assert found[0].span.end_ns < 40 * SECOND
    assert kinds(found[0])["SPEECH_DENSITY"].strength > 0.9
    assert "words a second" in kinds(found[0])["SPEECH_DENSITY"].message


def test_a_question_with_its_answer_is_better_than_none():
    plain = talk(start=0.0, sentences=6)
    asked = [*spoken("How does a harbour work in winter?", start=50.0), *talk(start=53.0, sentences=5)]
    found = proposed(material([*plain, *asked]))

    assert found[0].span.start_ns > 40 * SECOND
    assert "How does a harbour work" in kinds(found[0])["QUESTION_AND_ANSWER"].message
    assert "QUESTION_AND_ANSWER" not in kinds(found[1])


def test_a_question_that_nobody_answers_is_no_reason():
    asked = [*talk(start=0.0, sentences=5), *spoken("Who knows?", start=21.0)]
    found = proposed(material(asked, length=25))

    assert "QUESTION_AND_ANSWER" not in kinds(found[0])


def test_what_people_search_for_is_better_and_counted_by_whole_words():
    plain = talk(start=0.0, sentences=6)
    wanted = [*talk(start=50.0, sentences=5), *spoken("The old Harbour wall stands.", start=70.5)]
    searched = (Searched("harbour WALL", 7), Searched("harbour cat", 90), Searched("old", 1), Searched("", 5))
    found = proposed(material([*plain, *wanted], searched=searched))

    assert found[0].span.end_ns > 70 * SECOND
    assert kinds(found[0])["SEARCHED_FOR"].message == "searched for 8 times: \u201charbour WALL\u201d, \u201cold\u201d"
    assert "SEARCHED_FOR" not in kinds(found[1])


def test_text_in_the_picture_is_found_and_can_be_searched_for():
    made = (*shots(0, 20), Shot("slide", TimeSpan(20 * SECOND, 40 * SECOND), ("Quarterly figures", "of the harbour")))
    found = proposed(material(made_of=made, length=40, searched=(Searched("quarterly harbour", 2),)), SHORT)
    reasons = kinds(found[0])

    assert found[0].scene_ids == ("slide",)
    assert "Quarterly figures / of the harbour" in reasons["ON_SCREEN_TEXT"].message
    assert reasons["SEARCHED_FOR"].strength == pytest.approx(2 / 3)


def test_faces_count_where_scenes_know_of_them():
    first, second = shots(0, 20, 40)
    made = (first, Shot("face", second.span, faces=0.9))
    found = proposed(material(made_of=made, length=40), SHORT)

    assert found[0].scene_ids == ("face",)
    assert kinds(found[0])["FACES"].strength == pytest.approx(0.9)
    assert "FACES" not in kinds(proposed(material(made_of=shots(0, 20, 40), length=40))[0])


def test_a_video_without_speech_is_cut_at_its_cuts():
    found = proposed(material(made_of=shots(0, 7, 22, 41, 60, 80, 100)))
    edges = {0, 7, 22, 41, 60, 80, 100}

    assert found
    assert all({one.span.start_ns // SECOND, one.span.end_ns // SECOND} <= edges for one in found)
    assert all("CUTS" in kinds(one) for one in found)
    assert all(one.score < 0.5 for one in found)


def test_one_long_scene_without_speech_still_has_stretches():
    found = proposed(material(length=300))

    assert found[0].span.start_ns == 0
    assert all(15 * SECOND <= one.span.length_ns <= 60 * SECOND for one in found)


def test_a_video_shorter_than_asked_is_proposed_as_a_whole_and_says_so():
    (one,), (note,) = propose(material(talk(sentences=2), length=9), WISH)

    assert one.span == TimeSpan(0, 9 * SECOND)
    assert "lasts 9 s, so the whole of it is proposed" in note


def test_a_video_of_less_than_three_seconds_is_not_proposed():
    found, (note,) = propose(material(length=2), WISH)

    assert (found, note.split(":")[1].strip()) == ((), "VIDEO_TOO_SHORT")


def test_what_was_said_already_is_not_proposed_again():
    once = talk(start=0.0, sentences=5)
    again = [type(word)(word.text, word.start_ns + 50 * SECOND, word.end_ns + 50 * SECOND) for word in once]

    assert len(proposed(material([*once, *again]), Wish(17 * SECOND, 20 * SECOND, 5))) == 1


def test_a_stretch_that_begins_in_the_middle_of_a_thought_is_worth_less():
    start = spoken("and so it went on and on and on for ever more.", start=0.0)
    found = proposed(material([*start, *talk(start=4.5, sentences=8)], length=60), Wish(15 * SECOND, 20 * SECOND, 1))

    assert found[0].text.startswith("W4.5x0")


def test_exact_lengths_are_possible_and_fall_back_to_the_begin():
    found = proposed(material(length=100, made_of=shots(0, 100)), Wish(17 * SECOND, 17 * SECOND, 3))

    assert found[0].span.length_ns == 17 * SECOND


def test_no_more_than_asked_are_proposed():
    assert len(proposed(material(talk(sentences=60), length=300), Wish(15 * SECOND, 20 * SECOND, 2))) == 2
