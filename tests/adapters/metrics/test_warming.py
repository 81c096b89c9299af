from datetime import timedelta
from types import SimpleNamespace

from metrics_svc.adapters.answer_store import PostgresAnswerStore
from metrics_svc.domain.answers.windows import midnight, parse_window
from metrics_svc.domain.events.measures import ALL_OWNERS, Measure
from metrics_svc.warming import warm_up
from tests.support.metrics_samples import NOW, samples_of, stage_event

CLOCK = SimpleNamespace(now=lambda: NOW)


async def test_who_asks_after_the_start_finds_the_year_read_and_its_points_made(database, event_store):
    ends = [NOW - timedelta(days=days) for days in (0, 6, 7, 100, 364)]
    await event_store.add(samples_of(*(stage_event(n, finished_at=at) for n, at in enumerate(ends))))
    answers = PostgresAnswerStore(database, cache_bytes=64 << 20)
    await warm_up(store=answers, clock=CLOCK)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE metrics.sketches RENAME TO elsewhere")
    year = parse_window("365d", start_at=None, end_at=None, now=NOW)
    days = (await answers.read(year, ALL_OWNERS, (Measure.WORK,))).days[Measure.WORK]

    assert [midnight(one.day) for one in days] == [midnight(at.date()) for at in reversed(ends)]
    assert all(point.wire for one in days for points in one.made.values() for point in points[1].values())
    assert all(one.made for one in days)


async def test_a_database_that_is_not_there_does_not_end_the_service(database):
    """It is read when somebody asks."""
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE metrics.sketch_days RENAME TO elsewhere")
    answers = PostgresAnswerStore(database, cache_bytes=64 << 20)

    await warm_up(store=answers, clock=CLOCK)
