from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message

from chassis.core.errors import Corruption, UpstreamUnavailable
from chassis.io.concurrently import all_of
from chassis.io.postgres import load_queries
from metrics_svc.adapters.answer_store import PostgresAnswerStore
from metrics_svc.domain.answers.readings import Group
from metrics_svc.domain.answers.windows import Window, midnight
from metrics_svc.domain.events.measures import ALL_OWNERS, Measure
from tests.support.metrics_answers import METHODS, AskedAt
from tests.support.metrics_samples import NOW, operation_event, run_event, samples_of, search_event, stage_event

TODAY = midnight(NOW.date())
DAY = timedelta(days=1)
WEEK = Window(TODAY - 6 * DAY, TODAY + DAY)
YEAR = Window(TODAY - 364 * DAY, TODAY + DAY)
CUT = Window(WEEK.start + timedelta(hours=1, microseconds=1), WEEK.end - timedelta(hours=1, microseconds=1))
MEASURES = tuple(Measure)


@pytest.fixture
def answers(database):
    return PostgresAnswerStore(database, cache_bytes=64 << 20)


@pytest.fixture
def add(event_store):
    async def add(*events: Message, now=NOW):
        await event_store.add(samples_of(*events, now=now))

    return add


def attempts(number, *, days, **changes: object):
    """One attempt on each of the last days."""
    return [
        stage_event(number, event_id=f"{number}/{ago}", finished_at=NOW - DAY * ago, **changes) for ago in range(days)
    ]


async def test_every_statement_fits_the_schema(database):
    async with database.connection() as connection:
        for statement in load_queries("metrics_svc", "sql/answers.sql").values():
            prepared = await connection.prepare(statement)

            assert all(column.name for column in prepared.get_attributes())


async def test_an_answer_is_never_older_than_the_database(answers, add, event_store):
    """A day that is kept in memory, a folded one too, is read again once it changed."""
    await add(*attempts(1, days=30))
    for window in (WEEK, YEAR):
        await answers.read(window, ALL_OWNERS, MEASURES)
    await event_store.fold(NOW)
    await add(stage_event(2), stage_event(3, finished_at=NOW - 20 * DAY))

    assert (await answers.read(YEAR, ALL_OWNERS, MEASURES)).total(Measure.WORK).samples == 32
    assert (await answers.read(WEEK, ALL_OWNERS, MEASURES)).total(Measure.WORK).samples == 8
    await event_store.forget(NOW - 3 * DAY)
    assert (await answers.read(YEAR, "owner", MEASURES)).total(Measure.WORK).samples == 5
    assert (await answers.read(YEAR, ALL_OWNERS, MEASURES)).total(Measure.WORK).samples == 5


async def test_what_has_not_changed_is_kept(answers, add):
    await add(*attempts(1, days=7))
    before = await answers.read(WEEK, ALL_OWNERS, (Measure.WORK,))
    await add(stage_event(2, finished_at=NOW - 2 * DAY))
    after = await answers.read(WEEK, ALL_OWNERS, (Measure.WORK,))
    same = [old is new for old, new in zip(before.days[Measure.WORK], after.days[Measure.WORK], strict=True)]

    assert same == [True, True, True, True, False, True, True]


async def test_many_who_ask_at_once_for_a_year_that_nobody_has_read_yet_share_one_reading(answers, add):
    await add(*attempts(1, days=60))
    readings = await all_of(*(answers.read(YEAR, ALL_OWNERS, (Measure.WORK,)) for _ in range(8)))

    assert {one.total(Measure.WORK).samples for one in readings} == {60}
    assert len({id(day) for one in readings for day in one.days[Measure.WORK]}) == 60


async def test_an_answer_is_of_one_moment_while_events_come_in(answers, add):
    """An attempt and the end of its run are kept in one transaction: no answer has one without the other."""
    done = []

    async def write():
        for number in range(40):
            at = NOW - timedelta(hours=number)
            await add(stage_event(number, finished_at=at), run_event(number, finished_at=at))
        done.append(True)

    async def read(window):
        while not done:
            readings = await answers.read(window, ALL_OWNERS, (Measure.WORK, Measure.RUN, Measure.QUEUE))
            counts = {readings.total(one).samples for one in (Measure.WORK, Measure.RUN, Measure.QUEUE)}
            assert len(counts) == 1

    await all_of(write(), read(WEEK), read(CUT), read(Window(WEEK.start, NOW + timedelta(seconds=1))))

    assert (await answers.read(WEEK, ALL_OWNERS, (Measure.RUN,))).total(Measure.RUN).samples == 40


