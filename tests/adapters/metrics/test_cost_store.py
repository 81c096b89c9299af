import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.errors import StaleWrite
from chassis.io.postgres import load_queries
from metrics_svc.adapters.cost_store import PostgresCostStore
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.codec.events import decode_stage_event
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.cost.cost import Grouping, Kind, StorageUse, make_bill
from metrics_svc.domain.cost.rate_card import DEFAULT_CARD, MAX_PRICE, CardChange, RateCard, read_price
from metrics_svc.domain.cost.report import CostQuestion
from metrics_svc.handlers import cost as handlers
from tests.support.metrics_samples import stage_event

NOW = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
WEEK = Window(MIDNIGHT - timedelta(days=6), MIDNIGHT + timedelta(days=1))
CARD = RateCard(
    version=1,
    per_cpu_second=read_price("0.000012345678"),
    per_gpu_second=read_price("0.3"),
    per_joule=read_price("0.0000001"),
    per_gb_month=read_price("0.021"),
    per_model_call=read_price("0.001"),
    per_model_call_of={"base": read_price("0.0000077")},
    updated_at=NOW,
    updated_by="ada",
)
QUERIES = load_queries("metrics_svc", "sql/cost.sql")


@pytest.fixture
def store(database):
    return PostgresCostStore(database)


@pytest.fixture
def keep(database):
    async def keep(*events: object):
        samples = [decode_stage_event(event.SerializeToString(), NOW) for event in events]
        return await PostgresEventStore(database).add(samples)

    return keep


@pytest.fixture
def keep_span(database):
    async def keep_span(video, owner, size, from_at, until_at=None, *, kind="source"):
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO metrics.storage_spans (video_id, owner_id, kind, bytes, from_at, until_at)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                *(video, owner, kind, size, from_at, until_at),
            )

    return keep_span


def some_events(count, *, seed=1):
    """Attempts of the last nine days: some measured, some not, some failed, some by models."""
    chance = random.Random(seed)  # noqa: S311  # not a secret
    for number in range(count):
        measured = {
            name: chance.randrange(1 << 40)
            for name in ("cpu_ns", "gpu_ns", "energy_uj", "model_calls")
            if chance.random() < 0.7
        }
        yield stage_event(
            number,
            video_id=f"v{chance.randrange(7)}",
            owner_id=f"o{chance.randrange(3)}",
            stage=chance.choice(["METADATA", "TRANSCRIPTION", "INDEXING"]),
            outcome=chance.choice(["SUCCEEDED", "FAILED", "CANCELLED"]),
            model=chance.choice(["", "base@1", "base@2", "clip@1"]),
            finished_at=NOW - timedelta(microseconds=chance.randrange(9 * 86_400 * 10**6)),
            **measured,
        )


def parts(window):
    """A window in two pieces, neither of whole days."""
    cut = window.start + (window.end - window.start) * 0.37
    return Window(window.start, cut), Window(cut, window.end)


@pytest.mark.parametrize("owner", ["", "o1"])
@pytest.mark.parametrize("grouping", Grouping)
async def test_the_sums_of_whole_days_and_the_attempts_themselves_agree(store, keep, grouping, owner):
    """R-AD3-01: the same bill from sketches and from raw events."""
    await keep(*some_events(400))
    whole = make_bill(await store.work(WEEK, owner, grouping), [], CARD, grouping=grouping)
    pieces = [use for part in parts(WEEK) for use in await store.work(part, owner, grouping)]

    assert whole == make_bill(pieces, [], CARD, grouping=grouping)
    assert whole.total.quantities.keys() == {Kind.CPU, Kind.GPU, Kind.ENERGY, Kind.CALLS}
    assert whole.total.coverage.missing > 0


