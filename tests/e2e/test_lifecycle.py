"""What becomes of a video after its first upload: again, deleted, processed anew, cancelled, mended."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import DEMO_CLIP, reason_of
from tests.support.mesh import Library

pytestmark = pytest.mark.timeout(180)

TABLES = ("videos", "video_metadata", "steps", "attempts", "transitions", "scenes", "transcripts")
LATER = ["STAGE_INDEXING", "STAGE_FINALIZING"]


def rows_of(library: Library, video_id: str) -> dict[str, int]:
    """Return how many rows of each table of ingest_svc belong to a video."""
    counts = {}
    for table in TABLES:
        key = "id" if table == "videos" else "video_id"
        sql = f"SELECT count(*) AS n FROM ingest.{table} WHERE {key} = $1"  # noqa: S608
        counts[table] = library.mesh.rows(sql, video_id)[0]["n"]
    return counts


def objects_of(library: Library, video_id: str) -> list[Path]:
    """Return the files under the data folder that belong to a video."""
    return [path for path in (library.mesh.data_dir / "blobs").rglob("*") if video_id in path.parts and path.is_file()]


def source_of(library: Library, video_id: str) -> Path:
    (source,) = (path for path in objects_of(library, video_id) if path.name == "source")
    return source


def starts_by_stage(library: Library, video_id: str, generation: int) -> dict[str, list[str]]:
    """Return when each attempt of a run began, by stage; stages that were taken over have none in this run."""
    return {
        job["stage"]: [attempt["started_at"] for attempt in job["attempts"] if "started_at" in attempt]
        for job in library.jobs(video_id)
        if job["generation"] == generation
    }


def test_the_same_bytes_twice_are_the_same_video(library: Library, tiny: Path) -> None:
    """R-RET-06: no second video, no second run, whatever the file is called; another user's is another video."""
    first = library.process(tiny, title="once")
    again = library.upload(tiny, filename="other-name.mp4", title="twice")
    assert (again["id"], again["state"], again["generation"]) == (first["id"], "VIDEO_STATE_READY", 1)
    assert again["metadata"]["title"] == "once"
    assert [video["id"] for video in library.json("GET", "/v1/videos")["videos"]] == [first["id"]]
    with library.mesh.library() as other:
        assert other.upload(tiny)["id"] != first["id"]


def test_a_deleted_video_leaves_nothing(library: Library, tiny: Path) -> None:
    """R-STO-05: 0 rows, 0 objects, 0 hits; and the same bytes can be uploaded anew."""
    video = library.process(tiny, title="purple submarine")["id"]
    scene = library.scenes(video)[0]
    assert all(rows_of(library, video)[table] for table in TABLES if table != "transcripts")
    assert objects_of(library, video)
    assert library.search("purple submarine")

    assert library.json("DELETE", f"/v1/videos/{video}") == {}

    assert library.search("purple submarine") == []
    assert library.search("purple submarine", video_ids=[video]) == []
    assert rows_of(library, video) == dict.fromkeys(TABLES, 0)
    assert objects_of(library, video) == []
    assert library.call("GET", scene["thumbnail_url"]).status_code == 404
    for path in (f"/v1/videos/{video}", f"/v1/videos/{video}/scenes", f"/v1/scenes/{scene['id']}"):
        assert library.call("GET", path).status_code == 404
    assert library.call("DELETE", f"/v1/videos/{video}").status_code == 404

    again = library.process(tiny, title="purple submarine")
    assert again["id"] == video
    assert {result["scene"]["video_id"] for result in library.search("purple submarine")} == {video}


def test_a_video_deleted_while_it_is_processed_does_not_come_back(library: Library) -> None:
    """R-STO-05: work that was under way when it was deleted leaves no row, no object, no hit."""
    video = library.upload(DEMO_CLIP, title="lighthouse keeper")["id"]
    deadline = time.monotonic() + 60
    while library.video(video)["stage"] in {"STAGE_QUEUED", "STAGE_DOWNLOADING"} and time.monotonic() < deadline:
        time.sleep(0.02)
    library.json("DELETE", f"/v1/videos/{video}")
    with library.mesh.library() as other:  # the same clip behind it: when that is ready, nothing of ours is under way
        other.process(DEMO_CLIP)
    assert library.call("GET", f"/v1/videos/{video}").status_code == 404
    assert rows_of(library, video) == dict.fromkeys(TABLES, 0)
    assert library.search("lighthouse keeper") == []
    deadline = time.monotonic() + 5
    while objects_of(library, video) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert objects_of(library, video) == []


