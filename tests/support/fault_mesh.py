"""Watching a video from close by while its mesh is being broken, and judging what came out of it.

watch(library, clip)   upload a clip: `Watched`, whose `until(stage, *states)` waits for a step
Undisturbed()          what the same clip gives on the same mesh when nobody disturbs it, and the judgement
held_up(mesh, name)    SIGSTOP a process while the block runs
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.core.ids import scene_id
from chassis.core.stages import PIPELINE
from inference_svc.codec import PIPELINE_VERSION
from tests.support.mesh import Library, RunningMesh

__all__ = ["Undisturbed", "Watched", "crash", "held_up", "soon", "watch"]

_SCENE_FACTS = ("start_s", "end_s", "transcript_segment", "combined_text", "tags", "ocr_lines", "words")
_STEP = "SELECT state, attempt, deliveries, reason FROM ingest.steps WHERE video_id = $1 AND stage = $2"


def soon(look: Callable[[], Any], *, within_seconds: float = 60.0, every_seconds: float = 0.02) -> Any:
    """Return the first truthy answer of `look`."""
    deadline = time.monotonic() + within_seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {within_seconds} s"
        time.sleep(every_seconds)
    return seen


@contextmanager
def held_up(mesh: RunningMesh, name: str) -> Iterator[int]:
    """Stop the clock of a process while the block runs; one that was killed meanwhile is not woken."""
    pid = mesh.pids[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        if mesh.pids.get(name) == pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def crash(mesh: RunningMesh) -> None:
    """SIGKILL every process of a mesh at once, as a power failure would."""
    mesh._mesh.kill_now()  # nobody but these tests needs it


@dataclass(frozen=True, slots=True)
class Watched:
    """One video of one user, alone in the library."""

    mesh: RunningMesh
    library: Library
    id: str

    def step(self, stage: str) -> dict[str, Any]:
        """Return the step of a stage as the database has it."""
        (row,) = self.mesh.rows(_STEP, self.id, stage)
        return row

    def until(self, stage: str, *states: str, within_seconds: float = 60.0) -> dict[str, Any]:
        """Wait until a step is in one of these states."""
        return soon(  # type: ignore[no-any-return]
            lambda: (step := self.step(stage))["state"] in states and step, within_seconds=within_seconds
        )

    def attempts(self) -> dict[str, list[dict[str, Any]]]:
        """Return the attempts of all runs by the short name of their stage, as ListJobs tells them."""
        found: dict[str, list[dict[str, Any]]] = {}
        for job in self.library.jobs(self.id):
            found.setdefault(job["stage"].removeprefix("STAGE_").lower(), []).extend(job["attempts"])
        return found

    def transcript(self) -> str:
        """Return the transcript without its identities."""
        words = self.library.json("GET", f"/v1/videos/{self.id}/transcript")
        return re.sub(re.escape(self.id), "VIDEO", repr(words))

    def findings(self) -> list[dict[str, Any]]:
        """Return what the scenes say, without their identities."""
        return [{fact: scene.get(fact) for fact in _SCENE_FACTS} for scene in self.library.scenes(self.id)]


def watch(library: Library, clip: Path) -> Watched:
    """Upload a clip as a user who has nothing else."""
    return Watched(library.mesh, library, library.upload(clip)["id"])


class Undisturbed:
    """What clips give on a mesh when nobody disturbs them; each is processed at its first use."""

    def __init__(self) -> None:
        self._runs: dict[Path, tuple[list[dict[str, Any]], str, list[int]]] = {}

    def run(self, mesh: RunningMesh, clip: Path) -> tuple[list[dict[str, Any]], str, list[int]]:
        """Return scenes, transcript, and the positions that a search for everything finds."""
        if clip not in self._runs:
            with mesh.library() as library:
                calm = watch(library, clip)
                library.wait_ready(calm.id)
                self._runs[clip] = calm.findings(), calm.transcript(), _found(calm)
        return self._runs[clip]

    def judge(self, broken: Watched, clip: Path, *, generation: int = 1) -> dict[str, Any]:
        """Insist that a disturbed video became what an undisturbed one does, once; return it."""
        video = broken.library.wait_ready(broken.id, within_seconds=100)
        scenes, transcript, found = self.run(broken.mesh, clip)
        assert broken.findings() == scenes
        assert broken.transcript() == transcript
        mine = broken.library.scenes(broken.id)
        assert [scene["id"] for scene in mine] == [
            scene_id(broken.id, PIPELINE_VERSION, round(scene.get("start_s", 0.0) * 1e9)) for scene in mine
        ]
        assert _found(broken) == found, "a search finds other scenes than after an undisturbed run"
        runs = broken.mesh.rows("SELECT DISTINCT generation FROM ingest.attempts WHERE video_id = $1", broken.id)
        assert [run["generation"] for run in runs] == [generation]
        over = broken.mesh.rows(
            "SELECT stage FROM ingest.steps WHERE video_id = $1 AND state IN ('done', 'skipped')", broken.id
        )
        assert {step["stage"] for step in over} == {str(stage) for stage in PIPELINE}
        return video


def _found(video: Watched) -> list[int]:
    """Return the sorted positions of all scenes that a search finds; each scene must come once."""
    results = video.library.search("lighthouse harbour boat country fellow", page_size=100)
    ids = [result["scene"]["id"] for result in results]
    assert len(ids) == len(set(ids)), "a search shows a scene twice"
    assert {result["scene"]["video_id"] for result in results} <= {video.id}
    return sorted(result["scene"].get("index", 0) for result in results)