async def test_folded_hours_and_what_comes_late_are_in_the_bill(store, keep, database):
    long_ago = Window(MIDNIGHT - timedelta(days=40), MIDNIGHT - timedelta(days=30))
    at = [long_ago.start + timedelta(hours=7 * n) for n in range(30)]
    await keep(*(stage_event(n, finished_at=moment, cpu_ns=1_000 + n) for n, moment in enumerate(at)))
    before = await store.work(long_ago, "", Grouping.DAY)
    await PostgresEventStore(database).fold(NOW)
    folded = await store.work(long_ago, "", Grouping.DAY)
    await keep(stage_event(99, finished_at=at[0], cpu_ns=7))
    (stage,) = await store.work(long_ago, "", Grouping.STAGE)

    assert sorted(folded, key=lambda use: use.key) == sorted(before, key=lambda use: use.key)
    assert stage.cpu_ns == sum(1_000 + n for n in range(30)) + 7


async def test_a_kind_nothing_measured_is_none_and_zero_is_zero(store, keep):
    await keep(stage_event(1, cpu_ns=0), stage_event(2, stage="INDEXING"))
    uses = {use.key: use for use in await store.work(WEEK, "", Grouping.STAGE)}

    assert (uses["transcription"].cpu_ns, uses["transcription"].gpu_ns) == (0, None)
    assert (uses["indexing"].cpu_ns, uses["indexing"].coverage.missing) == (None, 1)