def test_reprocessing_from_a_stage_runs_only_what_is_later(library: Library, tiny: Path) -> None:
    """R-RET-03: the event log of the second run has indexing and finalizing, and nothing before them."""
    before = library.process(tiny, title="green parrot")
    old = {scene["id"]: (scene["start_s"], scene["end_s"]) for scene in library.scenes(before["id"])}
    again = library.json("POST", f"/v1/videos/{before['id']}:reprocess", json={"from_stage": "STAGE_INDEXING"})
    assert again["generation"] == 2
    after = library.wait_ready(before["id"])

    ran = [stage for stage, starts in starts_by_stage(library, before["id"], 2).items() if starts]
    sql = "SELECT DISTINCT stage FROM metrics.stage_events WHERE video_id = $1 AND generation = 2"
    logged = {row["stage"] for row in library.mesh.rows(sql, before["id"])}
    assert ran == LATER
    assert logged <= {"indexing", "finalizing"}
    assert after["processing_started_at"] > before["processing_finished_at"]
    assert {scene["id"]: (scene["start_s"], scene["end_s"]) for scene in library.scenes(before["id"])} == old
    found = [result["scene"]["id"] for result in library.search("green parrot")]
    assert sorted(found) == sorted(old), "each scene once, not one per run"


def test_reprocessing_everything_replaces_and_does_not_add(library: Library, tiny: Path) -> None:
    """R-RET-03, R-RET-06: a whole second run ends with the same scenes."""
    before = library.process(tiny)
    old = [scene["id"] for scene in library.scenes(before["id"])]
    library.json("POST", f"/v1/videos/{before['id']}:reprocess", json={})
    after = library.wait_ready(before["id"])
    assert after["generation"] == 2
    assert all(starts_by_stage(library, before["id"], 2).values())
    assert [scene["id"] for scene in library.scenes(before["id"])] == old
    assert len(library.search("untitled video")) == len(old)


def test_a_cancelled_video_stops_and_can_be_taken_up_again(library: Library) -> None:
    """R-ING-16: cancelled stays cancelled, also when asked twice; a ready one can not be; reprocessing mends it."""
    video = library.upload(DEMO_CLIP)["id"]
    for _ in range(2):
        cancelled = library.json("POST", f"/v1/videos/{video}:cancel", json={})
        assert cancelled["state"] == "VIDEO_STATE_CANCELLED"
    with library.mesh.library() as other:
        other.process(DEMO_CLIP)
    still = library.video(video)
    assert still["state"] == "VIDEO_STATE_CANCELLED"
    assert "indexed_at" not in still
    assert library.search("ferry to Oslo") == []

    library.json("POST", f"/v1/videos/{video}:reprocess", json={})
    assert library.wait_ready(video)["scene_count"] == 5
    assert library.search("ferry to Oslo")
    late = library.call("POST", f"/v1/videos/{video}:cancel", json={})
    assert (late.status_code, late.json()["code"], reason_of(late.json())) == (400, 9, "VIDEO_NOT_RUNNING")


def damaged(library: Library, tiny: Path) -> tuple[str, bytes]:
    """Return a video whose stored file was cut short before a second run, which fails; and the true bytes."""
    video = library.process(tiny, title="mended")["id"]
    source = source_of(library, video)
    whole = source.read_bytes()
    source.write_bytes(whole[:-100])
    library.json("POST", f"/v1/videos/{video}:reprocess", json={"from_stage": "STAGE_DOWNLOADING"})
    return video, whole


def test_a_truncated_object_is_noticed_and_replayed_after_the_repair(library: Library, tiny: Path) -> None:
    """R-ING-02, R-RET-02: fails as downloading; the file is put right; replay by filter makes it ready, no upload."""
    video, whole = damaged(library, tiny)
    failed = library.wait_terminal(video)
    assert (failed["state"], failed["processing_stage"]) == ("VIDEO_STATE_FAILED", "downloading")
    assert reason_of(failed) == "OBJECT_TRUNCATED"

    source_of(library, video).write_bytes(whole)
    others: dict[str, Any] = {"stage": "STAGE_DOWNLOADING", "reason": "SOMETHING_ELSE"}
    assert library.json("POST", "/v1/videos:replayFailed", json=others)["video_ids"] == []
    assert library.json("POST", "/v1/videos:replayFailed", json={"stage": "STAGE_METADATA"})["video_ids"] == []
    mine = library.json("POST", "/v1/videos:replayFailed", json={**others, "reason": "OBJECT_TRUNCATED"})
    assert mine["video_ids"] == [video]

    ready = library.wait_ready(video)
    assert "error" not in ready
    assert library.search("mended")


def test_replaying_touches_only_ones_own_failed_videos(library: Library, tiny: Path) -> None:
    """R-RET-02, R-SRC-06: an unreadable file fails again with the same reason; others are left alone."""
    ready = library.process(tiny)
    failed = library.wait_terminal(library.upload(b"no film to replay")["id"])
    with library.mesh.library() as other:
        theirs = other.wait_terminal(other.upload(b"their failed film")["id"])
        assert library.json("POST", "/v1/videos:replayFailed", json={})["video_ids"] == [failed["id"]]
        again = library.wait_terminal(failed["id"])
        assert (again["state"], reason_of(again)) == ("VIDEO_STATE_FAILED", reason_of(failed))
        assert library.video(ready["id"])["updated_at"] == ready["updated_at"]
        assert other.video(theirs["id"]) == theirs
