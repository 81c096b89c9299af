"""Bytes over time: what is kept depends on what was measured, not on when it arrived (R-AD3-03)."""

from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput
from heimdex.metrics.v1 import storage_pb2
from metrics_svc.codec.library import decode_storage_measured, decode_store_scanned
from tests.support.library_lab import LibraryLab, store_scanned, stored, video_changed
from tests.support.metrics_samples import NOW, stamp

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def lab(database):
    return LibraryLab(database)


async def spans(lab):
    async with lab.database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM metrics.storage_spans ORDER BY video_id, kind, from_at")
    return [tuple(row) for row in rows]


async def storage(lab, **asked: object):
    return await lab.ask("GetStorage", storage_pb2.GetStorageRequest(**asked))


def by_kind(answer):
    return {one.kind: one.bytes for one in answer.by_kind}


async def test_a_span_lasts_until_the_next_measurement_of_its_video_and_kind(lab):
    await lab.take(stored("v1", source=10, result=1, at=NOW - 2 * HOUR))
    await lab.take(stored("v1", result=3, at=NOW - HOUR), stored("v2", result=7, at=NOW))

    assert await spans(lab) == [
        ("v1", "owner", "result", 1, NOW - 2 * HOUR, NOW - HOUR),
        ("v1", "owner", "result", 3, NOW - HOUR, None),
        ("v1", "owner", "source", 10, NOW - 2 * HOUR, None),
        ("v2", "owner", "result", 7, NOW, None),
    ]


