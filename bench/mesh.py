"""A mesh to measure, and a user of its HTTP door: no retries, no polling, nothing that would blur a time."""

import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.harness import ROOT
from chassis.io.identity import ensure_key_pair, mint_token
from deploy.local import SERVICES, LocalMesh, LocalServers, MeshSettings, Service

__all__ = [
    "CLIP",
    "Door",
    "cpu_seconds",
    "environment",
    "family",
    "open_door",
    "running_mesh",
    "running_servers",
    "token_for",
]

_SHARED = ROOT.parent / "shared"
_SPEECH_REEL = _SHARED / "media" / "derived" / "speech_reel.mp4"
CLIP = _SPEECH_REEL if _SPEECH_REEL.is_file() else ROOT / "client" / "demo" / "harbour.mp4"
"""The clip of the claims: the project's speech reel where it is at hand, else the demo clip."""

TERMINAL = frozenset({"VIDEO_STATE_READY", "VIDEO_STATE_FAILED", "VIDEO_STATE_CANCELLED"})
_TOKEN_SECONDS = 86_400


def environment(data_dir: Path) -> dict[str, str]:
    """Return the environment of a mesh: ours without its settings; no hub; checked weights where they are at hand."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEIMDEX_")}
    models = _SHARED / "models"
    kept |= {"HEIMDEX_OFFLINE": "1", "HEIMDEX_HTTP_ADDR": "127.0.0.1:0", "HEIMDEX_DATA_DIR": str(data_dir)}
    return kept | ({"HEIMDEX_MODEL_DIR": str(models)} if models.is_dir() else {})


@asynccontextmanager
async def running_mesh(data_dir: Path, *, services: Sequence[Service] = SERVICES) -> AsyncIterator[LocalMesh]:
    """Run a mesh of real processes."""
    async with LocalMesh(MeshSettings.from_environment(environment(data_dir)), services=services) as mesh:
        yield mesh


@asynccontextmanager
async def running_servers(data_dir: Path) -> AsyncIterator[LocalServers]:
    """Run PostgreSQL and NATS alone."""
    async with LocalServers(MeshSettings.from_environment(environment(data_dir))) as servers:
        yield servers


def token_for(data_dir: Path, user: str) -> str:
    """Return a token of a user of a mesh."""
    private_pem = ensure_key_pair(data_dir / "keys").private_pem
    return mint_token(private_pem, subject=user, ttl_seconds=_TOKEN_SECONDS)


class Door:
    """One user at the HTTP door."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def upload(self, content: bytes, filename: str) -> dict[str, Any]:
        """Upload a file and return the registered video."""
        headers = {"Content-Type": "video/mp4"}
        async with self._session.post(
            "/v1/uploads", params={"filename": filename}, data=content, headers=headers
        ) as answer:
            return await _json(answer)

    async def terminal(self, video_id: str) -> dict[str, Any]:
        """Return the video as the watch stream shows it at the moment when it is ready, failed or cancelled."""
        async with self._session.get(
            f"/v1/videos/{video_id}:watch", headers={"Accept": "application/x-ndjson"}
        ) as answer:
            async for line in answer.content:
                video: dict[str, Any] = json.loads(line).get("video", {}) if line.strip() else {}
                if video.get("state") in TERMINAL:
                    return video
        raise RuntimeError(f"the watch of {video_id} ended before the video did")

    async def scenes(self, video_id: str) -> list[dict[str, Any]]:
        """Return the scenes of a video; those of the clips of this package fit one page."""
        async with self._session.get(f"/v1/videos/{video_id}/scenes") as answer:
            scenes: list[dict[str, Any]] = (await _json(answer)).get("scenes", [])
            return scenes

    async def search(self, text: str, *, page_size: int = 10) -> dict[str, Any]:
        """Return the answer to a query."""
        async with self._session.post("/v1/search", json={"q": text, "page_size": page_size}) as answer:
            return await _json(answer)


@asynccontextmanager
async def open_door(mesh: LocalMesh, user: str) -> AsyncIterator[Door]:
    """Be a user of a mesh, with one kept-alive connection."""
    headers = {"Authorization": f"Bearer {token_for(mesh.folders.root, user)}"}
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(mesh.http_url, headers=headers, timeout=timeout, trust_env=False) as session:
        yield Door(session)


async def _json(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    parsed: dict[str, Any] = await answer.json()
    if not answer.ok:
        raise RuntimeError(f"HTTP {answer.status}: {parsed}")
    return parsed


def family(pid: int) -> Iterator[psutil.Process]:
    """Yield a process and all that descend from it; what ends meanwhile is left out."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        yield parent
        yield from parent.children(recursive=True)


def cpu_seconds(pids: Mapping[str, int]) -> float:
    """Return the CPU time these processes and their children have used so far, ended children included."""
    total = 0.0
    for pid in pids.values():
        for process in family(pid):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total
