"""Laws of pages of users: a walk gives each once, and a token is good for its own question alone."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.library.library import User, UserSort
from metrics_svc.domain.library.user_pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, ask_page, page_of

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def user(user_id, rank):
    return User(
        user_id=user_id,
        rank=rank,
        videos=0,
        ready=0,
        failed=0,
        hours_ready=0.0,
        last_activity=NOW,
        searches_7d=0,
        avg_latency_ms_7d=None,
        uploads=0,
        searches=0,
        coverage=Coverage(),
    )


def ask(token="", *, page=0, size=0, sort="", question="q"):
    return ask_page(sort=sort, page=page, page_size=size, token=token, question=question)


def answered(everybody, asked):
    """What the store returns: users after a place or after so many, one more than fit."""
    ordered = sorted(everybody, key=lambda one: (-one.rank, one.user_id))
    if asked.after is not None:
        place = (-asked.after.rank, asked.after.user_id)
        ordered = [one for one in ordered if (-one.rank, one.user_id) > place]
    return page_of(ordered[asked.skip : asked.skip + asked.size + 1], asked, total=len(everybody))


people = st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda t: "\x00" not in t), st.integers(0, 1 << 70))


@given(people, st.integers(1, MAX_PAGE_SIZE), st.sampled_from(UserSort))
def test_a_walk_by_tokens_gives_each_once_in_order_and_counts_its_pages(ranks, size, sort):
    """R-AD1-04."""
    everybody = [user(name, rank) for name, rank in ranks.items()]
    seen, token, numbers = [], "", []
    while True:
        page = answered(everybody, ask(token, size=size, sort=sort))
        seen += [one.user_id for one in page.users]
        numbers.append(page.number)
        token = page.next_token
        if not token:
            break

    assert seen == sorted(ranks, key=lambda name: (-ranks[name], name))
    assert numbers == list(range(1, len(numbers) + 1))


@given(people, st.integers(1, 7))
def test_a_walk_by_numbers_gives_the_same(ranks, size):
    everybody = [user(name, rank) for name, rank in ranks.items()]
    pages = [answered(everybody, ask(page=number, size=size)) for number in range(1, len(ranks) + 2)]

    assert [one.user_id for page in pages for one in page.users] == sorted(ranks, key=lambda n: (-ranks[n], n))


def token_of(**asked: object):
    return answered([user(f"u{n}", n) for n in range(9)], ask(size=3, **asked)).next_token


@pytest.mark.parametrize("other", [{"sort": "hours_ready"}, {"question": "another"}])
def test_a_token_is_good_for_its_own_question_alone(other):
    assert ask(token_of(), size=3).after is not None
    with pytest.raises(InvalidInput) as error:
        ask(token_of(), **other)

    assert [one.field for one in error.value.violations] == ["page_token"]


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_what_is_no_token_is_refused_with_its_field(token):
    if not token:
        return
    with pytest.raises(InvalidInput) as error:
        ask(token)

    assert [one.field for one in error.value.violations] == ["page_token"]


json_values = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.lists(st.none()))


@given(st.lists(json_values, max_size=6), st.integers(0, 3))
def test_a_token_that_was_tampered_with_is_refused(values, place):
    ours = json.loads(base64.b64decode(token_of() + "==", altchars=b"-_"))
    forged = [*ours[:place], values[place], *ours[place + 1 :]] if place < len(values) else values
    if forged == ours:
        return
    with pytest.raises(InvalidInput):
        ask(base64.urlsafe_b64encode(json.dumps(forged).encode()).decode())


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"sort": "name"}, ["sort"]),
        ({"page": -1}, ["page"]),
        ({"size": 201}, ["page_size"]),
        ({"size": -1, "page": -1, "sort": "x"}, ["sort", "page", "page_size"]),
    ],
)
def test_every_wrong_field_is_named_at_once(asked, fields):
    with pytest.raises(InvalidInput) as error:
        ask(**asked)

    assert [one.field for one in error.value.violations] == fields


def test_nothing_asked_is_the_first_page_of_the_most_active():
    asked = ask()

    assert (asked.sort, asked.number, asked.size, asked.skip) == (UserSort.LAST_ACTIVITY, 1, DEFAULT_PAGE_SIZE, 0)
