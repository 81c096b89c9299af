"""A whole mesh for tests: real processes under deploy.local, reached through HTTP alone.

start_mesh(tmp)   RunningMesh: http_url, data_dir, pids, kill(name), wait_ready(name), database_url(role), token(user)
mesh              session fixture: one that all end-to-end tests share, each as users of its own
library           fixture: a `Library` of a new user on it

launched_mesh(d)  the same as a process of its own, `python -m deploy.local`, found by the heimdex command

A test that kills or stops something starts a mesh of its own with `start_mesh`.
"""

import asyncio
import json
import mimetypes
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg
import httpx
import pytest

from client.mesh import make_token
from deploy.local import LocalMesh, MeshSettings
from tests.support.shared import MODELS

__all__ = ["TERMINAL", "Library", "RunningMesh", "launched_mesh", "library", "mesh", "mesh_environment", "start_mesh"]

TERMINAL = frozenset({"VIDEO_STATE_READY", "VIDEO_STATE_FAILED", "VIDEO_STATE_CANCELLED"})

_START_SECONDS = 150.0
_STOP_SECONDS = 60.0
_WAIT_SECONDS = 150.0
_TOKEN_SECONDS = 7200

T = TypeVar("T")


def mesh_environment(**changes: str) -> dict[str, str]:
    """Return the environment of a mesh in tests: no hub, the project's checked weights when they are there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEIMDEX_")}
    models = {"HEIMDEX_MODEL_DIR": str(MODELS)} if MODELS.is_dir() else {}
    return {**kept, "HEIMDEX_OFFLINE": "1", "HEIMDEX_HTTP_ADDR": "127.0.0.1:0", **models, **changes}


class RunningMesh:
    """A LocalMesh on an event loop in a thread of its own; every call is plain and may come from any thread."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.environment = {**environment, "HEIMDEX_DATA_DIR": str(data_dir)}
        self._ready: Future[LocalMesh] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=f"mesh {data_dir.name}")
        self._thread.start()
        self._mesh = self._ready.result(_START_SECONDS)
        self.http_url = self._mesh.http_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """Pid of each running process by name: postgres, nats, ingest_svc, inference_svc, index_svc, ..."""
        return dict(self._mesh.pids)

    @property
    def ready_seconds(self) -> float:
        """How long it took until the mesh was ready."""
        return self._mesh.ready_seconds

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Kill a process and wait until it is gone; it is restarted. Returns its pid."""
        return self._call(self._mesh.kill(name, how), _STOP_SECONDS)

    def wait_ready(self, name: str, *, within_seconds: float = 60.0) -> None:
        """Wait until a process is ready (again)."""
        self._call(self._mesh.wait_ready(name, within_seconds=within_seconds), within_seconds + 5)

    def database_url(self, role: str = "postgres") -> str:
        """Return the DSN of a role: `postgres` (superuser), `ingest`, `metrics`."""
        return self._mesh.database_url(role)

    def nats_url(self, user: str = "operator") -> str:
        """Return the NATS URL of a user."""
        return self._mesh.nats_url(user)

    def rows(self, sql: str, *arguments: Any, role: str = "postgres") -> list[dict[str, Any]]:
        """Return the rows of a query in the mesh's database."""
        return self._call(_rows(self.database_url(role), sql, arguments), 30.0)

    def token(self, user: str, admin: bool = False) -> str:  # noqa: FBT001, FBT002 - reads well as token("ada", True)
        """Sign a token of a user with the mesh's own key."""
        return make_token(self.data_dir, user, is_admin=admin, ttl_seconds=_TOKEN_SECONDS)

    def library(self, user: str | None = None, *, admin: bool = False) -> "Library":
        """Return the view of a user, of a new one if none is named; close it, or use it in `with`."""
        return Library(self, user or f"u-{secrets.token_hex(6)}", admin=admin)

    def stop(self) -> None:
        """Stop every process in order; a second call does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_STOP_SECONDS)
            assert not self._thread.is_alive(), "the mesh is still stopping"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with LocalMesh(MeshSettings.from_environment(self.environment)) as running:
                self._ready.set_result(running)
                await self._stop.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    def _call(self, work: Coroutine[Any, Any, T], within_seconds: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_seconds)


class Library:
    """What one user sees of a mesh over HTTP.

    `call` returns the raw response; the named methods insist on success and return the JSON.
    """

    def __init__(self, mesh: RunningMesh, user: str, *, admin: bool = False) -> None:
        self.mesh = mesh
        self.user = user
        self.token = mesh.token(user, admin)
        self.http = httpx.Client(
            base_url=mesh.http_url, headers={"Authorization": f"Bearer {self.token}"}, timeout=60, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request as this user."""
        return self.http.request(method, path, **request)

    def json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send a request that must succeed; return its JSON."""
        answer = self.call(method, path, **request)
        assert answer.is_success, f"{method} {path}: HTTP {answer.status_code} {answer.text}"
        parsed = answer.json()
        assert isinstance(parsed, dict), parsed
        return parsed

    def upload(self, source: Path | bytes, *, filename: str | None = None, title: str | None = None) -> dict[str, Any]:
        """Upload a file, or bytes under a name; return the registered video."""
        name = filename or (source.name if isinstance(source, Path) else "clip.mp4")
        content = source.read_bytes() if isinstance(source, Path) else source
        params = {"filename": name} | ({} if title is None else {"title": title})
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return self.json("POST", "/v1/uploads", params=params, content=content, headers={"Content-Type": kind})

    def video(self, video_id: str) -> dict[str, Any]:
        """Return a video."""
        return self.json("GET", f"/v1/videos/{video_id}")

    def wait_terminal(self, video_id: str, *, within_seconds: float = _WAIT_SECONDS) -> dict[str, Any]:
        """Wait until a video is ready, failed or cancelled; a mesh that is being killed may refuse meanwhile."""
        deadline = time.monotonic() + within_seconds
        seen: Any = None
        while time.monotonic() < deadline:
            try:
                answer = self.call("GET", f"/v1/videos/{video_id}")
            except httpx.TransportError as broken:
                seen = broken
            else:
                seen = answer.json() if answer.is_success else answer.text
                if isinstance(seen, dict) and seen.get("state") in TERMINAL:
                    return seen
                assert answer.is_success or answer.status_code >= 500, f"HTTP {answer.status_code}: {seen}"
            time.sleep(0.05)
        raise AssertionError(f"not terminal after {within_seconds} s: {seen}")

    def wait_ready(self, video_id: str, *, within_seconds: float = _WAIT_SECONDS) -> dict[str, Any]:
        """Wait until a video is terminal, which must be ready."""
        video = self.wait_terminal(video_id, within_seconds=within_seconds)
        assert video["state"] == "VIDEO_STATE_READY", video
        return video

    def process(self, source: Path | bytes, **upload: Any) -> dict[str, Any]:
        """Upload and wait until ready."""
        return self.wait_ready(self.upload(source, **upload)["id"])

    def scenes(self, video_id: str) -> list[dict[str, Any]]:
        """Return all scenes in order, through every page."""
        scenes: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.json("GET", f"/v1/videos/{video_id}/scenes", params={"page_token": token} if token else {})
            scenes += page.get("scenes", [])
            if not (token := page.get("next_page_token", "")):
                return scenes

    def jobs(self, video_id: str) -> list[dict[str, Any]]:
        """Return every stage of every run, with its attempts."""
        jobs: list[dict[str, Any]] = self.json("GET", f"/v1/videos/{video_id}/jobs").get("jobs", [])
        return jobs

    def search(self, q: str, **body: Any) -> list[dict[str, Any]]:
        """Return the results of a search, best first."""
        results: list[dict[str, Any]] = self.json("POST", "/v1/search", json={"q": q, **body}).get("results", [])
        return results


@contextmanager
def start_mesh(tmp: Path, **environment: str) -> Iterator[RunningMesh]:
    """Run a mesh whose data folder is `tmp / "data"`, and stop it in order afterwards.

    Usable again on the same folder: it goes on where it was. `environment` changes variables of its processes.
    """
    with RunningMesh(tmp / "data", mesh_environment(**environment)) as running:
        yield running


@contextmanager
def launched_mesh(data_dir: Path, address: str = "127.0.0.1:0") -> Iterator[str]:
    """Run `python -m deploy.local --json` as a person would and yield its URL; Ctrl-C must end it with status 0."""
    env = mesh_environment(HEIMDEX_DATA_DIR=str(data_dir), HEIMDEX_HTTP_ADDR=address)
    line = [sys.executable, "-m", "deploy.local", "--json"]
    here = Path(__file__).resolve().parents[2]
    with subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=here) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            assert ready["data_dir"] == str(data_dir)
            yield ready["http_url"]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(_STOP_SECONDS) == 0


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    with start_mesh(tmp_path_factory.mktemp("mesh")) as running:
        yield running


@pytest.fixture
def library(mesh: RunningMesh) -> Iterator[Library]:
    with mesh.library() as mine:
        yield mine


async def _rows(url: str, sql: str, arguments: tuple[Any, ...]) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(sql, *arguments)]
    finally:
        await connection.close()
