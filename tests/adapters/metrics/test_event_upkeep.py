"""Folding and forgetting: days are what their hours were, and what is too old is gone."""

from contextlib import suppress
from datetime import timedelta

import pytest

from chassis.core.errors import InvalidInput
from metrics_svc.adapters import event_store as module
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.adapters.increment_store import SketchRows
from metrics_svc.adapters.totals_store import PostgresTotalsStore
from metrics_svc.domain.events.measures import Measure
from metrics_svc.upkeep import Upkeep
from tests.adapters.metrics.test_event_store import SKETCHES, count, fetch, library
from tests.support.metrics_samples import NOW, samples_of, search_event, stage_event

LATER = NOW + timedelta(days=17)
"""When all of the library is to be folded."""
BY_DAY = (
    "SELECT owner_id, date_trunc('day', period_start), measure, stage, outcome, model, sum(measured), sum(approximate),"
    " sum(missing), sum(total), min(smallest), max(largest) FROM metrics.sketches GROUP BY 1, 2, 3, 4, 5, 6"
    " ORDER BY 1, 2, 3, 4, 5, 6"
)
HOURS = "SELECT count(*) FROM metrics.sketches WHERE NOT is_day"


@pytest.fixture
async def folded_at_once(event_store, database, new_database):
    """What a store holds that folded everything in one go, and this one's sums by day."""
    await event_store.add(samples_of(*library()))
    sums = await fetch(database, BY_DAY)
    async with module.Database.open(await new_database("metrics_svc", "metrics"), max_connections=2) as other:
        store = PostgresEventStore(other)
        await store.add(samples_of(*library()))
        await store.fold(LATER)
        yield sums, await fetch(other, SKETCHES)


async def test_a_day_is_what_its_hours_were(event_store, database, folded_at_once):
    """Sums and counts stay exactly what they were; only the hours are gone."""
    sums, _ = folded_at_once
    ((hours,),) = await fetch(database, HOURS)

    assert await event_store.fold(LATER) == hours > 0
    assert await fetch(database, HOURS) == [(0,)]
    assert await fetch(database, BY_DAY) == sums
    assert await event_store.fold(LATER) == 0


async def test_fourteen_days_are_kept_by_the_hour(event_store, database):
    for number, days in enumerate((0, 1, 14, 15, 20)):
        await event_store.add(samples_of(stage_event(number, finished_at=NOW - timedelta(days=days))))
    await event_store.fold(NOW)
    kept = await fetch(database, "SELECT DISTINCT period_start, is_day FROM metrics.sketches ORDER BY 1")

    assert kept == [
        (NOW.replace(hour=0) - timedelta(days=20), True),
        (NOW.replace(hour=0) - timedelta(days=15), True),
        (NOW - timedelta(days=14), False),
        (NOW - timedelta(days=1), False),
        (NOW, False),
    ]


async def test_late_events_after_the_folding_are_folded_into_the_same_days(event_store, database, folded_at_once):
    """Half of the events come after their days were folded: the same rows in the end, bit for bit."""
    _, rows = folded_at_once
    async with database.connection() as connection:
        await connection.execute("TRUNCATE metrics.stage_events, metrics.video_runs, metrics.search_events")
        await connection.execute("TRUNCATE metrics.operations, metrics.sketches")
    samples = samples_of(*library())
    await event_store.add(samples[::2])
    await event_store.fold(LATER)
    await event_store.add(samples)

    assert await fetch(database, HOURS) != [(0,)]
    await event_store.fold(LATER)
    assert await fetch(database, SKETCHES) == rows


async def test_a_folding_that_dies_in_the_middle_goes_on_where_it_was(
    event_store, database, folded_at_once, monkeypatch
):
    sums, rows = folded_at_once
    monkeypatch.setattr(module, "_DAYS_AT_ONCE", 1)
    write, calls = SketchRows.add, []

    async def dying(self, increments, *, are_days):
        calls.append(increments)
        if len(calls) % 3 == 0:
            raise RuntimeError("the power went")
        await write(self, increments, are_days=are_days)
        if len(calls) % 3 == 2:
            raise RuntimeError("the power went before the commit")

    monkeypatch.setattr(SketchRows, "add", dying)
    while await fetch(database, HOURS) != [(0,)]:
        with suppress(RuntimeError):
            await event_store.fold(LATER)
        assert await fetch(database, BY_DAY) == sums

    assert await fetch(database, SKETCHES) == rows
    assert len(calls) > 10


