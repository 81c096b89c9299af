"""A mesh that is stopped midway, and a carrier that has lost everything: no video is lost with it."""

import shutil

import pytest

from tests.support.clips import DEMO_CLIP
from tests.support.fault_mesh import Watched, crash, held_up, soon, watch
from tests.support.mesh import start_mesh
from tests.support.processes import processes_using

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

IMPATIENT = {"HEIMDEX_OVERDUE_SECONDS": "1", "HEIMDEX_SWEEP_PERIOD_SECONDS": "0.5"}


def test_a_mesh_stopped_midway_gives_work_back_leaves_no_process_and_goes_on_after_its_start(tmp_path, undisturbed):
    """R-RET-06: stopping costs no attempt; and without its whole carrier the sweeper still finds the work."""
    with start_mesh(tmp_path, **IMPATIENT) as mesh, mesh.library("ada") as library:
        video = watch(library, DEMO_CLIP)
        video.until("scene_processing", "running")
    assert processes_using(tmp_path) == set()

    with start_mesh(tmp_path, **IMPATIENT) as mesh, mesh.library("ada") as library:
        undisturbed.judge(Watched(mesh, library, video.id), DEMO_CLIP)
        tries = Watched(mesh, library, video.id).attempts()["scene_processing"]
        assert {one["number"] for one in tries} == {1}, "giving back cost an attempt"
        assert [one["outcome"] for one in tries][-1:] == ["OUTCOME_SUCCEEDED"]

        with mesh.library("bob") as other, held_up(mesh, "index_svc"):
            stranded = watch(other, DEMO_CLIP)
            stranded.until("indexing", "queued")
            with mesh.library("eve") as third, held_up(mesh, "inference_svc"):
                early = watch(third, DEMO_CLIP)
                early.until("scene_detection", "done")
                crash(mesh)
    shutil.rmtree(mesh.data_dir / "nats")

    with start_mesh(tmp_path, **IMPATIENT) as mesh:
        for user, lost in (("bob", stranded), ("eve", early)):
            with mesh.library(user) as library:
                again = Watched(mesh, library, lost.id)
                undisturbed.judge(again, DEMO_CLIP)
                assert {one["number"] for tries in again.attempts().values() for one in tries} == {1}


def test_numbers_catch_up_after_metrics_was_down_and_no_event_is_lost_or_doubled(frail, mine):
    """R-STG-09: uploads do not need metrics_svc; what it missed waits for it in the stream."""
    with held_up(frail, "metrics_svc"):
        video = watch(mine, DEMO_CLIP)
        mine.wait_ready(video.id)
        frail.kill("metrics_svc")
    soon(lambda: _events(frail, video.id))
    frail.kill("metrics_svc")
    frail.wait_ready("metrics_svc")

    done = soon(lambda: (seen := _events(frail, video.id)) == _expected(video) and seen)
    assert len(done) == 7
    (run,) = soon(lambda: frail.rows("SELECT outcome FROM metrics.video_runs WHERE video_id = $1", video.id))
    assert run["outcome"] == "succeeded"


def _events(mesh, video_id):
    rows = mesh.rows("SELECT stage, attempt, outcome FROM metrics.stage_events WHERE video_id = $1", video_id)
    return sorted((row["stage"], row["attempt"], row["outcome"]) for row in rows)


def _expected(video):
    return sorted(
        (stage, one["number"], one["outcome"].removeprefix("OUTCOME_").lower())
        for stage, tries in video.attempts().items()
        for one in tries
    )
