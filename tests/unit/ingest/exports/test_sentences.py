"""What counts as a sentence when one looks for shorts."""

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.proposing.moments import sentences_of
from ingest_svc.domain.exports.values import SpokenWord
from tests.support.caption_lab import SECOND, spoken


def texts(words):
    return [one.text for one in sentences_of(words)]


def test_sentences_end_with_their_marks():
    assert texts(spoken("One. Is it two? Three, four.")) == ["One.", "Is it two?", "Three, four."]


def test_a_long_pause_ends_a_sentence_unless_a_small_letter_carries_on():
    first = spoken("He was young,")
    end = first[-1].end_ns / SECOND

    assert texts([*first, *spoken("unless he was not.", start=end + 3)]) == ["He was young, unless he was not."]
    assert texts([*first, *spoken("Then he was not.", start=end + 3)]) == ["He was young,", "Then he was not."]
    assert texts([*first, *spoken("unless he was not.", start=end + 6)]) == ["He was young,", "unless he was not."]


def test_without_any_mark_a_short_pause_is_enough():
    words = [*spoken("one two three"), *spoken("four five", start=2)]

    assert [(one.text, one.has_end) for one in sentences_of(words)] == [("one two three", True), ("four five", True)]


def test_a_sentence_that_does_not_end_is_parted_at_its_longest_pauses():
    words = spoken(" ".join(f"w{n}" for n in range(100)), pace=0.5)
    late = [SpokenWord(w.text, w.start_ns + SECOND // 2, w.end_ns + SECOND // 2) for w in words[33:]]
    at = late[-1].end_ns / SECOND
    found = sentences_of([*words[:33], *late, *spoken("end. One. Two. Three.", start=at)])

    assert found[0].words == 33
    assert all(one.span.length_ns <= 20 * SECOND for one in found)
    assert sum(one.words for one in found) == 104
    assert [one.has_end for one in found][-4:] == [True] * 4
    assert not found[0].has_end


def test_a_sentence_knows_how_long_it_is_and_how_much_of_it_is_spoken():
    (one,) = sentences_of([SpokenWord("Yes", 0, SECOND), SpokenWord("no.", 2 * SECOND, 3 * SECOND)])

    assert (one.span, one.words, one.spoken_ns) == (TimeSpan(0, 3 * SECOND), 2, 2 * SECOND)


def test_questions_and_beginnings_are_seen():
    asked, carried, marked = sentences_of(spoken('"Really?" and so on. \u00bfQu\u00e9?'))

    assert [one.is_question for one in (asked, carried, marked)] == [True, False, True]
    assert [one.carries_on for one in (asked, carried, marked)] == [False, True, False]


def test_nothing_said_has_no_sentences():
    assert sentences_of(()) == ()
