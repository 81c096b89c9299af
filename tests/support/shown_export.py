"""An export of a real mesh that others look at, and how its files are fetched."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.media_clips import Clip, Shot, write_clip
from tests.support.mesh import Library, RunningMesh

ENDED = frozenset(f"EXPORT_STATE_{state}" for state in ("COMPLETED", "FAILED", "CANCELLED", "EXPIRED"))
LOW = {"output_quality": "OUTPUT_QUALITY_LOW", "aspect_ratio_strategy": "ASPECT_RATIO_STRATEGY_CENTER_CROP"}


def wait_export(library: Library, export_id: str, *, within_seconds: float = 90.0) -> dict[str, Any]:
    """Poll an export until it has ended."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        export = library.json("GET", f"/v1/exports/{export_id}")
        if export["status"] in ENDED:
            return export
        time.sleep(0.05)
    raise AssertionError(f"not ended after {within_seconds} s: {export}")


def fetch(mesh: RunningMesh, path: str, **headers: str) -> httpx.Response:
    """Fetch as a player would: without any token."""
    return httpx.get(mesh.http_url + path, headers=headers, trust_env=False, timeout=30)


def files_of(mesh: RunningMesh, export_id: str) -> list[Path]:
    """Return what the object store holds of an export."""
    return [path for path in (mesh.data_dir / "blobs").rglob("*") if export_id in str(path) and path.is_file()]


@dataclass(frozen=True, slots=True)
class Shown:
    """A video of two shots and a tone, and one export of its first scene, completed."""

    library: Library
    video: dict[str, Any]
    scenes: list[dict[str, Any]]
    export: dict[str, Any]


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clip of 4 s with one cut and a tone."""
    shots = (Shot(2.0, (200, 60, 60)), Shot(2.0, (60, 60, 200)))
    place = tmp_path_factory.mktemp("shorts") / "talk.mp4"
    return write_clip(place, shots, Clip(width=320, height=180, has_tone=True))


@pytest.fixture(scope="session")
def shown(mesh: RunningMesh, talk: Path) -> Iterator[Shown]:
    with mesh.library() as library:
        video = library.process(talk)
        scenes = library.scenes(video["id"])
        asked = library.json("POST", f"/v1/scenes/{scenes[0]['id']}/exports", json=LOW)
        export = wait_export(library, asked["id"])
        assert export["status"] == "EXPORT_STATE_COMPLETED", export
        yield Shown(library, video, scenes, export)
