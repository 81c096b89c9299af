"""Videos and users: what was told last is what is known, whatever the order of arrival."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput, NotFound
from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.codec.library import decode_video_changed
from tests.support.library_lab import LibraryLab, samples, video_changed
from tests.support.metrics_samples import MINUTE_NS, NOW, operation_event, search_event, stamp

DAY = timedelta(days=1)


@pytest.fixture
def lab(database):
    return LibraryLab(database)


async def rows(lab):
    async with lab.database.connection() as connection:
        found = await connection.fetch("SELECT * FROM metrics.videos ORDER BY video_id")
    return [dict(row) for row in found]


async def overview(lab):
    return await lab.ask("GetOverview", admin.GetOverviewRequest())


async def users(lab, **asked: object):
    return await lab.ask("ListUserStats", admin.ListUserStatsRequest(**asked))


async def test_the_highest_sequence_is_what_is_known_in_any_order_and_however_often_it_comes(lab):
    """R-AD1-01: repeated, late and shuffled events change nothing."""
    events = [
        *(video_changed(1, state, sequence=n) for n, state in enumerate(("QUEUED", "PROCESSING", "READY"), start=1)),
        *(video_changed(2, state, sequence=n) for n, state in enumerate(("QUEUED", "FAILED"), start=5)),
        video_changed(3, "READY", sequence=1),
        video_changed(3, "READY", sequence=2, is_deleted=True, filename=""),
    ]
    await lab.take(*events)
    once = await rows(lab)
    again = events * 3
    random.Random(7).shuffle(again)  # noqa: S311  # not a secret
    for event in again:
        assert await lab.take(event) == 0

    assert await rows(lab) == once
    assert [(row["state"], row["is_deleted"]) for row in once] == [("ready", False), ("failed", False), ("ready", True)]


async def test_a_late_event_does_not_bring_a_deleted_video_back_and_a_new_upload_does(lab):
    await lab.take(video_changed(1, sequence=8, is_deleted=True), video_changed(1, sequence=7))
    await lab.take(video_changed(1, sequence=6))
    assert (await overview(lab)).videos_total == 0
    await lab.take(video_changed(1, sequence=9))

    assert (await overview(lab)).videos_total == 1


events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 6), st.sampled_from(["QUEUED", "READY", "FAILED"])), max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events, st.randoms(use_true_random=False), st.integers(1, 5))
async def test_any_order_and_any_batches_end_the_same(lab, told, chance, size):
    """Each sequence says one thing; everything else may be shuffled."""
    said = {(video, sequence): state for video, sequence, state in told}
    messages = [video_changed(video, state, sequence=sequence) for (video, sequence), state in said.items()]
    async with lab.database.connection() as connection:
        await connection.execute("TRUNCATE metrics.videos")
    shuffled = messages * 2
    chance.shuffle(shuffled)
    for start in range(0, len(shuffled), size):
        await lab.take(*shuffled[start : start + size])
    newest = {f"v{video}": max(s for v, s in said if v == video) for video, _ in said}

    assert {row["video_id"]: row["sequence"] for row in await rows(lab)} == newest


async def test_the_overview_counts_what_is_there(lab):
    """R-AD1-01: counts equal the seeded database."""
    await lab.take(
        *(video_changed(n, "READY", duration_ns=90 * MINUTE_NS, scene_count=4) for n in range(3)),
        video_changed(3, "READY", duration_ns=None),
        video_changed(4, "FAILED"),
        video_changed(5, "QUEUED"),
        video_changed(6, "PROCESSING"),
        video_changed(7, "CANCELLED"),
        video_changed(8, "READY", is_deleted=True, owner_id="gone"),
        *(search_event(n, at=NOW - n * DAY, latency_ns=n * 10_000_000) for n in (0, 6, 7, 29, 30)),
        search_event(99, owner_id="cid", latency_ns=-1),
        operation_event(1, operation="EXPORT"),
        operation_event(2, operation="EXPORT", outcome="FAILED"),
    )
    said = await overview(lab)

    assert (said.videos_total, said.videos_ready_total, said.videos_failed_total) == (8, 4, 1)
    assert (said.videos_queued_total, said.videos_processing_total, said.videos_cancelled_total) == (1, 1, 1)
    assert (said.failure_rate_pct, said.hours_ready_total, said.scenes_total) == (20.0, 4.5, 12)
    assert (said.searches_7d, said.searches_30d, said.searches_unmeasured_30d) == (3, 5, 1)
    assert (said.avg_search_latency_ms_7d, said.avg_search_latency_ms_30d) == (30.0, 105.0)
    assert (said.users_total, said.exports_30d) == (3, 1)
    assert (said.measured, said.approximate, said.missing) == (3, 0, 1)


async def test_nothing_known_is_zero_counts_and_no_averages(lab):
    """R-AD2-07."""
    assert await lab.json("GetOverview", admin.GetOverviewRequest()) == {
        **dict.fromkeys(
            [
                *("videos_total", "videos_ready_total", "videos_failed_total", "searches_7d", "searches_30d"),
                *("users_total", "videos_queued_total", "videos_processing_total", "videos_cancelled_total"),
                *("scenes_total", "exports_30d", "searches_unmeasured_30d", "measured", "approximate", "missing"),
            ],
            0,
        ),
        "hours_ready_total": 0.0,
    }
    assert await lab.json("ListUserStats", admin.ListUserStatsRequest()) == {
        "items": [],
        "page": 1,
        "page_size": 50,
        "total_users": 0,
        "next_page_token": "",
        "measured": 0,
        "approximate": 0,
        "missing": 0,
    }


async def test_hours_of_which_none_is_known_are_absent(lab):
    await lab.take(video_changed(1, duration_ns=None))
    said = await overview(lab)

    assert (said.HasField("hours_ready_total"), said.missing) == (False, 1)


async def test_a_user_is_whoever_had_a_video_or_searched(lab):
    """R-AD1-04: last_activity is the newest of upload and search."""
    await lab.take(
        video_changed(1, owner_id="ann", created_at=stamp(NOW - 2 * DAY)),
        search_event(1, owner_id="ann", at=NOW - DAY, latency_ns=30_000_000),
        search_event(2, owner_id="ann", at=NOW - 9 * DAY),
        video_changed(2, owner_id="bob", created_at=stamp(NOW - 3 * DAY), is_deleted=True),
        search_event(3, owner_id="cid", at=NOW - 5 * DAY, latency_ns=-1),
    )
    answer = await users(lab, range="7d")
    ann, bob, cid = answer.items

    assert [one.user_id for one in (ann, bob, cid)] == ["ann", "bob", "cid"]
    assert answer.total_users == 3
    assert (ann.videos_total, ann.videos_ready, ann.hours_ready) == (1, 1, pytest.approx(2 / 60))
    assert (ann.searches_7d, ann.avg_latency_ms_7d, ann.searches, ann.videos_uploaded) == (1, 30.0, 1, 1)
    assert ann.last_activity == stamp(NOW - DAY)
    assert (bob.videos_total, bob.last_activity) == (0, stamp(NOW - 3 * DAY))
    assert (cid.searches_7d, cid.HasField("avg_latency_ms_7d"), cid.HasField("full_name")) == (1, False, False)
    assert (await users(lab, range="30d")).items[0].searches == 2


async def test_the_window_decides_what_was_uploaded_and_searched_in_it(lab):
    await lab.take(
        video_changed(1, owner_id="ann", created_at=stamp(NOW - 2 * DAY)),
        search_event(1, owner_id="ann", at=NOW - 2 * DAY),
        search_event(2, owner_id="ann", at=NOW - DAY),
    )
    (ann,) = (await users(lab, start_at=stamp(NOW - 2 * DAY), end_at=stamp(NOW - DAY))).items

    assert (ann.videos_uploaded, ann.searches, ann.searches_7d) == (1, 1, 2)


async def test_one_user_is_told_with_what_is_newest(lab):
    """R-AD1-05."""
    await lab.take(
        *(video_changed(n, owner_id="ann", created_at=stamp(NOW - n * DAY)) for n in range(25)),
        *(search_event(n, owner_id="ann", at=NOW - n * timedelta(hours=1), results_count=n) for n in range(60)),
        video_changed(90, "FAILED", owner_id="ann", error_message="cut", duration_ns=None, created_at=stamp(NOW)),
        video_changed(91, owner_id="ann", is_deleted=True, created_at=stamp(NOW)),
        search_event(99, owner_id="ann", at=NOW - timedelta(minutes=5), latency_ns=-1, video_id="v3"),
    )
    ann = await lab.ask("GetUserStats", admin.GetUserStatsRequest(user_id="ann"))

    assert (ann.videos_total, ann.videos_ready, ann.videos_failed) == (26, 25, 1)
    assert [video.id for video in ann.recent_videos] == ["v0", "v90", *(f"v{n}" for n in range(1, 19))]
    assert (ann.recent_videos[1].status, ann.recent_videos[1].error_message) == ("failed", "cut")
    assert (ann.recent_videos[0].duration_s, ann.recent_videos[1].HasField("duration_s")) == (120.0, False)
    assert [one.results_count for one in ann.recent_searches] == [0, 0, *range(1, 49)]
    assert (ann.recent_searches[1].video_id, ann.recent_searches[1].HasField("latency_ms")) == ("v3", False)
    assert ann.recent_searches[0].latency_ms == 20.0


@pytest.mark.parametrize("user", ["nobody", "ANN", "ann "])
async def test_an_unknown_user_is_not_found(lab, user):
    """R-AD1-05: unknown id -> 404 with ErrorInfo."""
    await lab.take(video_changed(1, owner_id="ann"))
    with pytest.raises(NotFound) as error:
        await lab.ask("GetUserStats", admin.GetUserStatsRequest(user_id=user))

    assert error.value.reason == "USER_NOT_FOUND"


@pytest.mark.parametrize("user", ["", "x\x00", "x" * 600])
async def test_an_id_that_nobody_can_have_is_refused(lab, user):
    with pytest.raises(InvalidInput) as error:
        await lab.ask("GetUserStats", admin.GetUserStatsRequest(user_id=user))

    assert [one.field for one in error.value.violations] == ["user_id"]


async def test_the_states_of_all_videos_are_counted_for_prometheus(lab):
    await lab.take(video_changed(1), video_changed(2), video_changed(3, "FAILED"), video_changed(4, is_deleted=True))

    assert await lab.library.videos_by_state() == {"ready": 2, "failed": 1}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"video_id": ""}, "video_id"), ({"owner_id": "x" * 600}, "owner_id"), ({"owner_id": "\x00"}, "owner_id")],
)
def test_an_event_that_can_never_be_kept_is_refused_with_its_field(changes, field):
    with pytest.raises(InvalidInput) as error:
        decode_video_changed(video_changed(1, **changes).SerializeToString(), NOW)

    assert [one.field for one in error.value.violations] == [field]


async def test_hostile_values_are_kept_as_far_as_they_make_sense(lab):
    """Words from a newer version, clocks that were never set, lengths below zero, NUL in names."""
    event = video_changed(
        1,
        filename="a\x00b" * 2_000,
        stage=77,
        duration_ns=-5,
        size_bytes=-1,
        scene_count=-1,
        sequence=-(1 << 63),
        generation=-(1 << 31),
        created_at=stamp(NOW.replace(year=1970)),
        updated_at=stamp(NOW.replace(year=9999)),
    )
    event.state = 99
    await lab.take(event)
    (row,) = await rows(lab)

    assert (row["state"], row["stage"], row["duration_ns"], row["size_bytes"]) == ("state_99", "stage_77", None, None)
    assert (row["created_at"], row["updated_at"], row["scene_count"]) == (NOW, NOW, None)
    assert "\x00" not in row["filename"]
    assert len(samples(event)[0].filename) == 1_000
