"""Raw rows: the columns of a table are the fields of its sample, and what is written is what is read."""

import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.io.postgres import load_queries
from metrics_svc.adapters.raw_store import TABLES
from metrics_svc.codec.bins import encode_bins
from metrics_svc.codec.events import micros
from metrics_svc.domain.events.increments import increments_of
from metrics_svc.domain.events.samples import Batch, OperationSample, SearchSample, StageSample, VideoRun, event_key
from tests.adapters.metrics.test_event_store import SKETCHES, library
from tests.support.metrics_samples import samples_of

QUERIES = load_queries("metrics_svc", "sql/events.sql")

MAX = (1 << 63) - 1
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=40)
fresh = itertools.count()
moments = st.integers(-62_104_060_800_000_000, 253_370_764_799_000_000)
numbers = st.integers(0, MAX)
small = st.integers(-(1 << 31), (1 << 31) - 1)
flags = st.booleans()
maybe = {kind: st.none() | kind for kind in (moments, numbers)}
samples = st.one_of(
    st.builds(
        StageSample, texts, texts, texts, small, texts, small, texts, texts, *(maybe[moments],) * 3, moments,
        *(maybe[numbers],) * 2, flags, *(maybe[numbers],) * 3, texts, texts, *(maybe[numbers],) * 4, small, flags,
    ),
    st.builds(
        VideoRun, texts, texts, texts, small, texts, texts, texts, texts, *(maybe[moments],) * 3, moments,
        *(maybe[numbers],) * 2, flags, *(maybe[numbers],) * 2, small, flags,
    ),
    st.builds(SearchSample, texts, texts, maybe[moments], moments, maybe[numbers], st.integers(0, 9), texts, texts),
    st.builds(
        OperationSample, *(texts,) * 6, *(maybe[moments],) * 2, moments, maybe[numbers], flags,
        *(maybe[numbers],) * 2,
    ),
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(samples, min_size=1, max_size=20))
async def test_what_is_written_is_what_is_read(event_store, database, batch):
    """Were a single field read otherwise than it was written, the second time would contradict the first."""
    names = [f"{next(fresh)}/1/stage/2" for _ in batch]
    batch = [
        one._replace(event_id=name, **({"video_id": name} if isinstance(one, VideoRun) else {}))
        for one, name in zip(batch, names, strict=True)
    ]
    assert await event_store.add(batch) == len(batch)
    assert await event_store.add(random.sample(batch, len(batch))) == 0
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM metrics.contradictions") == 0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_every_field_has_its_column_and_every_column_its_field(database, table):
    async with database.connection() as connection:
        columns = await connection.fetch(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = ('metrics.' || $1)::regclass AND attnum > 0"
            " AND NOT attisdropped",
            table.name,
        )

    # event_id is the column of the version before, which a later one removes
    assert {row[0] for row in columns} - {"event_id"} == {*table.columns, "taken_at"}


async def test_the_key_of_an_event_is_the_same_in_sql(database):
    """Migration 0003 turned the ids of old rows into keys by this expression."""
    event_id = "v\N{PILE OF POO}/1/transcription/1"
    async with database.connection() as connection:
        key = await connection.fetchval(
            "SELECT (left(encode(sha256(convert_to(split_part($1, '/', 1), 'UTF8')), 'hex'), 16)"
            " || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16))::uuid",
            event_id,
        )

    assert key.bytes == event_key(event_id)


async def test_every_sketch_can_be_recomputed_from_the_raw_rows_alone(event_store, database):
    """What the columns hold is enough: nothing of a sketch rests on what was only in the event."""
    await event_store.add(samples_of(*library()))
    found = []
    async with database.connection() as connection:
        for table in TABLES:
            keys = await connection.fetchval(f"SELECT array_agg(event_key) FROM metrics.{table.name}")  # noqa: S608
            more = ([], []) if table.kind is VideoRun else ()
            rows = await connection.fetch(QUERIES[table.known], keys, *more)
            found += [table.kind(*tuple(row)) for row in rows]
        kept = await connection.fetch(SKETCHES)
    again = increments_of(Batch.of(found))
    parts = again.entries.by_row(len(again.cells))
    rows = sorted(
        (*cell, again.measured[n], again.approximate[n], again.missing[n], again.total[n], encode_bins(*parts[n]))
        for n, cell in enumerate(again.cells)
    )

    assert rows == sorted(
        (row[0], micros(row[1]), *row[3:10], int(row[10]), row[13]) for row in (tuple(row) for row in kept)
    )