measurements = st.lists(
    st.tuples(
        st.sampled_from(["v1", "v2"]), st.sampled_from(["source", "result"]), st.integers(0, 8), st.integers(0, 9)
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(measurements, st.randoms(use_true_random=False), st.integers(1, 4))
async def test_any_order_repetition_and_batches_leave_the_same_spans(lab, told, chance, size):
    """R-STG-08 for bytes: and the spans are those that a simple sorting gives."""
    async with lab.database.connection() as connection:
        await connection.execute("TRUNCATE metrics.storage_spans")
    events = [stored(video, at=NOW - 10 * HOUR + hour * HOUR, **{kind: size}) for video, kind, hour, size in told]
    shuffled = events * 2
    chance.shuffle(shuffled)
    for start in range(0, len(shuffled), size):
        await lab.take(*shuffled[start : start + size])
    truth = defaultdict(dict)
    for video, kind, hour, held in told:
        points = truth[video, kind]
        points[hour] = max(held, points.get(hour, 0))
    expected = []
    for (video, kind), points in sorted(truth.items()):
        ends = [*(NOW - 10 * HOUR + hour * HOUR for hour in sorted(points)[1:]), None]
        expected += [
            (video, "owner", kind, points[hour], NOW - 10 * HOUR + hour * HOUR, end)
            for hour, end in zip(sorted(points), ends, strict=True)
        ]

    assert await spans(lab) == expected


async def test_the_answer_adds_up_by_kind_by_owner_and_in_all(lab):
    """R-AD3-03: bytes by kind by user."""
    await lab.take(
        *(video_changed(n, owner_id=owner) for n, owner in ((1, "ann"), (2, "bob"), (3, "bob"))),
        video_changed(4, is_deleted=True),
        stored("v1", "ann", source=1_000, result=10, at=NOW - DAY),
        stored("v2", "bob", source=300, at=NOW - DAY),
        stored("", "", orphan=5, upload=0, at=NOW - DAY),
        stored("", "", index=50, at=NOW - DAY),
        stored("v1", "ann", result=0, at=NOW),
        store_scanned(free_bytes=7_000, total_bytes=9_000),
        store_scanned("index", free_bytes=8_000, total_bytes=9_000),
    )
    answer = await storage(lab, range="2d")

    assert by_kind(answer) == {"source": 1_300, "index": 50, "orphan": 5}
    assert [(one.owner_id, one.bytes) for one in answer.by_owner] == [("ann", 1_000), ("bob", 300), ("", 55)]
    assert {one.kind: one.bytes for one in answer.by_owner[2].kinds} == {"index": 50, "orphan": 5}
    assert (answer.total_bytes, answer.owners_total) == (1_355, 3)
    assert [(one.day, one.bytes) for one in answer.data] == [("2026-11-19", 1_365), ("2026-11-20", 1_355)]
    assert (answer.disk.free_bytes, answer.disk.total_bytes, answer.index_disk.free_bytes) == (7_000, 9_000, 8_000)
    assert answer.measured_at == stamp(NOW)
    assert (answer.measured, answer.missing) == (2, 1)


async def test_one_owner_is_told_alone(lab):
    await lab.take(
        video_changed(1, owner_id="ann"),
        video_changed(2, owner_id="bob"),
        stored("v1", "ann", source=1_000),
        stored("", "", orphan=5),
    )
    answer = await storage(lab, owner_id="ann", range="1d")

    assert (by_kind(answer), answer.total_bytes, answer.owners_total) == ({"source": 1_000}, 1_000, 1)
    assert [(one.day, one.bytes) for one in answer.data] == [("2026-11-20", 1_000)]
    assert (answer.measured, answer.missing) == (1, 0)


async def test_days_before_the_first_measurement_are_absent_and_quiet_days_are_not(lab):
    await lab.take(
        stored("v1", source=100, at=NOW - 3 * DAY),
        stored("v1", source=0, at=NOW - DAY),
        stored("v2", source=30, at=NOW - 40 * DAY),
    )
    week = await storage(lab, range="5d")
    longer = await storage(lab, start_at=stamp(NOW - 42 * DAY), end_at=stamp(NOW - 39 * DAY))

    assert [one.bytes for one in week.data] == [30, 130, 130, 30, 30]
    assert [one.bytes if one.HasField("bytes") else None for one in longer.data] == [None, None, 30, 30]


async def test_a_window_starts_with_what_was_there_before_it(lab):
    """Spans that ended and began at the very start of the window count once."""
    await lab.take(stored("v1", source=5, at=NOW - 2 * DAY), stored("v1", source=9, at=NOW - DAY))
    answer = await storage(lab, start_at=stamp(NOW - DAY), end_at=stamp(NOW))

    assert [one.bytes for one in answer.data] == [9, 9]


async def test_nothing_measured_is_nothing_told(lab):
    """R-AD2-07."""
    said = await lab.json("GetStorage", storage_pb2.GetStorageRequest(range="1d"))

    assert said == {
        "by_kind": [],
        "by_owner": [],
        "owners_total": 0,
        "total_bytes": 0.0,
        "data": [{"day": "2026-11-20"}],
        "measured": 0,
        "approximate": 0,
        "missing": 0,
    }


async def test_an_older_scan_does_not_replace_a_newer_one_and_a_remote_store_has_no_disk(lab):
    await lab.take(store_scanned(at=NOW), store_scanned(at=NOW - HOUR, free_bytes=1, total_bytes=1))
    answer = await storage(lab)

    assert answer.measured_at == stamp(NOW)
    assert (answer.HasField("disk"), answer.disk.HasField("free_bytes")) == (True, False)


@pytest.mark.parametrize("at", [NOW + HOUR, NOW.replace(year=1980), None])
def test_a_time_that_no_clock_can_have_meant_is_refused_and_so_seen_among_the_dead_letters(at):
    measured, scanned = stored("v1", source=1), store_scanned()
    for event, field, decode in (
        (measured, "measured_at", decode_storage_measured),
        (scanned, "scanned_at", decode_store_scanned),
    ):
        event.ClearField(field)
        if at is not None:
            getattr(event, field).CopyFrom(stamp(at))
        with pytest.raises(InvalidInput) as error:
            decode(event.SerializeToString(), NOW)
        assert [one.field for one in error.value.violations] == [field]


@pytest.mark.parametrize("event", [stored("v1", source=-1), stored("v1", **{f"k{n}": 1 for n in range(101)})])
def test_bytes_that_can_not_be_are_refused(event):
    with pytest.raises(InvalidInput) as error:
        decode_storage_measured(event.SerializeToString(), NOW)

    assert [one.field for one in error.value.violations] == ["stored"]