async def test_folding_makes_the_version_of_a_day_rise(event_store, database):
    await event_store.add(samples_of(stage_event(1)))
    before = await fetch(database, "SELECT owner_id, version FROM metrics.sketch_days ORDER BY 1")
    await event_store.fold(LATER)
    after = await fetch(database, "SELECT owner_id, version FROM metrics.sketch_days ORDER BY 1")

    assert [(owner, late > early) for (owner, early), (_, late) in zip(before, after, strict=True)] == [
        ("", True),
        ("owner", True),
    ]


async def test_what_is_too_old_is_forgotten_and_nothing_else(event_store, database, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(module, "_DAYS_AT_ONCE", 1)
    old = [stage_event(n, finished_at=NOW - timedelta(days=500 + n)) for n in range(20)]
    await event_store.add(
        samples_of(*old, search_event(1, at=NOW - timedelta(days=401), results_count=1), stage_event(99))
    )
    gone = await event_store.forget(NOW - timedelta(days=400))

    assert (await count(database, "stage_events"), await count(database, "search_events")) == (1, 0)
    assert {row[0] for row in await fetch(database, "SELECT day FROM metrics.sketch_days")} == {NOW.date()}
    assert {row[0] for row in await fetch(database, "SELECT period_start FROM metrics.sketches")} == {NOW}
    assert gone == 21 + 20 * 6 + 2
    assert await event_store.forget(NOW - timedelta(days=400)) == 0


async def test_counters_of_prometheus_do_not_shrink_when_days_are_forgotten(event_store, database):
    """What is gone still counts, and a late event of a forgotten day counts once more."""
    totals = PostgresTotalsStore(database)
    old = NOW - timedelta(days=401)
    await event_store.add(samples_of(stage_event(1, finished_at=old), stage_event(2), stage_event(3)))
    before = set(await totals.totals())
    await event_store.forget(NOW - timedelta(days=400))

    assert set(await totals.totals()) == before
    await event_store.add(samples_of(stage_event(4, finished_at=old)))
    await event_store.forget(NOW - timedelta(days=400))
    await event_store.forget(NOW - timedelta(days=400))
    work = [one for one in await totals.totals() if one.measure == Measure.WORK]
    assert [one.measured for one in work] == [4]
    assert await event_store.sketch_unsketched() == 0


async def test_a_day_is_forgotten_only_when_it_has_ended(event_store, database):
    await event_store.add(samples_of(stage_event(1)))
    await event_store.forget(NOW + timedelta(hours=11))

    assert (await count(database, "stage_events"), await count(database, "sketches")) == (1, 6)
    await event_store.forget(NOW + timedelta(hours=12))
    assert (await count(database, "stage_events"), await count(database, "sketches")) == (0, 0)


class StoppedClock:
    """A clock that shows one time."""

    def now(self):
        return LATER

    def monotonic_ns(self):
        return 0


async def test_upkeep_does_both(event_store, database):
    upkeep = Upkeep(store=event_store, clock=StoppedClock(), keep_days=400, period_seconds=1)
    ancient = LATER - timedelta(days=401)
    await event_store.add(samples_of(stage_event(1), stage_event(2, finished_at=ancient)))
    await upkeep.work()

    assert await count(database, "stage_events") == 1
    assert await fetch(database, "SELECT DISTINCT is_day FROM metrics.sketches") == [(True,)]


def test_events_are_not_forgotten_before_their_hours_are_folded(event_store):
    with pytest.raises(InvalidInput):
        Upkeep(store=event_store, clock=StoppedClock(), keep_days=14, period_seconds=1)
