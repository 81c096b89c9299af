"""R-AD3-04: inject each anomaly -> one alert, then one resolve; and somebody real is told of both, once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.subjects import stage_subject, work_subject
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.migrate import migrate
from chassis.io.postgres import Database
from metrics_svc.adapters.webhook import HttpWebhook
from metrics_svc.domain.alerts.rules import RuleId
from tests.support.alert_lab import SECRET, AlertLab, TurnedClock, alert_lab, receiving
from tests.support.eventually import eventually
from tests.support.metrics_samples import MINUTE_NS, NOW, run_event, search_event, stage_event

HOUR, MINUTE, YESTERDAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
async def receiver():
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def lab(database, bus_url, receiver):
    async with alert_lab(database, bus_url, receiver.url) as lab:
        yield lab


async def slow_videos(lab):
    await lab.tell(*(run_event(n, finished_at=lab.clock.at, duration_ns=10 * MINUTE_NS) for n in range(6)))


async def quick_videos(lab):
    lab.clock.at += 2 * HOUR
    await lab.tell(*(run_event(100 + n, finished_at=lab.clock.at) for n in range(6)))


async def waiting_videos(lab):
    await lab.execute(
        "INSERT INTO metrics.videos (video_id, owner_id, sequence, filename, state, stage, generation, error_reason,"
        " error_message, created_at, updated_at, is_deleted)"
        " SELECT 'v' || n, 'owner', 1, 'f', 'queued', 'queued', 1, '', '', $1, $1, false FROM generate_series(1, 3) n",
        lab.clock.at - HOUR,
    )


async def videos_are_begun(lab):
    await lab.execute("UPDATE metrics.videos SET state = 'processing', updated_at = $1", lab.clock.at)


async def failing_videos(lab):
    await lab.tell(
        *(run_event(n, finished_at=lab.clock.at, failed_in="METADATA") for n in range(6)),
        *(run_event(50 + n, finished_at=lab.clock.at) for n in range(3)),
    )


async def standing_stage(lab):
    ends = [lab.clock.at - YESTERDAY + n * MINUTE for n in range(30)]
    await lab.tell(*(stage_event(n, finished_at=at) for n, at in enumerate(ends)))
    lab.start_again()
    subject = work_subject("inference", "transcription", "v1")
    await lab.bus.publish(Outgoing(subject, b"work", "heimdex.ingest.v1.StageWork", "work/1"))


async def moving_stage(lab):
    await lab.tell(*(stage_event(500 + n, finished_at=lab.clock.at + n * MINUTE / 4) for n in range(21)))
    await lab.execute(
        "UPDATE metrics.stage_events SET counted_at = counted_at + interval '20 minutes' WHERE counted_at > $1", NOW
    )


async def usual_searches(lab):
    at = lab.clock.at - YESTERDAY
    await lab.tell(*(search_event(n, at=at, results_count=3) for n in range(40)))
    lab.start_again()  # what is usual is read once an hour


async def empty_searches(lab):
    await usual_searches(lab)
    await lab.tell(*(search_event(100 + n, at=lab.clock.at, results_count=0) for n in range(25)))


async def slow_searches(lab):
    await usual_searches(lab)
    slow = [search_event(100 + n, at=lab.clock.at, results_count=3, latency_ns=200_000_000) for n in range(25)]
    await lab.tell(*slow)


async def good_searches(lab):
    lab.clock.at += 2 * HOUR
    await lab.tell(*(search_event(200 + n, at=lab.clock.at, results_count=3) for n in range(25)))


async def full_disk(lab):
    await lab.execute("INSERT INTO metrics.stores VALUES ('objects', $1, 50, 1000)", lab.clock.at)


async def room_on_disk(lab):
    await lab.execute("UPDATE metrics.stores SET free_bytes = 500, scanned_at = $1", lab.clock.at)


async def events_pile_up(lab):
    await lab.change("late_numbers", fire_threshold=3.0, resolve_threshold=1.0)
    for number in range(4):
        subject = stage_subject("ingest", "stage_event", f"v{number}")
        await lab.bus.publish(Outgoing(subject, b"", "heimdex.metrics.v1.Unknown", f"event/{number}"))


async def events_are_taken(lab):
    """By whoever takes events; what it does with them is no matter here."""
    consumer = "metrics_take_stage_events"
    stop = asyncio.Event()

    async def nothing_waits():
        return await lab.bus.pending(consumer) == 0

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lab.bus.consume(consumer, lambda delivery: delivery.ack(), slots=4, stopping=stop))
        await eventually(nothing_waits)
        stop.set()


async def contradicting_events(lab):
    await lab.tell(run_event(1, finished_at=lab.clock.at))
    await lab.tell(run_event(1, finished_at=lab.clock.at, duration_ns=5))
    await lab.execute("UPDATE metrics.contradictions SET first_seen_at = $1", lab.clock.at)


async def a_day_goes_by(lab):
    lab.clock.at += timedelta(days=1, minutes=5)


ANOMALIES = {
    RuleId.HIGH_RTF: (slow_videos, quick_videos),
    RuleId.QUEUE_GROWTH: (waiting_videos, videos_are_begun),
    RuleId.FAILURE_SPIKE: (failing_videos, quick_videos),
    RuleId.STALLED_STAGE: (standing_stage, moving_stage),
    RuleId.FALLING_SEARCH_QUALITY: (empty_searches, good_searches),
    RuleId.SLOW_SEARCHES: (slow_searches, good_searches),
    RuleId.LOW_DISK: (full_disk, room_on_disk),
    RuleId.LATE_NUMBERS: (events_pile_up, events_are_taken),
    RuleId.CONTRADICTIONS: (contradicting_events, a_day_goes_by),
}


@pytest.mark.parametrize("rule", RuleId)
async def test_each_anomaly_makes_one_alert_and_then_one_resolution_and_both_are_told(lab, receiver, rule):
    """R-AD3-04: inject each anomaly -> one alert, then one resolve; the receiver has one signed message of each."""
    inject, heal = ANOMALIES[rule]
    await lab.look(times=2)
    assert (await lab.alerts(), receiver.heard) == ([], [])

    await inject(lab)
    await lab.look(times=8)

    assert await lab.alerts() == [(rule, "open")]
    assert receiver.heard == [("alert.fired", rule)]

    await heal(lab)
    await lab.look(times=8)

    assert await lab.alerts() == [(rule, "over")]
    assert receiver.heard == [("alert.fired", rule), ("alert.resolved", rule)]
    assert all(post.is_signed_with(SECRET) and not post.is_signed_with(b"another") for post in receiver.tried)
    assert len(receiver.tried) == 2


async def test_an_empty_database_has_no_alert_and_says_which_rules_have_no_data(lab, receiver):
    """R-AD3-04: a rule without data is unknown, never firing."""
    await lab.look(times=8)
    unknown = {one.rule.rule_id for one in await lab.store.situations() if one.watchpoint.no_data_since}

    assert (await lab.alerts(), await lab.phases(), receiver.heard) == ([], {}, [])
    assert unknown == set(RuleId) - {RuleId.STALLED_STAGE, RuleId.LATE_NUMBERS, RuleId.CONTRADICTIONS}


async def test_the_watch_needs_no_more_than_the_role_and_the_user_of_its_service(servers, bus_url):
    """R-AD2-09, R-USR-04: it sees schema metrics alone, and may ask the carrier what waits."""
    async with (
        Bus.open(servers.nats_url("ingest"), name="the owner of the topology", inbox_prefix="_INBOX_ingest"),
        Bus.open(servers.nats_url("metrics"), name="metrics", inbox_prefix="_INBOX_metrics") as bus,
        Database.open(servers.database_url("metrics"), max_connections=3) as database,
        HttpWebhook.open() as webhook,
    ):
        await migrate(database, package="metrics_svc", schema="metrics")
        lab = AlertLab(database, bus, TurnedClock(datetime.now(UTC)), webhook, "")
        await lab.look()
        measured = {one.rule.rule_id for one in await lab.store.situations() if one.watchpoint.measured_at}

    assert measured >= {RuleId.STALLED_STAGE, RuleId.LATE_NUMBERS, RuleId.CONTRADICTIONS}


async def test_an_alert_whose_data_dry_up_stays_and_says_since_when(lab):
    await full_disk(lab)
    await lab.look(times=10)
    await lab.look(after=3 * HOUR, times=3)
    disk = next(one for one in await lab.store.situations() if one.rule.rule_id == RuleId.LOW_DISK)

    assert await lab.alerts() == [(RuleId.LOW_DISK, "open")]
    assert disk.watchpoint.no_data_since == lab.clock.at - 6 * HOUR
    assert disk.watchpoint.reading.value == 5.0