async def test_what_is_stored_counts_for_as_long_as_it_lay_in_the_window(store, keep_span):
    day = timedelta(days=1)
    await keep_span("v1", "o1", 10, WEEK.start - day, WEEK.start + day)
    await keep_span("v1", "o1", 30, WEEK.start + day)
    await keep_span("v2", "o2", 100, WEEK.start + timedelta(hours=30, microseconds=1), WEEK.start + 2 * day)
    await keep_span("v3", "o2", 999, WEEK.start - 2 * day, WEEK.start)
    await keep_span("v4", "o2", 999, WEEK.end)
    await keep_span("", "", 7, WEEK.start, kind="index")
    day_us = 86_400_000_000
    v1, v2, shared = 10 * day_us + 30 * 6 * day_us, 100 * (day_us * 3 // 4 - 1), 7 * 7 * day_us

    assert set(await store.storage(WEEK, "", Grouping.VIDEO)) == {
        StorageUse("v1", v1),
        StorageUse("v2", v2),
        StorageUse("", shared),
    }
    assert set(await store.storage(WEEK, "", Grouping.OWNER)) == {
        StorageUse("o1", v1),
        StorageUse("o2", v2),
        StorageUse("", shared),
    }
    for grouping in (Grouping.STAGE, Grouping.MODEL):
        assert await store.storage(WEEK, "", grouping) == (StorageUse("storage", v1 + v2 + shared),)
    assert await store.storage(WEEK, "o2", Grouping.OWNER) == (StorageUse("o2", v2),)


async def test_the_days_of_what_was_stored_are_those_of_a_sum_by_hand(store, keep_span):
    chance = random.Random(5)  # noqa: S311  # not a secret
    window = Window(WEEK.start + timedelta(hours=5, microseconds=3), NOW)
    spans = []
    for number in range(60):
        begin = WEEK.start - timedelta(days=2) + timedelta(microseconds=chance.randrange(10 * 86_400 * 10**6))
        end = begin + timedelta(microseconds=1 + chance.randrange(5 * 86_400 * 10**6)) if number % 4 else None
        spans.append((chance.randrange(1 << 40), begin, end))
        await keep_span(f"v{number}", "o1", spans[-1][0], begin, end)
    found = {use.key: use.byte_us for use in await store.storage(window, "", Grouping.DAY)}

    for day in window.days:
        midnight = datetime.combine(day, datetime.min.time(), UTC)
        low, high = max(window.start, midnight), min(window.end, midnight + timedelta(days=1))
        wanted = sum(
            size * max(0, (min(end or high, high) - max(begin, low)) // timedelta(microseconds=1))
            for size, begin, end in spans
        )
        assert found.get(day.isoformat(), 0) == wanted
    assert {StorageUse("storage", sum(found.values()))} == set(await store.storage(window, "", Grouping.STAGE))


async def test_what_is_not_yet_stored_is_not_counted(store, keep_span):
    """A range lasts to the end of the day, what is stored only up to now."""
    await keep_span("v1", "o1", 10, WEEK.start)
    today = CostQuestion(question=Question(range_text="1d"), group_by="day")
    tomorrow = Question(start_at=NOW + timedelta(hours=1), end_at=NOW + timedelta(hours=2))
    report = await handlers.cost(today, store=store, now=NOW)
    later = await handlers.cost(replace(today, question=tomorrow), store=store, now=NOW)

    assert report.total.quantities == {Kind.STORAGE: 10 * (12 * 3_600 * 10**6 + 250_000)}
    assert later.total.quantities == {}


async def test_nothing_kept_is_nothing_found(store):
    """R-AD2-07."""
    for grouping in Grouping:
        assert await store.work(WEEK, "", grouping) == ()
        assert await store.storage(WEEK, "", grouping) == ()


async def test_every_version_of_the_card_is_kept(store):
    """R-AD3-01."""
    dear = replace(CARD, version=2, per_joule=MAX_PRICE * 10**12, per_gpu_second=1)

    assert (await store.rate_card(), await store.rate_card(0), await store.rate_card(1)) == (
        DEFAULT_CARD,
        DEFAULT_CARD,
        None,
    )
    assert await store.add_rate_card(CARD)
    assert await store.add_rate_card(dear)
    assert not await store.add_rate_card(replace(dear, per_joule=0))
    assert (await store.rate_card(), await store.rate_card(1)) == (dear, CARD)


async def test_of_two_who_change_the_same_card_one_is_told(store):
    etag = (await store.rate_card()).etag
    change = CardChange(texts={"per_joule": "0.1"})
    kept = await handlers.update_rate_card(change, etag=etag, is_trial=False, author="ada", store=store, now=NOW)
    with pytest.raises(StaleWrite):
        await handlers.update_rate_card(change, etag=etag, is_trial=False, author="bob", store=store, now=NOW)

    assert (kept.version, kept.updated_by, kept) == (1, "ada", await store.rate_card())


async def test_a_trial_and_a_change_of_nothing_keep_nothing(store):
    change = CardChange(texts={"per_joule": "0.1"})
    options = {"author": "ada", "store": store, "now": NOW}
    tried = await handlers.update_rate_card(change, etag=DEFAULT_CARD.etag, is_trial=True, **options)
    assert (tried.version, await store.rate_card()) == (1, DEFAULT_CARD)
    kept = await handlers.update_rate_card(change, etag=DEFAULT_CARD.etag, is_trial=False, **options)

    assert kept == await handlers.update_rate_card(change, etag=kept.etag, is_trial=False, **options)
    assert await store.rate_card(2) is None


async def test_a_walk_of_pages_is_one_answer_though_time_goes_on(store, keep, keep_span):
    """R-AD3-01: the rows of all pages sum to the total of the first."""
    await keep(*some_events(200))
    for number in range(7):
        await keep_span(f"v{number}", "o1", 10**12 + number, WEEK.start)
    await store.add_rate_card(CARD)
    question = CostQuestion(question=Question(range_text="7d"), group_by="video", page_size=3)
    pages, asked = [], question
    for number in range(3):
        pages.append(await handlers.cost(asked, store=store, now=NOW + timedelta(hours=number)))
        await store.add_rate_card(replace(CARD, version=2 + number, per_joule=0))
        asked = replace(question, page_token=pages[-1].next_token)
    lines = [line for page in pages for line in page.lines]

    assert [len(page.lines) for page in pages] == [3, 3, 1]
    assert len({line.key for line in lines}) == pages[0].total_rows == 7
    assert sum(line.total for line in lines) == pages[0].total.total
    assert [page.card for page in pages] == [CARD] * 3


async def test_every_statement_prepares_and_is_described_in_a_sentence(database):
    """R-SCH-03."""
    async with database.connection() as connection:
        for name, text in QUERIES.items():
            statement = await connection.prepare(text)

            assert text.startswith("-- ")
            assert all(one.name for one in statement.get_attributes()), name
