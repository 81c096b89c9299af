"""What administrators are told of videos, users and bytes, against the folder and the library themselves."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mesh import Library, RunningMesh, start_mesh

pytestmark = pytest.mark.timeout(300)


def du(folder: Path) -> int:
    """The sum of the lengths of all files, as `du --apparent-size` counts them."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


class Admin:
    """A mesh of its own, an administrator of it, and two users."""

    def __init__(self, mesh: RunningMesh) -> None:
        self.mesh, self.http = mesh, mesh.library(admin=True)
        self.ada, self.eve = mesh.library("ada"), mesh.library("eve")

    def ask(self, path: str, **params: Any) -> dict[str, Any]:
        return self.http.json("GET", f"/v1/admin/{path}", params=params)

    def kinds(self) -> dict[str, float]:
        return {one["kind"]: one["bytes"] for one in self.ask("storage")["by_kind"]}

    def agrees_with_the_disk(self) -> bool:
        kinds = self.kinds()
        index = kinds.pop("index", 0)
        return sum(kinds.values()) == du(self.mesh.data_dir / "blobs") and index == du(self.mesh.data_dir / "milvus")


def once(look: Any, within_seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + within_seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Admin]:
    with start_mesh(tmp_path_factory.mktemp("library"), HEIMDEX_STORAGE_SCAN_SECONDS="1") as mesh:
        admin = Admin(mesh)
        for number in range(2):
            admin.ada.process(tiny.read_bytes() + bytes(number))
        admin.ada.wait_terminal(admin.ada.upload(b"no film")["id"])
        admin.eve.process(tiny)
        admin.eve.search("harbour")
        yield admin
        for library in (admin.http, admin.ada, admin.eve):
            library.http.close()


def videos_of(library: Library) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = library.json("GET", "/v1/videos")["videos"]
    return found


def test_the_overview_and_the_users_are_those_of_the_library(admin: Admin) -> None:
    """R-AD1-01, R-AD1-04, R-AD1-05."""
    assert once(lambda: admin.ask("overview")["videos_ready_total"] == 3 and admin.ask("overview")["searches_7d"] == 1)
    overview = admin.ask("overview")
    users = {item["user_id"]: item for item in admin.ask("users")["items"]}
    eve = admin.ask("users/eve")

    assert (overview["videos_total"], overview["videos_failed_total"], overview["failure_rate_pct"]) == (4, 1, 25.0)
    assert overview["hours_ready_total"] == pytest.approx(3 * 2 / 3600, rel=0.1)
    assert (users["ada"]["videos_total"], users["ada"]["videos_ready"], users["eve"]["searches_7d"]) == (3, 2, 1)
    assert eve["recent_videos"][0]["id"] == videos_of(admin.eve)[0]["id"]
    assert (eve["recent_searches"][0]["query_text"], eve["recent_videos"][0]["status"]) == ("harbour", "ready")
    assert admin.http.call("GET", "/v1/admin/users/nobody").status_code == 404


def test_bytes_are_what_the_files_take(admin: Admin) -> None:
    """R-AD3-03: equals `du` of the store and of the index."""
    assert once(admin.agrees_with_the_disk), (admin.kinds(), du(admin.mesh.data_dir / "blobs"))
    answer = admin.ask("storage")
    ada = admin.ask("storage", owner_id="ada")

    assert {"source", "thumbnail", "result", "index"} <= set(admin.kinds())
    assert answer["total_bytes"] == sum(one["bytes"] for one in answer["by_owner"])
    assert (answer["measured"], answer["missing"]) == (4, 0)
    assert ada["total_bytes"] == next(one["bytes"] for one in answer["by_owner"] if one["owner_id"] == "ada")
    assert 0 < answer["disk"]["free_bytes"] < answer["disk"]["total_bytes"]


def test_the_waterfall_of_a_run_adds_up_and_agrees_with_the_video(admin: Admin) -> None:
    """R-AD3-02."""
    video = videos_of(admin.eve)[0]
    assert once(lambda: len(admin.ask(f"videos/{video['id']}/waterfall")["runs"][0]["bars"]) == 7)
    (run,) = admin.ask(f"videos/{video['id']}/waterfall")["runs"]

    assert once(lambda: admin.ask(f"videos/{video['id']}/waterfall")["runs"][0]["state"] == "ready")
    assert run["span_ms"] == pytest.approx(run["queue_ms"] + run["elapsed_ms"])
    assert run["elapsed_ms"] == pytest.approx(run["covered_ms"] + run["gap_ms"])
    assert sum(bar["critical_ms"] for bar in run["bars"]) == pytest.approx(run["covered_ms"])
    assert run["elapsed_ms"] == pytest.approx(float(video["processing_duration_ms"]), abs=5)
    assert admin.http.call("GET", "/v1/admin/videos/v_nothing/waterfall").status_code == 404


def test_every_upload_is_counted_and_a_refused_one_apart(admin: Admin) -> None:
    broken = admin.ada.call("POST", "/v1/uploads", params={"filename": "x" * 400}, content=b"no film")
    assert broken.status_code == 400

    def told() -> list[tuple[str, str]]:
        rows = admin.mesh.rows("SELECT outcome, reason FROM metrics.operations WHERE operation = 'upload'")
        return sorted((row["outcome"], row["reason"]) for row in rows)

    assert once(lambda: len(told()) == 5)
    assert told()[1:] == [("succeeded", "")] * 4
    assert told()[0][0] == "failed"


def test_a_mesh_with_videos_from_before_is_known_after_a_restart(admin: Admin) -> None:
    """An upgrade: nothing was ever told, and ingest_svc starts."""
    admin.mesh.rows("UPDATE ingest.videos SET told_at = NULL")
    admin.mesh.rows("DELETE FROM metrics.videos")
    assert admin.ask("overview")["videos_total"] == 0
    admin.mesh.kill("ingest_svc")
    admin.mesh.wait_ready("ingest_svc")

    assert once(lambda: admin.ask("overview")["videos_total"] == 4)


def test_a_deleted_video_is_gone_from_every_number(admin: Admin) -> None:
    """R-STO-05: but not from what it took while it was there."""
    before = admin.ask("storage")["total_bytes"]
    video = videos_of(admin.eve)[0]["id"]
    admin.eve.call("DELETE", f"/v1/videos/{video}")

    assert once(lambda: admin.ask("overview")["videos_total"] == 3)
    assert once(admin.agrees_with_the_disk)
    assert admin.ask("storage")["total_bytes"] < before
    assert "orphan" not in admin.kinds()
    assert admin.ask("users/eve")["recent_videos"] == []
    assert admin.ask(f"videos/{video}/waterfall")["status"] == "deleted"
