import pytest

from chassis.core.errors import InvalidInput
from index_svc.domain.query import WEIGHTS, Signal, parse_query, shares


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(InvalidInput) as caught:
        parse_query("  ", owner_id="ada", video_ids=('x" or "" == "',), page_size=101, page_token="nonsense")

    assert [violation.field for violation in caught.value.violations] == ["q", "page_size", "video_ids", "page_token"]


@pytest.mark.parametrize("text", ["", " \n", "x" * 1_001])
def test_a_query_has_1_to_1000_characters(text):
    with pytest.raises(InvalidInput):
        parse_query(text, owner_id="ada")


def test_page_size_zero_means_twenty():
    assert parse_query("macaw", owner_id="ada").page_size == 20


def test_a_page_token_leads_to_the_next_page_of_the_same_query_only():
    first = parse_query("macaw", owner_id="ada", page_size=10)
    token = first.next_page_token(total=25)

    assert parse_query("macaw", owner_id="ada", page_size=10, page_token=token).offset == 10
    for other in (
        {"owner_id": "bob"},
        {"owner_id": "ada", "video_ids": ("v1",)},
        {"owner_id": "ada", "signals": {Signal.TAGS}},
    ):
        with pytest.raises(InvalidInput):
            parse_query("macaw", page_token=token, **{**other, "signals": frozenset(other.get("signals", ()))})


def test_the_last_page_has_no_token():
    assert parse_query("macaw", owner_id="ada", page_size=10).next_page_token(total=10) == ""


@pytest.mark.parametrize("token", ["é", "A", "AAAA", "////", "A" * 10_000, "=", "\x00"])
def test_a_hostile_page_token_is_refused(token):
    with pytest.raises(InvalidInput):
        parse_query("macaw", owner_id="ada", page_token=token)


def test_weights_are_balanced_to_one_and_so_are_the_shares_of_what_takes_part():
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    assert sum(shares(frozenset({Signal.SPEECH, Signal.TAGS})).values()) == pytest.approx(1.0)
    assert shares(frozenset()) == {}
