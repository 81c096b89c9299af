"""What of a text can be shown, and where it may be broken."""

import pytest

from ingest_svc.domain.exports.captions.text import (
    ends_clause,
    ends_sentence,
    graphemes,
    is_cuttable,
    is_picture,
    shown,
)
from tests.support.hostile_text import HOSTILE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two\nlines\r\n\tand  spaces", "two lines and spaces"),
        ("a\u2028b\u2029c\x85d\0e\x1bf", "a b c d e f"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("in\u00advis\u200bible\ufeff", "invisible"),
        ("\ud800lone\udfff", "lone"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u200d\u200c", ""),
        ("\ue000\U0010fffe", ""),
    ],
)
def test_text_becomes_one_line_of_what_can_be_shown(text, expected):
    assert shown(text) == expected


def test_a_letter_carries_at_most_three_marks():
    assert shown("q" + "\u0323" * 90 + "x") == "q" + "\u0323" * 3 + "x"


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_shown_can_be_written_and_stays_the_same(text):
    """R-OPS-09."""
    once = shown(text)

    assert shown(once) == once
    assert once.encode().decode() == once
    assert once.isprintable() or "\u200c" in once or "\u200d" in once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", ["a", "b", "c"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467x", ["\U0001f468\u200d\U0001f469\u200d\U0001f467", "x"]),
        ("\U0001f1e9\U0001f1ea\U0001f1eb", ["\U0001f1e9\U0001f1ea", "\U0001f1eb"]),
        ("\U0001f44d\U0001f3fd!", ["\U0001f44d\U0001f3fd", "!"]),
        ("1\ufe0f\u20e32", ["1\ufe0f\u20e3", "2"]),
        ("", []),
    ],
)
def test_what_a_reader_takes_for_one_letter_stays_together(text, expected):
    assert list(graphemes(text)) == expected


@pytest.mark.parametrize(
    "word", ["end.", "end!", "what?", "so\u2026", "\u3067\u3059\u3002", 'said."', "\u0645\u0631\u061f"]
)
def test_sentences_end_with_their_marks_in_any_script(word):
    assert ends_sentence(word)
    assert ends_clause(word)


@pytest.mark.parametrize("word", ["Mr.", "(Dr.", "e.g.", "and", "", '"', "3.5", "why,"])
def test_shortened_words_end_no_sentence(word):
    assert not ends_sentence(word)


def test_a_comma_ends_a_clause():
    assert [ends_clause(word) for word in ("why,", "so;", "\u306f\u3001", "and")] == [True, True, True, False]


def test_scripts_without_spaces_may_be_cut_anywhere():
    assert [
        is_cuttable(text) for text in ("\u65e5\u672c\u8a9e\u3002", "\u0e44\u0e17\u0e22", "word", "\u65e5a", "")
    ] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_emoji_are_pictures_and_letters_are_not():
    assert [is_picture(one) for one in ("\U0001f642", "\u2764\ufe0f", "1\ufe0f\u20e3", "a", "\u65e5", "?")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
