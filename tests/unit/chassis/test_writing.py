import pytest

from chassis.core.writing import join_words


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["two", "words"], "two words"),
        (["\u65e5\u672c", "\u8a9e"], "\u65e5\u672c\u8a9e"),
        (["\u0e44\u0e17", "\u0e22"], "\u0e44\u0e17\u0e22"),
        (["\uc548\ub155", "\ud558\uc138\uc694"], "\uc548\ub155 \ud558\uc138\uc694"),
        (["yes", "\U0001f642", "no"], "yes \U0001f642 no"),
        (["\u306f\u3044", "\U0001f642"], "\u306f\u3044\U0001f642"),
        (["", "a", "", "b", ""], "a b"),
        ([], ""),
    ],
)
def test_words_are_joined_as_their_script_writes_them(words, line):
    assert join_words(words) == line
