"""Which words are shown together, when, where and how large."""

from itertools import pairwise

import pytest

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.captions.captions import Passage, burn, cues, place_words
from ingest_svc.domain.exports.captions.grouping import Room, group
from ingest_svc.domain.exports.captions.layout import Typeface
from ingest_svc.domain.exports.captions.safe_area import safe_area
from ingest_svc.domain.exports.values import CaptionStyle, Quality, Ratio, Size, SpokenWord, encoding_of
from tests.support.caption_lab import PLAIN, SECOND, passage, read_script, spoken

STYLES = (CaptionStyle.BOLD, CaptionStyle.BOX, CaptionStyle.QUIET)
UPRIGHT = Size(1080, 1920)
SPEECH = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."


def texts(groups):
    return [" / ".join(" ".join(word.text for word in line) for line in lines) for lines in groups]


def grouped(text, widest=16, **pace: float):
    return texts(group(spoken(text, **pace), Room(lambda one: float(len(one)), widest)))


def burned(*passages: Passage, style=CaptionStyle.BOLD, size=UPRIGHT, typeface=PLAIN):
    return burn(passages, style=style, size=size, typeface=typeface)


def words_shown(events):
    """What is drawn as text, per instant at which it begins to be shown."""
    return [(event.start, event.text) for event in events if not event.is_drawing]


def test_captions_end_with_sentences_and_clauses():
    assert grouped("We had a plan. It did not work at all, so we made another one.", widest=20) == [
        "We had a plan.",
        "It did not / work at all,",
        "so we made / another one.",
    ]


def test_a_pause_parts_captions_without_any_mark():
    words = [*spoken("one two three"), *spoken("four five six", start=3)]

    assert texts(group(words, Room(lambda one: float(len(one)), 40))) == ["one two three", "four five six"]


def test_short_sentences_share_a_caption_where_each_alone_would_be_gone_too_soon():
    assert grouped("No. No. No. I will not.", widest=30, pace=0.2) == ["No. No. No. I will not."]


def test_no_line_is_wider_than_a_line():
    for caption in grouped(SPEECH, widest=15):
        assert all(len(line) <= 15 for line in caption.split(" / "))
        assert caption.count(" / ") <= 1


def test_words_belong_to_the_cut_that_holds_their_middle_and_cuts_follow_each_other():
    words = spoken("a b c d e f", pace=1.0)
    placed = place_words([TimeSpan(1 * SECOND, 3 * SECOND), TimeSpan(0, 1_700_000_000)], [words, words])

    assert [(one.span.start_ns, one.span.end_ns) for one in placed] == [(0, 2 * SECOND), (2 * SECOND, 3_700_000_000)]
    assert [[word.text for word in one.words] for one in placed] == [["b", "c"], ["a", "b"]]
    assert placed[1].words[1] == SpokenWord("b", 3 * SECOND, 3_700_000_000)


def test_words_that_end_before_they_begin_do_no_harm():
    placed = place_words([TimeSpan(0, 2 * SECOND)], [[SpokenWord("odd", SECOND, 0), SpokenWord("\u200b", 0, SECOND)]])

    assert placed[0].words == (SpokenWord("odd", SECOND, SECOND),)


def test_a_caption_begins_with_its_first_word_and_lingers():
    first, second = cues([passage([*spoken("Hello there."), *spoken("Again.", start=5)])])

    assert (first.start_ns, first.end_ns) == (0, 865_000_000)
    assert (second.start_ns, second.end_ns) == (5 * SECOND, 5_700_000_000)


def test_a_caption_never_stands_over_a_cut_of_the_reel():
    words = spoken("one two three four five six seven eight", pace=0.3)
    placed = place_words([TimeSpan(0, SECOND), TimeSpan(SECOND, 2 * SECOND)], [words, words])
    shown = [(cue.start_ns, cue.end_ns) for cue in cues(placed)]

    assert all(end <= SECOND or start >= SECOND for start, end in shown)
    assert max(end for _, end in shown) <= 2 * SECOND


def test_captions_that_come_too_fast_each_get_their_time():
    words = [SpokenWord("a" * 30 + ".", n * 100_000_000, n * 100_000_000 + 90_000_000) for n in range(4)]
    shown = cues([passage(words, seconds=4)])

    assert all(one.end_ns - one.start_ns >= 700_000_000 for one in shown)
    assert all(one.end_ns <= two.start_ns for one, two in pairwise(shown))


