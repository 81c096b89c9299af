"""Where a clip begins and ends when words are known."""

import pytest

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.proposing.snapping import snap
from ingest_svc.domain.exports.values import SpokenWord

MS = 1_000_000
MINUTE = 60_000


def word(start_ms, end_ms):
    return SpokenWord("word", start_ms * MS, end_ms * MS)


def snapped(start_ms, end_ms, *words: SpokenWord, length_ms=10 * MINUTE, silences=()):
    quiet = [TimeSpan(a * MS, b * MS) for a, b in silences]
    found = snap(TimeSpan(start_ms * MS, end_ms * MS), words, length_ns=length_ms * MS, silences=quiet)
    return found.start_ns // MS, found.end_ns // MS


TALK = (word(2_000, 2_400), word(2_400, 3_000), word(4_000, 4_500), word(4_500, 5_000), word(7_000, 7_500))


def test_a_cut_in_a_word_moves_into_the_pause_with_a_little_air():
    assert snapped(2_200, 4_800, *TALK) == (1_920, 5_150)


def test_a_cut_in_a_pause_stays_where_it_is():
    assert snapped(3_500, 6_000, *TALK) == (3_500, 6_000)


def test_a_cut_too_close_to_a_word_gets_its_air():
    assert snapped(3_990, 5_010, *TALK) == (3_920, 5_150)


def test_a_pause_is_worth_a_longer_way_than_a_border_between_two_words():
    assert snapped(2_250, 6_000, *TALK)[0] == 1_920


def test_between_words_without_a_pause_the_border_itself_is_taken():
    run = [word(400 * n, 400 * n + 400) for n in range(50)]

    assert snapped(5_100, 10_100, *run) == (5_200, 10_000)


def test_a_short_pause_is_shared_between_what_ends_and_what_begins():
    close = (word(1_000, 2_000), word(2_023, 3_000))
    start, _ = snapped(2_010, 9_000, *close, *(word(3_000 + 300 * n, 3_300 + 300 * n) for n in range(9)))

    assert start == 2_015


def test_what_is_known_to_be_silent_is_a_pause_however_short():
    run = (word(0, 1_000), word(1_100, 2_000), word(2_000, 3_000), word(3_000, 4_000))

    assert snapped(1_950, 3_600, *run)[0] == 2_000
    assert snapped(1_450, 3_600, *run, silences=[(1_000, 1_100)])[0] == 1_065


def test_nothing_moves_by_more_than_a_second():
    long_word = (word(0, 5_000), word(5_000, 10_000))

    assert snapped(2_500, 7_400, *long_word) == (2_500, 7_400)


def test_unknown_words_change_nothing():
    assert snapped(2_200, 4_800) == (2_200, 4_800)


def test_the_result_lies_in_the_video():
    assert snapped(2_200, 3_200, word(2_000, 3_000), length_ms=3_050) == (1_920, 3_050)


def test_a_clip_of_the_longest_length_does_not_become_longer():
    """R-EXP-03: 180 s is the limit, after snapping too."""
    start, end = snapped(1_000, 181_000, word(900, 1_500), word(180_500, 181_400))

    assert (start, end) == (820, 180_420)


@pytest.mark.parametrize("span", [(2_050, 2_060), (2_399, 2_401)])
def test_a_sliver_inside_a_word_does_not_vanish(span):
    start, end = snapped(*span, *TALK)

    assert end > start
