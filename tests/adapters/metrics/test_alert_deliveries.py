"""Whatever happens between an alert and its receiver, the receiver hears of it, in order, under one identity."""

from datetime import timedelta

import pytest

from metrics_svc.domain.alerts.rules import Silence
from metrics_svc.domain.alerts.webhook import LEASE, MAX_ATTEMPTS, headers_of
from tests.support.alert_lab import SECRET, alert_lab, receiving

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
FIRED, RESOLVED = ("alert.fired", "low_disk"), ("alert.resolved", "low_disk")


@pytest.fixture
async def receiver():
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def lab(database, bus_url, receiver):
    async with alert_lab(database, bus_url, receiver.url) as lab:
        await lab.change("low_disk", fire_after_s=0.0, resolve_after_s=0.0)
        await lab.execute("INSERT INTO metrics.stores VALUES ('objects', $1, 500, 1000)", lab.clock.at)
        yield lab


async def disk(lab, free, *, send=True):
    """The disk has so many percent free, and somebody looks."""
    lab.clock.at += 20 * SECOND
    await lab.execute("UPDATE metrics.stores SET free_bytes = $1, scanned_at = $2", free * 10, lab.clock.at)
    await lab.watcher.look()
    if send:
        await lab.send()


async def states(lab):
    return [(row.event, row.state, row.attempts) for row in await lab.deliveries.deliveries("", before=None, limit=99)]


async def wait(lab, long):
    lab.clock.at += long
    await lab.send()


async def test_a_receiver_that_fails_at_first_gets_each_message_once_under_one_identity(lab, receiver):
    """R-AD3-04."""
    receiver.answers = [{"status": status} for status in (500, 429, 503)]
    await disk(lab, 5)
    for _ in range(3):
        await wait(lab, timedelta(minutes=2))
    await disk(lab, 50)

    assert receiver.heard == [FIRED, RESOLVED]
    assert len(receiver.tried) == 5
    assert len({(post.headers["webhook-id"], post.body) for post in receiver.tried}) == 2
    assert {post.headers["idempotency-key"] for post in receiver.tried[:4]} == {receiver.taken[0].headers["webhook-id"]}
    assert len({post.headers["webhook-timestamp"] for post in receiver.tried[:4]}) == 4
    assert all(post.is_signed_with(SECRET) for post in receiver.tried)
    assert await states(lab) == [("resolved", "delivered", 1), ("fired", "delivered", 4)]


async def test_the_end_of_an_alert_does_not_overtake_its_beginning(lab, receiver):
    receiver.answers = [{"status": 500}] * 3
    await disk(lab, 5)
    await disk(lab, 50)
    await disk(lab, 5)
    assert receiver.heard == []
    for _ in range(6):
        await wait(lab, timedelta(minutes=2))

    assert receiver.heard == [FIRED, RESOLVED, FIRED]


async def test_what_was_committed_is_sent_by_whoever_comes_after_a_kill(lab, receiver):
    """R-AD3-04: killed between commit and send."""
    await disk(lab, 5, send=False)
    lab.start_again()
    await lab.send()

    assert receiver.heard == [FIRED]


async def test_what_was_sent_and_not_written_down_is_sent_again_under_the_same_identity(lab, receiver):
    """R-AD3-04: killed between send and commit; at least once, and the receiver can tell."""
    await disk(lab, 5, send=False)
    (due,) = await lab.deliveries.claim(lab.clock.at, LEASE, [lab.courier.receivers[0].name], 10)
    await lab.webhook.post(
        lab.courier.receivers[0], due.body, headers_of(due.delivery_id, due.body, [SECRET], lab.clock.at)
    )
    lab.start_again()
    await wait(lab, LEASE - SECOND)
    assert receiver.heard == [FIRED]
    await wait(lab, SECOND)
    await wait(lab, HOUR)

    assert receiver.heard == [FIRED, FIRED]
    assert len({(post.headers["webhook-id"], post.body) for post in receiver.tried}) == 1


