"""The library's answers from events to JSON, at a time that stands still, against golden files; and through HTTP."""

from datetime import timedelta

import pytest

from chassis.core.errors import InvalidInput, NotFound
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import storage_pb2, waterfall_pb2
from tests.support.admin_lab import admin_lab, golden
from tests.support.library_lab import LibraryLab, store_scanned, stored, video_changed
from tests.support.metrics_samples import NOW, operation_event, run_event, search_event, stage_event, stamp

DAY, SECOND = timedelta(days=1), 1_000_000_000
ID_FIELDS = ("id", "filename", "status", "duration_s", "updated_at", "error_message")


@pytest.fixture
def lab(database):
    return LibraryLab(database)


def attempt(stage, start, length, *, number=1, **changes: object):
    """Work on video v1, `start` seconds after its queueing."""
    began = NOW - timedelta(seconds=100 - start)
    values = {
        "event_id": f"v1/1/{stage.lower()}/{number}",
        "owner_id": "ann",
        "attempt": number,
        "queued_at": stamp(began - timedelta(seconds=0.25)),
        "started_at": stamp(began),
        "finished_at": began + timedelta(seconds=length),
        "duration_ns": round(length * SECOND),
        "worker": "ingest_svc/host/1",
        "cpu_ns": round(length * SECOND / 2),
    }
    return stage_event(1, stage=stage, **{**values, **changes})


def run_of_v1():
    """A run with two stages side by side, a retry after a pause, and 40 model calls."""
    slow = {"model": "base@1", "model_calls": 12, "items": 300}
    return [
        attempt("DOWNLOADING", 2, 1, bytes_read=1_000),
        attempt("METADATA", 3, 1),
        attempt("SCENE_DETECTION", 5, 2, items=1_500),
        attempt("TRANSCRIPTION", 5, 4, outcome="FAILED", reason="UPSTREAM_UNAVAILABLE", **slow),
        attempt("TRANSCRIPTION", 11, 3, number=2, **slow),
        attempt("SCENE_PROCESSING", 14, 2, model="clip@2", model_calls=16, gpu_ns=SECOND, energy_uj=5_500_000),
        attempt("INDEXING", 16.5, 0.5),
        attempt("FINALIZING", 17, 0.25),
        run_event(
            1,
            owner_id="ann",
            event_id="v1/1/completed/9",
            queued_at=stamp(NOW - timedelta(seconds=100)),
            started_at=stamp(NOW - timedelta(seconds=98)),
            finished_at=NOW - timedelta(seconds=82.5),
        ),
    ]


async def seed(lab):
    """Three users: one with videos and searches, one with a deleted video, one who only searched."""
    await lab.take(
        video_changed(1, owner_id="ann", scene_count=4),
        video_changed(2, owner_id="ann", duration_ns=None, created_at=stamp(NOW - 3 * DAY)),
        video_changed(3, "FAILED", owner_id="ann", error_reason="INVALID_MEDIA", error_message="is no video"),
        video_changed(4, "PROCESSING", owner_id="bob", created_at=stamp(NOW - 2 * DAY)),
        video_changed(5, owner_id="bob", is_deleted=True, filename=""),
        *(search_event(n, owner_id="ann", at=NOW - n * DAY, results_count=n, video_id="v1") for n in range(3)),
        search_event(7, owner_id="cid", at=NOW - 8 * DAY, latency_ns=-1),
        operation_event(1, operation="EXPORT"),
        stored("v1", "ann", source=1_000, thumbnail=30, result=12, at=NOW - 2 * DAY),
        stored("v1", "ann", result=40, at=NOW - DAY),
        stored("v4", "bob", source=5_000, at=NOW),
        stored("", "", orphan=77, at=NOW - DAY),
        stored("", "", index=900, at=NOW),
        store_scanned(free_bytes=4 << 30, total_bytes=9 << 30),
        *run_of_v1(),
    )


ASKED = {
    "overview": ("GetOverview", admin.GetOverviewRequest()),
    "users": ("ListUserStats", admin.ListUserStatsRequest(range="7d")),
    "user": ("GetUserStats", admin.GetUserStatsRequest(user_id="ann")),
    "storage": ("GetStorage", storage_pb2.GetStorageRequest(range="4d")),
    "waterfall": ("GetWaterfall", waterfall_pb2.GetWaterfallRequest(video_id="v1")),
}


@pytest.mark.parametrize("name", ASKED)
async def test_an_answer_is_what_the_golden_file_holds(lab, name):
    """R-AD1-01, R-AD1-04, R-AD1-05, R-AD3-03: from a hand-made library, read and reviewed; no tolerance."""
    await seed(lab)
    said = await lab.json(*ASKED[name])

    assert golden(name, said) == said


