"""R-AD1-04: 120 users, walked page by page in every order."""

import random
from datetime import timedelta

import pytest

from chassis.core.errors import InvalidInput
from heimdex.metrics.v1 import admin_service_pb2 as admin
from tests.support.library_lab import LibraryLab, video_changed
from tests.support.metrics_samples import MINUTE_NS, NOW, search_event, stamp

USERS = 120
KEYS = {
    "last_activity": lambda one: one.last_activity.ToNanoseconds(),
    "hours_ready": lambda one: one.hours_ready,
    "videos_ready": lambda one: one.videos_ready,
    "searches_7d": lambda one: one.searches_7d,
}


@pytest.fixture
async def lab(database):
    lab = LibraryLab(database)
    chance = random.Random(3)  # noqa: S311  # not a secret
    events = []
    for number in range(USERS):
        owner = f"user {number:03d}" if number % 3 else f"Ünal {number}"
        for video in range(chance.randint(0, 3)):
            state = chance.choice(["READY", "FAILED", "QUEUED"])
            at = stamp(NOW - timedelta(hours=chance.randint(0, 30)))
            name = f"{number}-{video}"
            length = chance.randint(1, 3) * MINUTE_NS
            events.append(video_changed(name, state, owner_id=owner, created_at=at, duration_ns=length))
        events += [
            search_event(f"{number}-{n}", owner_id=owner, at=NOW - timedelta(hours=chance.randint(0, 300)))
            for n in range(chance.randint(0, 3) + 1)
        ]
    await lab.take(*events)
    return lab


async def walk(lab, **asked: object):
    token, pages = "", []
    while True:
        page = await lab.ask("ListUserStats", admin.ListUserStatsRequest(page_token=token, **asked))
        pages.append(page)
        token = page.next_page_token
        if not token:
            return pages


@pytest.mark.parametrize("sort", KEYS)
async def test_a_walk_gives_each_user_once_in_the_right_and_stable_order(lab, sort):
    pages = await walk(lab, sort=sort, page_size=7)
    items = [item for page in pages for item in page.items]
    ordered = sorted(items, key=lambda one: (-KEYS[sort](one), one.user_id))

    assert len({item.user_id for item in items}) == len(items) == USERS
    assert [item.user_id for item in items] == [item.user_id for item in ordered]
    assert {page.total_users for page in pages} == {USERS}
    assert [page.page for page in pages] == list(range(1, len(pages) + 1))


@pytest.mark.parametrize("sort", KEYS)
async def test_numbered_pages_are_those_of_the_walk(lab, sort):
    """page and page_size as earlier versions had them."""
    pages = await walk(lab, sort=sort)
    numbered = [
        await lab.ask("ListUserStats", admin.ListUserStatsRequest(page=number, page_size=50, sort=sort))
        for number in (1, 2, 3, 4)
    ]

    assert [list(page.items) for page in numbered[:3]] == [list(page.items) for page in pages]
    assert (list(numbered[3].items), numbered[3].total_users, numbered[3].page) == ([], USERS, 4)
    assert [len(page.items) for page in numbered] == [50, 50, 20, 0]


async def test_the_numbers_of_all_pages_are_those_of_the_overview(lab):
    items = [item for page in await walk(lab, page_size=50) for item in page.items]
    overview = await lab.ask("GetOverview", admin.GetOverviewRequest())

    assert sum(item.videos_ready for item in items) == overview.videos_ready_total
    assert sum(item.videos_total for item in items) == overview.videos_total
    assert sum(item.searches_7d for item in items) == overview.searches_7d
    assert sum(item.hours_ready for item in items) == pytest.approx(overview.hours_ready_total)
    assert overview.users_total == USERS


async def test_one_user_alone_is_the_same_as_among_all(lab):
    among = {item.user_id: item for page in await walk(lab) for item in page.items}
    for name in ("user 001", "Ünal 3"):
        alone = await lab.ask("ListUserStats", admin.ListUserStatsRequest(owner_id=name))

        assert ([among[name]], alone.total_users) == (list(alone.items), 1)


async def test_a_token_of_another_question_is_refused(lab):
    first = await lab.ask("ListUserStats", admin.ListUserStatsRequest(page_size=5))
    for other in ({"sort": "hours_ready"}, {"owner_id": "user 001"}, {"range": "7d"}):
        with pytest.raises(InvalidInput) as error:
            await lab.ask("ListUserStats", admin.ListUserStatsRequest(page_token=first.next_page_token, **other))
        assert [one.field for one in error.value.violations] == ["page_token"]