def test_no_style_and_no_words_draw_nothing():
    assert burned(passage(spoken("a b")), style=CaptionStyle.NONE) is None
    assert burned(place_words([TimeSpan(0, SECOND)], [[]])[0]) is None


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("ratio", Ratio)
@pytest.mark.parametrize("quality", [Quality.LOW, Quality.MEDIUM])
def test_every_caption_lies_in_the_safe_area(style, ratio, quality):
    size = encoding_of(ratio, quality).size
    made = burned(passage(spoken(SPEECH)), style=style, size=size)

    assert all(safe_area(size).holds(box) for box in made.boxes)
    assert all(left + width / 2 == pytest.approx(0.5) for left, _, width, _ in made.boxes)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("ratio", Ratio)
def test_letters_are_a_stated_part_of_the_frame_at_any_resolution(style, ratio):
    sizes = [encoding_of(ratio, quality).size for quality in (Quality.LOW, Quality.MEDIUM)]
    low, high = (burned(passage(spoken("Hi.")), style=style, size=size).boxes[0] for size in sizes)

    assert low == pytest.approx(high)
    assert 0.02 < high[3] < 0.13


def test_of_bold_the_word_being_said_is_coloured():
    events = read_script(burned(passage(spoken("one two three"))).script)

    assert [event.overrides[1:] for event in events] == [
        (r"\1c&H00D4FF&", r"\1c&HFFFFFF&"),
        (r"\1c&H00D4FF&", r"\1c&HFFFFFF&"),
        (r"\1c&H00D4FF&",),
    ]
    assert [(event.start, event.end) for event in events] == [(0.0, 0.35), (0.35, 0.7), (0.7, 1.22)]
    assert {event.text for event in events} == {"one two three"}


def test_of_box_the_word_being_said_stands_on_a_coloured_box():
    events = read_script(burned(passage(spoken("one two")), style=CaptionStyle.BOX).script)
    drawings = [event for event in events if event.is_drawing]

    assert [(event.layer, event.start) for event in drawings] == [(0, 0.0), (1, 0.0), (1, 0.35)]
    assert [r"\1c&HEB6325&" in event.overrides[0] for event in drawings] == [False, True, True]
    assert words_shown(events) == [(0.0, "one two")]


def test_of_quiet_words_not_yet_said_are_dim():
    events = read_script(burned(passage(spoken("one two")), style=CaptionStyle.QUIET).script)

    assert [event.overrides[1:] for event in events] == [(r"\1c&HB8B8B8&",), ()]


def test_a_word_wider_than_a_line_is_drawn_smaller_and_a_longer_one_is_broken():
    smaller, broken = ("w" * letters for letters in (22, 60))
    made = [read_script(burned(passage(spoken(word))).script) for word in (smaller, broken)]

    assert [event.text for event in made[0]] == [smaller]
    assert r"\fs" in made[0][0].overrides[0]
    assert sum(len(event.text) for event in made[1] if event.start == made[1][0].start) < len(broken)
    assert {letter for event in made[1] for letter in event.text} == {"w"}


def test_chinese_and_japanese_are_broken_without_spaces_and_not_before_their_marks():
    text = "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3067\u3059\u3002" * 2
    lines = [line for cue in cues([passage([SpokenWord(text, 0, 4 * SECOND)])]) for line in cue.lines]

    assert "".join(lines) == text
    assert not any(line[0] in "\u3002\u3001" for line in lines)


def test_emoji_that_the_font_lacks_are_not_drawn_and_stay_in_the_files():
    face = Typeface(family="Plain", line_em=1.25, measure=PLAIN.measure, knows=str.isascii)
    said = passage(spoken("yes \U0001f642 no\U0001f44d\U0001f3fd"))
    made = burned(said, typeface=face)

    assert {text for _, text in words_shown(read_script(made.script))} == {"yes no"}
    assert made.notes == ()
    assert cues([said])[0].lines == ("yes \U0001f642 no\U0001f44d\U0001f3fd",)


def test_letters_that_the_font_lacks_are_kept_and_told_of():
    face = Typeface(family="Plain", line_em=1.25, measure=PLAIN.measure, knows=str.isascii)
    made = burned(passage(spoken("\u65e5\u672c\u8a9e\u6587 yes")), typeface=face, style=CaptionStyle.BOX)

    assert made.notes[0].startswith(
        "CAPTION_LETTERS_MISSING: the caption font has no \u6587, \u65e5, \u672c and 1 more;"
    )
    assert not any(event.layer == 1 for event in read_script(made.script))


def test_a_phrase_that_came_as_one_word_is_parted_at_its_spaces():
    (cue, *_) = cues([passage([SpokenWord("a whole phrase.", 0, 2 * SECOND)])])
    events = read_script(burned(passage([SpokenWord("a whole phrase.", 0, 2 * SECOND)])).script)

    assert cue.lines == ("a whole phrase.",)
    assert len(events) == 3