async def test_every_measure_at_the_edges_of_a_window_is_that_of_whole_hours(answers, add, event_store):
    """Counted from events or read from sketches, of hours or of folded days: the same to the last bin."""
    at = TODAY - 20 * DAY + timedelta(hours=5, minutes=30)
    counted = {"cpu_ns": 5, "gpu_ns": 6, "energy_uj": 7, "model_calls": 8}
    await add(
        *(stage_event(n, finished_at=at, duration_ns=10**n, **counted) for n in range(3)),
        run_event(1, finished_at=at, elapsed_ns=9),
        run_event(2, finished_at=at, failed_in="METADATA"),
        search_event(1, at=at),
        operation_event(1, finished_at=at),
        operation_event(2, operation="EXPORT", finished_at=at),
    )
    whole = Window(TODAY - 20 * DAY, TODAY - 19 * DAY)
    cut = Window(at, at + timedelta(microseconds=1))
    read = [await answers.read(window, "owner", MEASURES) for window in (whole, cut)]
    await event_store.fold(NOW)
    read += [await answers.read(window, "owner", MEASURES) for window in (whole, cut)]

    for measure in MEASURES:
        rows = [{group: _content(tally) for group, tally in one.by(measure, Group._make).items()} for one in read]
        assert rows[0]
        assert all(row == rows[0] for row in rows)
    beside = Window(at + timedelta(microseconds=1), at + timedelta(hours=7))
    assert not (await answers.read(beside, "owner", MEASURES)).total(Measure.WORK).samples


def _content(tally):
    counts = (tally.measured, tally.approximate, tally.missing, tally.total, tally.smallest, tally.largest)
    return (*counts, tally.bins.tolist(), tally.counts.tolist())


async def test_memory_is_bounded_and_what_is_let_go_is_read_again(database, add):
    answers = PostgresAnswerStore(database, cache_bytes=50_000)
    for owner in range(12):
        await add(*attempts(owner, days=5, owner_id=f"owner{owner}"))
    for _ in range(2):
        for owner in range(12):
            readings = await answers.read(WEEK, f"owner{owner}", (Measure.WORK, Measure.RUN))
            assert readings.total(Measure.WORK).samples == 5
            assert answers.kept_bytes <= 50_000
    for stranger in range(100):
        await answers.read(WEEK, f"stranger{stranger}", MEASURES)

    assert answers.kept_bytes <= 50_000


async def test_a_sketch_that_can_not_be_read_is_corruption_and_a_table_that_is_gone_is_unavailable(
    answers, add, database
):
    await add(stage_event(1))
    async with database.connection() as connection:
        await connection.execute("UPDATE metrics.sketches SET bins = '\\x09'")
        with pytest.raises(Corruption):
            await answers.read(WEEK, ALL_OWNERS, (Measure.WORK,))
        await connection.execute("ALTER TABLE metrics.sketches RENAME TO elsewhere")
        with pytest.raises(UpstreamUnavailable):
            await answers.read(WEEK, ALL_OWNERS, (Measure.WORK,))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 6, 1, 3, 2, 1, tzinfo=UTC)),
        (datetime(9999, 6, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
async def test_the_ends_of_time_are_empty_windows_for_every_answer(database, start, end):
    """R-AD2-07."""
    asked = AskedAt(database, NOW)
    for method in METHODS:
        for bucket in ("day", "week", "month") if method in SERIES else (None,):
            told = await asked.answer(method, with_zeros=False, start_at=start, end_at=end, bucket=bucket)

            assert not {"measured", "approximate", "missing"} & told.keys()


SERIES = {"ListThroughput", "ListThroughputV2", "ListSearchActivity", "ListSearchQuality", "ListStageLatency"}
