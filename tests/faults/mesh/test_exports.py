"""kill -9 while a short is made, and a short that is stopped: one result, one place in the quota, nothing left."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.clips import DEMO_CLIP
from tests.support.fault_mesh import held_up, soon
from tests.support.mesh import Library, RunningMesh

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ENDED = frozenset(f"EXPORT_STATE_{state}" for state in ("COMPLETED", "FAILED", "CANCELLED", "EXPIRED"))
SLOW = {"aspect_ratio_strategy": "ASPECT_RATIO_STRATEGY_BLUR_PAD", "output_quality": "OUTPUT_QUALITY_MEDIUM"}


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody with one video that can be cut."""

    library: Library
    video: str

    def ask(self, seconds: float) -> str:
        """Ask for a short that takes some time."""
        span = {"video": self.video, "start_s": 0.0, "end_s": seconds}
        return str(self.library.json("POST", "/v1/exports", json={"segments": [span], **SLOW})["id"])

    def used(self) -> int:
        """Places of the quota that are taken."""
        return int(self.library.json("GET", "/v1/exports:quota")["used"])


@pytest.fixture(scope="module")
def asker(frail: RunningMesh) -> Iterator[Asker]:
    with frail.library() as library:
        yield Asker(library, str(library.process(DEMO_CLIP)["id"]))


def row(mesh: RunningMesh, export: str) -> dict[str, Any]:
    (found,) = mesh.rows("SELECT state, attempt, starts, progress FROM ingest.exports WHERE id = $1", export)
    return found


def end_of(library: Library, export: str) -> dict[str, Any]:
    def look() -> Any:
        answer = library.call("GET", f"/v1/exports/{export}")
        return answer.is_success and answer.json()["status"] in ENDED and answer.json()

    return dict(soon(look, within_seconds=120))


def children(mesh: RunningMesh) -> list[str]:
    """What runs below ingest_svc, spares included."""
    found = []
    for one in psutil.Process(mesh.pids["ingest_svc"]).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # gone since it was listed
            found.append(" ".join(one.cmdline()))
    return found


def objects(mesh: RunningMesh, export: str) -> list[str]:
    blobs = mesh.data_dir / "blobs"
    return sorted(str(path.relative_to(blobs)) for path in blobs.rglob("*") if export in str(path) and path.is_file())


def insist_on_one_result(mesh: RunningMesh, library: Library, export: str) -> None:
    made = end_of(library, export)
    key = f"exports/{library.user}/{export}"
    told = mesh.rows("SELECT msg_id FROM ingest.outbox WHERE msg_id LIKE $1", f"operation/{export}/%")

    assert made["status"] == "EXPORT_STATE_COMPLETED", made
    assert (
        {f"{key}.mp4", f"{key}.jpg"}
        <= set(objects(mesh, export))
        <= {f"{key}.{x}" for x in ("mp4", "jpg", "srt", "vtt")}
    )
    assert (mesh.data_dir / "blobs" / f"{key}.mp4").stat().st_size == int(made["file_size_bytes"])
    assert [one["id"] for one in library.json("GET", "/v1/exports")["exports"]].count(export) == 1
    assert len(told) == 1
    assert soon(lambda: not _left(mesh.data_dir / "scratch", export) or None)


def _left(scratch: Path, export: str) -> list[Path]:
    return [path for path in scratch.iterdir() if export in path.name]


def test_short_is_made_once_when_ingest_is_killed_while_it_is_cut(frail: RunningMesh, asker: Asker) -> None:
    """Shown by: one result, no doubled quota; the kill costs a start, not an attempt."""
    used, export = asker.used(), asker.ask(4.0)
    soon(lambda: (row(frail, export)["progress"] or 0) > 0.2)
    frail.kill("ingest_svc")
    assert row(frail, export)["state"] == "processing", "the kill came too late to mean anything"

    insist_on_one_result(frail, asker.library, export)
    assert asker.used() == used + 1
    assert (row(frail, export)["attempt"], row(frail, export)["starts"]) == (1, 2)


def test_short_is_made_once_when_ingest_is_killed_before_it_was_handed_out(frail: RunningMesh, asker: Asker) -> None:
    """The outbox is the truth: what was committed is sent by whoever lives next."""
    used = asker.used()
    with held_up(frail, "nats"):
        export = asker.ask(1.0)
        frail.kill("ingest_svc")
    insist_on_one_result(frail, asker.library, export)
    assert asker.used() == used + 1
    assert row(frail, export)["attempt"] == 1


def test_a_short_that_is_stopped_ends_its_children_and_leaves_nothing(frail: RunningMesh, asker: Asker) -> None:
    """Cancelling reaches ffmpeg within two seconds; what it had written goes."""
    export = asker.ask(4.0)
    soon(lambda: any("ffmpeg" in one and "libx264" in one for one in children(frail)))
    asker.library.json("POST", f"/v1/exports/{export}:cancel", json={})

    soon(lambda: not any("libx264" in one for one in children(frail)), within_seconds=2.0)
    assert soon(lambda: not _left(frail.data_dir / "scratch", export) or None)
    assert soon(lambda: objects(frail, export) == [] or None)
    assert end_of(asker.library, export)["status"] == "EXPORT_STATE_CANCELLED"
