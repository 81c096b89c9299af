from inference_svc.domain.audio_windows import Span
from inference_svc.domain.transcript import RawSegment, TrustMark, Word, join_words, normalise_segments, words_between


def raw(text: str, start: float, end: float, **changes: float) -> RawSegment:
    pieces = text.split()
    step = (end - start) / max(1, len(pieces))
    words = tuple(Word(f" {w}", start + i * step, start + (i + 1) * step, 0.9) for i, w in enumerate(pieces))
    facts = {"mean_log_probability": -0.2, "no_speech_probability": 0.01, "compression_ratio": 1.2} | changes
    return RawSegment(f" {text}", start, end, words, **facts)


EVERYWHERE = (Span(0.0, 100.0),)


def test_segments_come_out_in_order_and_numbered() -> None:
    """R-ING-06."""
    segments = normalise_segments([raw("two", 5, 6), raw("one", 1, 2)], duration=10.0, voiced=EVERYWHERE)

    assert [(s.index, s.text) for s in segments] == [(0, "one"), (1, "two")]


def test_times_are_clipped_to_the_recording() -> None:
    """R-ING-06."""
    (segment,) = normalise_segments([raw("too long", -1, 99)], duration=4.0, voiced=EVERYWHERE)

    assert (segment.start, segment.end) == (0.0, 4.0)


def test_a_word_that_runs_on_into_a_pause_ends_with_the_voice() -> None:
    (segment,) = normalise_segments([raw("hello world", 1, 9)], duration=10.0, voiced=(Span(0.5, 6.0),))

    assert segment.words[-1].end == 6.0


def test_words_placed_in_the_pause_before_a_sentence_move_to_its_voice() -> None:
    sentence = RawSegment(
        "And then he spoke",
        3.0,
        8.0,
        (Word(" And", 3.0, 3.02, 0.9), Word(" then", 6.5, 7.0, 0.9), Word(" he", 7.0, 7.2, 0.9)),
        -0.1,
        0.0,
        1.0,
    )
    (segment,) = normalise_segments([sentence], duration=10.0, voiced=(Span(0.0, 2.9), Span(6.0, 8.0)))

    assert segment.words[0].start == 6.0


def test_text_where_nobody_speaks_is_marked() -> None:
    (segment,) = normalise_segments([raw("thank you for watching", 50, 55)], duration=60.0, voiced=(Span(0, 10),))

    assert segment.marks == (TrustMark.NO_SPEECH,)
    assert not segment.is_trusted


def test_text_that_compresses_too_well_is_marked() -> None:
    (segment,) = normalise_segments([raw("la la", 0, 5, compression_ratio=3.0)], duration=60.0, voiced=EVERYWHERE)

    assert segment.marks == (TrustMark.REPETITION,)


def test_a_loop_inside_a_segment_is_marked() -> None:
    (segment,) = normalise_segments([raw("I like to see it " * 5, 0, 20)], duration=60.0, voiced=EVERYWHERE)

    assert TrustMark.REPETITION in segment.marks


def test_the_third_equal_neighbour_marks_all_but_the_first() -> None:
    segments = normalise_segments([raw("Amen.", i, i + 1) for i in range(4)], duration=60.0, voiced=EVERYWHERE)

    assert [s.is_trusted for s in segments] == [True, False, False, False]


def test_a_sentence_said_twice_is_trusted() -> None:
    segments = normalise_segments([raw("Ask not.", 0, 1), raw("Ask not.", 5, 6)], duration=9.0, voiced=EVERYWHERE)

    assert all(s.is_trusted for s in segments)


def test_an_unsure_segment_is_marked() -> None:
    (segment,) = normalise_segments([raw("mumble", 0, 1, mean_log_probability=-1.4)], duration=9.0, voiced=EVERYWHERE)

    assert segment.marks == (TrustMark.LOW_CONFIDENCE,)


def test_pieces_of_one_word_are_put_together() -> None:
    pieces = (Word(" ill", 0.0, 0.3, 0.9), Word("-disposed.", 0.3, 1.0, 0.8))
    segment = RawSegment("ill-disposed.", 0.0, 1.0, pieces, -0.1, 0.0, 1.0)
    (normal,) = normalise_segments([segment], duration=2.0, voiced=EVERYWHERE)

    assert [w.text for w in normal.words] == ["ill-disposed."]


def test_scripts_without_spaces_are_joined_without_spaces() -> None:
    assert join_words([Word("東", 0, 1, 1), Word("京", 1, 2, 1)]) == "東京"
    assert join_words([Word("New", 0, 1, 1), Word("York", 1, 2, 1)]) == "New York"


def test_cuts_partition_the_words() -> None:
    """R-ING-09."""
    segments = normalise_segments([raw("one two three four", 0, 8)], duration=8.0, voiced=EVERYWHERE)
    cut = [words_between(segments, 0, 4), words_between(segments, 4, 8)]

    assert [w.text for part in cut for w in part] == ["one", "two", "three", "four"]
