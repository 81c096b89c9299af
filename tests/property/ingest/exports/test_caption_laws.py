"""What holds for the captions of any words, in any frame."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.captions.captions import burn, cues, place_words
from ingest_svc.domain.exports.captions.safe_area import safe_area
from ingest_svc.domain.exports.captions.text import graphemes, shown
from ingest_svc.domain.exports.captions.timing import SHORTEST_NS, show
from ingest_svc.domain.exports.values import CaptionStyle, Quality, Ratio, SpokenWord, encoding_of
from tests.support.caption_lab import PLAIN, SECOND, read_script
from tests.support.hostile_text import HOSTILE

MS = 1_000_000
texts = st.one_of(
    st.text(min_size=1, max_size=12),
    st.sampled_from(["and", "so,", "end.", "why?", "\u65e5\u672c\u8a9e\u3002", "\u0645\u0631\u062d\u0628\u0627"]),
    st.sampled_from([text for text in HOSTILE if len(text) < 300]),
)
words = st.lists(
    st.tuples(texts, st.integers(0, 20_000), st.integers(0, 900)).map(
        lambda one: SpokenWord(one[0], one[1] * MS, (one[1] + one[2]) * MS)
    ),
    max_size=30,
)
spans = st.lists(
    st.tuples(st.integers(0, 15_000), st.integers(300, 8_000)).map(
        lambda one: TimeSpan(one[0] * MS, (one[0] + one[1]) * MS)
    ),
    min_size=1,
    max_size=3,
)
styles = st.sampled_from([CaptionStyle.BOLD, CaptionStyle.BOX, CaptionStyle.QUIET])
frames = st.builds(encoding_of, st.sampled_from(Ratio), st.sampled_from(Quality)).map(lambda one: one.size)


@given(spans, words)
def test_placed_words_lie_in_their_cut_and_cuts_follow_each_other(cuts, said):
    passages = place_words(cuts, [said] * len(cuts))

    assert [one.span.start_ns for one in passages[1:]] == [one.span.end_ns for one in passages[:-1]]
    assert [one.span.length_ns for one in passages] == [one.length_ns for one in cuts]
    for one in passages:
        assert all(one.span.start_ns <= w.start_ns <= w.end_ns <= one.span.end_ns for w in one.words)


@given(spans, words)
def test_captions_of_files_are_in_order_whole_and_never_over_a_cut(cuts, said):
    passages = place_words(cuts, [said] * len(cuts))
    made = cues(passages)

    assert all(one.end_ns <= two.start_ns for one, two in pairwise(made))
    for passage in passages:
        inside = [one for one in made if passage.span.start_ns <= one.start_ns < passage.span.end_ns]
        least = min(SHORTEST_NS, passage.span.length_ns // max(1, len(inside)))
        assert all(one.end_ns <= passage.span.end_ns for one in inside)
        assert all(one.end_ns - one.start_ns >= least for one in inside)
        drawn = "".join("".join(line.split()) for one in inside for line in one.lines)
        assert drawn == "".join("".join(word.text.split()) for word in passage.words)
        assert all(len(one.lines) in {1, 2} for one in inside)


@settings(deadline=None)
@given(spans, words, styles, frames)
def test_what_is_drawn_stays_safe_readable_and_text(cuts, said, style, size):
    """R-OPS-09, R-EXP-05."""
    passages = place_words(cuts, [said] * len(cuts))
    made = burn(passages, style=style, size=size, typeface=PLAIN)
    if made is None:
        assert not any(word.text for one in passages for word in one.words)
        return
    events = read_script(made.script)

    assert all(safe_area(size).holds(box) for box in made.boxes)
    assert all(event.start < event.end for event in events)
    assert max(event.end for event in events) <= passages[-1].span.end_ns / SECOND + 0.006
    letters = {letter for event in events if not event.is_drawing for letter in event.text}
    assert letters <= {letter for word in said for letter in shown(word.text)} | set(" \u2060\u2026")


@settings(deadline=None)
@given(spans, words, styles)
def test_one_caption_is_drawn_at_a_time_and_has_at_most_two_lines(cuts, said, style):
    passages = place_words(cuts, [said] * len(cuts))
    made = burn(passages, style=style, size=encoding_of(Ratio.R_9_16, Quality.LOW).size, typeface=PLAIN)
    events = [event for event in read_script(made.script) if not event.is_drawing] if made else []
    for at in {event.start for event in events}:
        shown_now = [event for event in events if event.start <= at < event.end]

        assert len(shown_now) <= 2


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 900)), max_size=12), st.integers(100, 6_000))
def test_times_are_never_shorter_than_they_may_be(starts, length):
    within = TimeSpan(0, length * MS)
    spoken = [TimeSpan(min(a, length) * MS, min(a + b, length) * MS) for a, b in sorted(starts)]
    shown_at = show(spoken, [10] * len(spoken), within)

    assert all(one.end_ns <= two.start_ns for one, two in pairwise(shown_at))
    assert all(0 <= one.start_ns and one.end_ns <= within.end_ns for one in shown_at)
    assert all(one.length_ns >= min(SHORTEST_NS, within.length_ns // len(spoken)) for one in shown_at)


@given(st.text())
def test_graphemes_put_together_are_the_text(text):
    assert "".join(graphemes(text)) == text


@given(st.text())
def test_shown_text_is_one_clean_line(text):
    once = shown(text)

    assert shown(once) == once
    assert once == " ".join(once.split())
    assert not any("\ud800" <= letter <= "\udfff" or letter < " " for letter in once)


@pytest.mark.parametrize("style", [CaptionStyle.BOLD, CaptionStyle.BOX, CaptionStyle.QUIET])
def test_three_minutes_of_fast_speech_take_little_time(style):
    """Six words a second: a hundredth of the work of cutting."""
    said = [SpokenWord("word" + ("." if n % 9 == 8 else ""), n * 166 * MS, (n * 166 + 150) * MS) for n in range(1_080)]
    made = burn(
        place_words([TimeSpan(0, 180 * SECOND)], [said]),
        style=style,
        size=encoding_of(Ratio.R_9_16, Quality.LOW).size,
        typeface=PLAIN,
    )

    assert made is not None
    assert len(made.boxes) > 90
