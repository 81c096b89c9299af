"""The `heimdex` command as people and programs run it: a process of its own against a mesh of real ones."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.clips import DEMO_CLIP
from tests.support.mesh import launched_mesh

pytestmark = pytest.mark.timeout(180)

HEIMDEX = Path(sys.executable).with_name("heimdex")


@dataclass(frozen=True, slots=True)
class Launched:
    """A mesh that somebody started in another window."""

    url: str
    data_dir: Path

    def pids(self) -> dict[str, int]:
        described: dict[str, Any] = json.loads((self.data_dir / "run" / "mesh.json").read_text(encoding="utf-8"))
        return {"launcher": described["pid"], **described["processes"]}


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    data_dir = tmp_path_factory.mktemp("launched") / "data"
    with launched_mesh(data_dir) as url:
        yield Launched(url, data_dir)


class Command:
    """`heimdex` on the data folder of a mesh, as one user; stdout of `json` must be one JSON text and nothing else."""

    def __init__(self, data_dir: Path, user: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEIMDEX_")}
        self.environment = {**kept, "HEIMDEX_DATA_DIR": str(data_dir), "HEIMDEX_USER": user}

    def __call__(self, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        line = [str(HEIMDEX), *map(str, arguments)]
        env = {**self.environment, **environment}
        return subprocess.run(line, env=env, capture_output=True, text=True, timeout=150, check=False)

    def json(self, *arguments: str | Path, status: int = 0) -> Any:
        """Run with --json and return what it printed."""
        ended = self(*arguments, "--json")
        assert ended.returncode == status, f"{arguments}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return json.loads(ended.stdout)


@pytest.fixture
def heimdex(launched: Launched, request: pytest.FixtureRequest) -> Command:
    return Command(launched.data_dir, request.node.name)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"this is no film\n" * 20)
    return path


def test_a_video_goes_in_is_found_looked_at_and_removed(heimdex: Command, tiny: Path) -> None:
    """Issue 2, point 8: upload --wait ends with 0 and the ready video; search, list, get, scenes and delete follow."""
    video = heimdex.json("upload", tiny, "--title", "Blue lagoon", "--wait")
    assert (video["state"], video["metadata"]["title"]) == ("VIDEO_STATE_READY", "Blue lagoon")

    found = heimdex.json("search", "blue", "lagoon")
    assert found["results"][0]["scene"]["video_id"] == video["id"]
    assert [one["id"] for one in heimdex.json("video", "list")["videos"]] == [video["id"]]
    assert heimdex.json("video", "get", video["id"])["id"] == video["id"]
    assert len(heimdex.json("video", "scenes", video["id"])["scenes"]) == video["scene_count"]
    assert heimdex.json("video", "delete", video["id"]) == {"deleted": video["id"]}
    assert heimdex.json("video", "list") == {"videos": []}
    assert heimdex.json("search", "blue", "lagoon")["results"] == []
    gone = heimdex("video", "get", video["id"])
    assert (gone.returncode, gone.stdout) == (5, "")


def test_a_broken_file_ends_with_6_and_says_why(heimdex: Command, broken: Path) -> None:
    """Issue 2, point 8: the reason on stderr for people, in the JSON for programs; not a traceback."""
    for_people = heimdex("upload", broken, "--wait")
    assert for_people.returncode == 6
    assert "not a video" in for_people.stderr
    assert "Traceback" not in for_people.stderr
    video = heimdex.json("upload", broken, "--wait", status=6)
    assert video["state"] == "VIDEO_STATE_FAILED"
    assert "INVALID_MEDIA" in json.dumps(video["error"])


def test_without_wait_it_returns_at_once(heimdex: Command, broken: Path) -> None:
    """Issue 2, point 8: accepted is 0, whatever becomes of it."""
    assert heimdex.json("upload", broken)["id"].startswith("v_")


def test_what_people_see_is_readable(heimdex: Command, tiny: Path) -> None:
    """Issue 2, point 8: progress goes to stderr, results to stdout."""
    sent = heimdex("upload", tiny, "--title", "Red door", "--wait")
    assert sent.returncode == 0
    assert "Red door" in sent.stdout
    assert "indexing" in sent.stderr
    found = heimdex("search", "red door")
    assert "Red door" in found.stdout
    assert "Red door" in heimdex("video", "list").stdout


def test_a_printed_token_opens_the_door(launched: Launched, heimdex: Command) -> None:
    """Issue 2, point 8: `token create` prints the token alone; HEIMDEX_URL and HEIMDEX_TOKEN are enough elsewhere."""
    token = heimdex("token", "create", "--user", "visitor").stdout
    assert token == token.strip() + "\n"
    admin = heimdex("token", "create", "--user", "boss", "--admin").stdout.strip()
    with httpx.Client(base_url=launched.url, trust_env=False) as door:
        for credential, status in ((token.strip(), 403), (admin, 200)):
            headers = {"Authorization": f"Bearer {credential}"}
            assert door.get("/v1/admin/performance/latency", headers=headers).status_code == status
    nowhere = {"HEIMDEX_DATA_DIR": str(launched.data_dir.parent / "nowhere"), "HEIMDEX_URL": launched.url}
    assert heimdex("video", "list", "--json", **nowhere, HEIMDEX_TOKEN=token.strip()).returncode == 0
    assert heimdex("video", "list", **nowhere, HEIMDEX_TOKEN="").returncode == 4
    assert heimdex("video", "list", **nowhere, HEIMDEX_TOKEN="wrong").returncode == 4
    nobody = heimdex("video", "list", HEIMDEX_DATA_DIR=nowhere["HEIMDEX_DATA_DIR"])
    assert (nobody.returncode, nobody.stdout) == (3, "")


def test_models_and_doctor_tell_how_things_are(heimdex: Command) -> None:
    """Issue 2, point 8, architecture 7: each missing model names the command that brings it; nothing fails here."""
    models = heimdex.json("models")["models"]
    assert {model["task"] for model in models if model.get("is_available")} >= {
        "MODEL_TASK_TEXT_EMBEDDING",
        "MODEL_TASK_OCR",
    }
    assert all(model["fix_command"] for model in models if not model.get("is_available"))
    checks = heimdex.json("doctor")["checks"]
    assert {check["level"] for check in checks} <= {"ok", "warn"}
    assert all(check["advice"] for check in checks if check["level"] != "ok")


def test_the_demo_runs_against_a_mesh_that_is_there(launched: Launched, heimdex: Command) -> None:
    """Issue 2, point 9: every search it can make hits its scene; percentiles; a curl line with token that works."""
    before = launched.pids()
    shown = heimdex.json("demo")
    assert shown["video"]["filename"] == DEMO_CLIP.name
    assert shown["video"]["state"] == "VIDEO_STATE_READY"
    judged = [search["is_right"] for search in shown["searches"]]
    assert judged.count(True) >= 4
    assert False not in judged
    curl = subprocess.run(shown["curl"], shell=True, capture_output=True, text=True, timeout=60, check=True)  # noqa: S602
    assert json.loads(curl.stdout)["results"][0]["scene"]["video_id"] == shown["video"]["id"]
    assert launched.pids() == before, "the mesh was found, not started, and goes on"