async def test_a_message_is_given_up_after_many_attempts_and_the_next_one_is_tried(lab, receiver):
    receiver.answers = [{"status": 404, "text": "gone fishing"}] * MAX_ATTEMPTS
    await disk(lab, 5)
    for _ in range(MAX_ATTEMPTS + 2):
        await wait(lab, timedelta(minutes=20))
        await lab.execute("UPDATE metrics.stores SET scanned_at = $1", lab.clock.at)
    assert len(receiver.tried) == MAX_ATTEMPTS
    await disk(lab, 50)
    last = (await lab.deliveries.deliveries("", before=None, limit=99))[-1]

    assert receiver.heard == [RESOLVED]
    assert await states(lab) == [("resolved", "delivered", 1), ("fired", "given_up", MAX_ATTEMPTS)]
    assert (last.last_status, last.last_error) == (404, "HTTP 404 gone fishing")


async def test_without_a_receiver_alerts_are_listed_and_the_first_one_that_comes_is_told(lab, receiver):
    urls, lab.urls = lab.urls, ""
    lab.start_again()
    await disk(lab, 5)
    assert (await lab.alerts(), await states(lab)) == ([("low_disk", "open")], [])
    lab.urls = urls
    lab.start_again()
    await disk(lab, 5)
    await disk(lab, 5)

    assert receiver.heard == [FIRED]


async def test_a_receiver_that_is_down_keeps_no_other_from_hearing(lab, receiver):
    async with receiving() as other:
        lab.urls = f"{receiver.url},{other.url}"
        lab.start_again()
        receiver.answers = [{"status": 500}] * 2
        await disk(lab, 5)
        await disk(lab, 50)
        assert (receiver.heard, other.heard) == ([], [FIRED, RESOLVED])
        for _ in range(3):
            await wait(lab, timedelta(minutes=2))

        assert receiver.heard == [FIRED, RESOLVED]
        assert len({post.headers["webhook-id"] for post in receiver.tried + other.tried}) == 4


async def test_silence_holds_messages_back_and_what_is_still_so_is_told_after_it(lab, receiver):
    await lab.store.silence("low_disk", Silence(lab.clock.at + HOUR, "ada"), lab.clock.at)
    await disk(lab, 5)
    lab.start_again()
    await disk(lab, 4)
    assert (await lab.alerts(), receiver.tried) == ([("low_disk", "open")], [])
    lab.clock.at += HOUR
    await disk(lab, 3)
    await disk(lab, 3)

    assert receiver.heard == [FIRED]


async def test_what_came_and_went_in_silence_is_never_told(lab, receiver):
    await lab.store.silence("low_disk", Silence(lab.clock.at + HOUR, "ada"), lab.clock.at)
    await disk(lab, 5)
    await disk(lab, 50)
    lab.clock.at += HOUR
    await disk(lab, 50)

    assert (await lab.alerts(), receiver.tried) == ([("low_disk", "over")], [])


async def test_an_end_in_silence_is_told_when_the_silence_is_taken_back(lab, receiver):
    await disk(lab, 5)
    await lab.store.silence("low_disk", Silence(lab.clock.at + HOUR, "ada"), lab.clock.at)
    await disk(lab, 50)
    await disk(lab, 4)
    assert receiver.heard == [FIRED]
    await lab.store.silence("low_disk", None, lab.clock.at)
    await disk(lab, 4)

    assert receiver.heard == [FIRED, RESOLVED, FIRED]
    assert receiver.taken[1].said["data"]["alert_id"] == receiver.taken[0].said["data"]["alert_id"]
    assert receiver.taken[1].said["data"]["resolved_value"] == 50


async def test_a_rule_that_is_turned_off_ends_its_alert_and_says_so(lab, receiver):
    await disk(lab, 5)
    await lab.change("low_disk", is_enabled=False)
    await disk(lab, 5)
    await disk(lab, 5)

    assert receiver.heard == [FIRED, RESOLVED]
    assert receiver.taken[1].said["data"]["end_reason"] == "disabled"


async def test_messages_for_a_receiver_that_is_configured_no_more_are_dropped_after_a_day(lab, receiver):
    await disk(lab, 5, send=False)
    lab.urls = "http://127.0.0.1:9/elsewhere"
    lab.start_again()
    await lab.send()
    await lab.courier.drop_unsent()
    assert await states(lab) == [("fired", "waiting", 0)]
    lab.clock.at += timedelta(days=1, seconds=1)
    await lab.courier.drop_unsent()

    assert await states(lab) == [("fired", "dropped", 0)]
    assert receiver.tried == []


async def test_a_clock_that_is_set_back_by_a_year_holds_no_message_back(lab, receiver):
    receiver.answers = [{"status": 500}]
    await disk(lab, 5)
    await wait(lab, timedelta(days=-365))

    assert receiver.heard == [FIRED]