async def test_the_waterfall_adds_up_as_the_database_tells_it(lab):
    """R-AD3-02: per-stage sums are the time of the run."""
    await seed(lab)
    answer = await lab.ask(*ASKED["waterfall"])
    (run,) = answer.runs

    assert (run.queue_ms, run.span_ms, run.elapsed_ms) == (2_000, 17_500, 15_500)
    assert run.covered_ms + run.gap_ms == run.elapsed_ms
    assert sum(bar.critical_ms for bar in run.bars) == run.covered_ms
    assert sum(bar.duration_ms for bar in run.bars) == run.processing_ms == run.covered_ms + run.overlap_ms
    assert sum(gap.duration_ms for gap in run.gaps) == run.queue_ms + run.gap_ms
    assert (run.model_calls, run.cpu_ms, run.gpu_ms) == (40, run.processing_ms / 2, 1_000)
    assert (answer.measured, answer.approximate, answer.missing) == (8, 0, 0)


async def test_exports_belong_to_no_run_of_their_video(lab):
    """R-AD3-02: a short made long after changes no waterfall; its time and its cost are told by stage."""
    await lab.take(*run_of_v1())
    before = await lab.ask(*ASKED["waterfall"])
    export = attempt("EXPORTING", 90, 5, event_id="e_1/exporting/7", generation=0)
    await lab.take(export, attempt("EXPORTING", 95, 2, event_id="e_2/exporting/3", generation=0, outcome="FAILED"))

    assert await lab.ask(*ASKED["waterfall"]) == before


async def test_a_video_that_nobody_told_of_is_not_found_and_one_with_events_alone_is(lab):
    await lab.take(stage_event(8, owner_id="eve"))
    known = await lab.ask("GetWaterfall", waterfall_pb2.GetWaterfallRequest(video_id="v8"))

    assert (known.owner_id, known.status, known.runs[0].state) == ("eve", "", "processing")
    for request in ({"video_id": "v9"}, {"video_id": "v8", "generation": 2}):
        with pytest.raises(NotFound) as error:
            await lab.ask("GetWaterfall", waterfall_pb2.GetWaterfallRequest(**request))
        assert error.value.reason == "VIDEO_NOT_FOUND"


async def test_a_deleted_video_keeps_the_times_of_its_runs(lab):
    await lab.take(*run_of_v1(), video_changed(1, owner_id="ann", is_deleted=True, generation=7))
    answer = await lab.ask("GetWaterfall", waterfall_pb2.GetWaterfallRequest(video_id="v1"))

    assert (answer.status, [run.generation for run in answer.runs]) == ("deleted", [1])


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [({"video_id": "v1", "generation": -1}, "generation"), ({}, "video_id"), ({"video_id": "\x00"}, "video_id")],
)
async def test_a_question_that_nothing_can_answer_is_refused_with_its_field(lab, request_fields, field):
    with pytest.raises(InvalidInput) as error:
        await lab.ask("GetWaterfall", waterfall_pb2.GetWaterfallRequest(**request_fields))

    assert [one.field for one in error.value.violations] == [field]


NOTED = {
    admin.OverviewResponse: "videos_total videos_ready_total videos_failed_total failure_rate_pct hours_ready_total"
    " searches_7d searches_30d avg_search_latency_ms_7d avg_search_latency_ms_30d",
    admin.UserItem: "user_id full_name videos_total videos_ready hours_ready last_activity searches_7d"
    " avg_latency_ms_7d",
    admin.UserListResponse: "items page page_size total_users next_page_token",
    admin.UserDetailResponse: "user_id full_name videos_total videos_ready hours_ready last_activity searches_7d"
    " avg_latency_ms_7d recent_videos recent_searches",
    admin.RecentVideo: "id filename status duration_s updated_at error_message",
    admin.RecentSearch: "query_text created_at latency_ms results_count video_id",
}


@pytest.mark.parametrize("message", NOTED)
def test_the_names_of_the_notes_are_kept_to_the_letter(message):
    assert set(NOTED[message].split()) <= set(message.DESCRIPTOR.fields_by_name)


async def test_http_answers_at_the_paths_of_the_notes(tmp_path, new_database, bus_url):
    """R-AD1-01, R-AD1-04, R-AD1-05: and an unknown user is a 404 with its reason."""
    async with admin_lab(tmp_path, await new_database("metrics_svc", "metrics"), bus_url) as lab:
        await seed(LibraryLab(lab.database))
        overview, users, user, storage, waterfall = [
            (await lab.http.get(f"/v1/admin/{path}")).json()
            for path in (
                "overview",
                "users?range=7d&page=1&page_size=50&sort=last_activity",
                "users/ann",
                "storage",
                "videos/v1/waterfall",
            )
        ]
        absent = await lab.http.get("/v1/admin/users/nobody")

    assert (overview["videos_total"], overview["users_total"]) == (4, 3)
    assert [item["user_id"] for item in users["items"]] == ["ann", "bob", "cid"]
    assert ([video["id"] for video in user["recent_videos"]], user["videos_ready"]) == (["v1", "v3", "v2"], 2)
    assert (storage["total_bytes"], waterfall["runs"][0]["span_ms"]) == (7_047, 17_500)
    assert (absent.status_code, absent.json()["details"][0]["reason"]) == (404, "USER_NOT_FOUND")
