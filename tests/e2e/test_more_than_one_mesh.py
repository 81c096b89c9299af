"""Meshes side by side, and one that is stopped and started again."""

import json
from pathlib import Path

import httpx
import pytest

from tests.support.clips import DEMO_CLIP
from tests.support.mesh import RunningMesh, launched_mesh, start_mesh
from tests.support.processes import processes_using

pytestmark = pytest.mark.timeout(300)


def test_two_meshes_with_folders_of_their_own_do_not_mix(mesh: RunningMesh, tmp_path: Path, tiny: Path) -> None:
    """Issue 2, point 4, R-SRC-06: same user name, same bytes; neither sees the other's videos nor takes its tokens."""
    with start_mesh(tmp_path) as second, second.library("ada") as there, mesh.library("ada") as here:
        ours = there.process(tiny, title="only in the second")
        assert second.http_url != mesh.http_url
        assert not set(second.pids.values()) & set(mesh.pids.values())
        assert here.json("GET", "/v1/videos")["videos"] == []
        assert here.search("only in the second") == []
        assert there.search("only in the second")[0]["scene"]["video_id"] == ours["id"]
        foreign = {"Authorization": f"Bearer {there.token}"}
        assert here.call("GET", "/v1/videos", headers=foreign).status_code == 401


def test_a_mesh_goes_on_where_it_was(tmp_path: Path, tiny: Path) -> None:
    """Issue 2, point 4: stopped in the middle of a video and started again, all is there, all goes on."""
    with start_mesh(tmp_path) as first, first.library("ada") as before:
        address = first.http_url.removeprefix("http://")
        ready = before.process(tiny, title="kept for later")
        scenes = before.scenes(ready["id"])
        failed = before.wait_terminal(before.upload(b"no film at all")["id"])
        on_its_way = before.upload(DEMO_CLIP)["id"]
        token = before.token
    assert not processes_using(tmp_path), "nothing is left running"

    with launched_mesh(tmp_path / "data", address) as url:
        assert url == f"http://{address}"
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as after:
            assert after.get(f"/v1/videos/{ready['id']}").json()["indexed_at"] == ready["indexed_at"]
            assert [scene["id"] for scene in after.get(f"/v1/videos/{ready['id']}/scenes").json()["scenes"]] == [
                scene["id"] for scene in scenes
            ]
            assert after.get(f"/v1/videos/{failed['id']}").json()["error"] == failed["error"]
            found = after.post("/v1/search", json={"q": "kept for later"}).json()["results"]
            assert found[0]["scene"]["video_id"] == ready["id"]
            watched = after.get(f"/v1/videos/{on_its_way}:watch").text.splitlines()
            assert json.loads(watched[-1])["video"]["state"] == "VIDEO_STATE_READY"
            hit = after.post("/v1/search", json={"q": "ferry to Oslo"}).json()["results"][0]["scene"]
            assert (hit["video_id"], hit["index"]) == (on_its_way, 4)
    assert not processes_using(tmp_path)
