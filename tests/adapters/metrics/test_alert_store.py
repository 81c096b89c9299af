"""Rules, where they stand and their alerts in PostgreSQL; and that of many who look, one does."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from chassis.core.errors import StaleWrite
from chassis.io import metrics
from chassis.io.concurrently import all_of
from chassis.io.postgres import Database, load_queries
from metrics_svc.adapters.alert_store import PostgresAlertStore
from metrics_svc.domain.alerts.alert import advance
from metrics_svc.domain.alerts.pages import AlertQuestion
from metrics_svc.domain.alerts.rules import DEFAULTS, RuleId, Silence
from metrics_svc.domain.alerts.state import Reading
from metrics_svc.domain.answers.windows import Window
from metrics_svc.handlers.alerts import list_alerts
from metrics_svc.ports.alerts import AlertQuery, Committed
from tests.support.alert_lab import alert_lab
from tests.support.metrics_samples import NOW

QUERIES = load_queries("metrics_svc", "sql/alerts.sql")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ROOM, FULL = Reading(50.0, 1, "objects", "There is room."), Reading(1.0, 1, "objects", "There is none.")
DISK = replace(DEFAULTS[RuleId.LOW_DISK], fire_after=timedelta(0), resolve_after=timedelta(0))


@pytest.fixture
def alerts(database):
    return PostgresAlertStore(database)


async def situation(alerts, rule_id=RuleId.LOW_DISK):
    return next(one for one in await alerts.situations() if one.rule.rule_id == rule_id)


async def looked(alerts, reading, now):
    before = replace(await situation(alerts), rule=DISK)
    return Committed(before, advance(before, reading, now, memory={"objects": now}, is_heard=True), ())


async def fire(alerts, number):
    """One more alert, an hour long, on the given day."""
    at = NOW + number * DAY
    await alerts.commit([await looked(alerts, FULL, at)])
    await alerts.commit([await looked(alerts, ROOM, at + timedelta(hours=1))])


@pytest.mark.parametrize("name", QUERIES)
async def test_every_statement_prepares_against_the_migrated_schema_and_says_what_it_does(database, name):
    """R-SCH-03, R-SCH-08."""
    async with database.connection() as connection:
        await connection.prepare(QUERIES[name])

    assert QUERIES[name].startswith("-- ")


async def test_a_new_database_knows_every_rule_by_its_default(alerts):
    found = await alerts.situations()

    assert [one.rule for one in found] == list(DEFAULTS.values())
    assert all(one.silence is None and one.alert is None and one.told is None for one in found)


async def test_a_rule_comes_back_as_it_was_kept_and_only_the_first_of_two_changes_counts(alerts):
    rule = replace(
        DEFAULTS[RuleId.HIGH_RTF],
        fire_threshold=7.25,
        fire_after=timedelta(seconds=1.5),
        window=timedelta(hours=3),
        is_enabled=False,
        version=1,
        updated_at=NOW,
        updated_by="ada",
    )
    kept = [await alerts.set_rule(rule), await alerts.set_rule(replace(rule, fire_threshold=8.0))]

    assert kept == [True, False]
    assert (await situation(alerts, RuleId.HIGH_RTF)).rule == rule
    assert await alerts.set_rule(replace(rule, version=2))


async def test_what_a_look_found_is_there_after_a_restart(alerts, database):
    look = await looked(alerts, FULL, NOW)
    await alerts.commit([look])
    found = await situation(PostgresAlertStore(database))

    assert found.watchpoint == look.outcome.watchpoint
    assert (found.alert, found.told) == (look.outcome.alert, look.outcome.alert)
    assert found.watchpoint.memory == {"objects": NOW}


async def test_of_two_who_looked_from_the_same_place_one_is_refused_and_changes_nothing(alerts):
    one, other = await looked(alerts, FULL, NOW), await looked(alerts, FULL, NOW + MINUTE)
    await alerts.commit([one])
    with pytest.raises(StaleWrite):
        await alerts.commit([other])

    assert (await situation(alerts)).alert == one.outcome.alert


async def test_a_rule_can_not_have_two_open_alerts(alerts, database):
    """Even a bug of ours would be stopped here."""
    await alerts.commit([await looked(alerts, FULL, NOW)])
    with pytest.raises(asyncpg.UniqueViolationError, match="alerts_open_key"):
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO metrics.alerts SELECT (jsonb_populate_record(alerts, "
                '\'{"alert_id": "another"}\')).* FROM metrics.alerts'
            )


async def test_one_has_the_turn_and_gives_it_back_also_when_it_fails(alerts):
    async with alerts.turn() as first, alerts.turn() as second:
        assert (first, second) == (True, False)
    with pytest.raises(RuntimeError):
        async with alerts.turn() as third:
            raise RuntimeError
    async with alerts.turn() as fourth:
        assert (third, fourth) == (True, True)


async def test_of_many_replicas_one_looks_and_all_show_what_fires(new_database, bus_url):
    url = await new_database("metrics_svc", "metrics")
    async with (
        Database.open(url, max_connections=4) as one,
        Database.open(url, max_connections=4) as other,
        alert_lab(one, bus_url) as here,
        alert_lab(other, bus_url) as there,
    ):
        await here.change("low_disk", fire_after_s=0.0)
        await here.execute("INSERT INTO metrics.stores VALUES ('objects', $1, 1, 1000)", NOW)
        async with here.store.turn():
            await there.watcher.look()
        assert await here.alerts() == []
        await all_of(*(lab.watcher.look() for lab in (here, there) * 3))
        metrics.ALERT_FIRING.labels("low_disk").set(0)
        await there.watcher.look()

        assert await there.alerts() == [("low_disk", "open")]
        assert metrics.REGISTRY.get_sample_value("heimdex_alert_firing", {"rule": "low_disk"}) == 1
        assert metrics.REGISTRY.get_sample_value("heimdex_alert_firing", {"rule": "high_rtf"}) == 0


async def test_alerts_are_listed_page_by_page_each_once_the_newest_first(alerts):
    for number in range(5):
        await fire(alerts, number)
    asked, found = AlertQuestion(page_size=2), []
    for _ in range(3):
        page = await list_alerts(asked, store=alerts, now=NOW + 5 * DAY)
        found += [one.fired_at for one in page.alerts]
        asked = replace(asked, after=page.next_after)

    assert found == [NOW + number * DAY for number in (4, 3, 2, 1, 0)]
    assert page.next_after is None


async def test_an_alert_is_in_every_window_in_which_it_fired(alerts):
    await fire(alerts, 0)
    await alerts.commit([await looked(alerts, FULL, NOW + 2 * DAY)])

    async def fired_in(start, end):
        query = AlertQuery(window=Window(start, end), rule_id=None, after=None, limit=9)
        return [one.fired_at for one in await alerts.alerts(query)]

    assert await fired_in(NOW - DAY, NOW) == []
    assert await fired_in(NOW - DAY, NOW + MINUTE) == [NOW]
    assert await fired_in(NOW + 59 * MINUTE, NOW + DAY) == [NOW]
    assert await fired_in(NOW + 61 * MINUTE, NOW + DAY) == []
    assert await fired_in(NOW + 9 * DAY, NOW + 10 * DAY) == [NOW + 2 * DAY]
    current = await list_alerts(AlertQuestion(is_current=True), store=alerts, now=NOW)
    assert [one.fired_at for one in current.alerts] == [NOW + 2 * DAY]
    assert await list_alerts(AlertQuestion(rule_id="high_rtf"), store=alerts, now=NOW + 3 * DAY) == replace(
        current, alerts=()
    )


async def test_old_alerts_are_forgotten_but_not_what_receivers_still_have_to_hear(alerts):
    await fire(alerts, 0)
    await alerts.commit([await looked(alerts, FULL, NOW + DAY)])
    await alerts.silence(RuleId.LOW_DISK, Silence(NOW + 99 * DAY, "ada"), NOW)
    await alerts.commit([await looked(alerts, ROOM, NOW + DAY + MINUTE)])

    assert await alerts.forget(NOW + 9 * DAY) == 1
    assert (await situation(alerts)).told.fired_at == NOW + DAY


async def test_alerts_of_a_rule_that_only_a_newer_version_knows_are_left_alone(alerts, database):
    await alerts.commit([await looked(alerts, FULL, NOW)])
    async with database.connection() as connection:
        await connection.execute("UPDATE metrics.alerts SET rule_id = 'high_tide'")
        await connection.execute("UPDATE metrics.alert_watchpoints SET rule_id = 'high_tide'")

    assert [one.watchpoint.phase for one in await alerts.situations()] == ["inactive"] * len(DEFAULTS)
    assert (await list_alerts(AlertQuestion(), store=alerts, now=NOW)).alerts == ()


async def test_a_silence_is_kept_and_ended(alerts):
    silence = Silence(NOW + DAY, "ada", "moving house")
    await alerts.silence(RuleId.LOW_DISK, Silence(NOW + MINUTE, "bob"), NOW)
    await alerts.silence(RuleId.LOW_DISK, silence, NOW)
    assert (await situation(alerts)).silence == silence
    await alerts.silence(RuleId.LOW_DISK, None, NOW)

    assert (await situation(alerts)).silence is None
