"""The HTTP face of a mesh, one method per call: the only file that imports httpx."""

import contextlib
import json
import mimetypes
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from client.audit_types import AuditAnswer
from client.capacity_types import CapacityAnswer, CapacityQuestion
from client.cost_types import CostAnswer, RateCard
from client.errors import ClientError, HeimdexApiError, MeshNotReachable
from client.types import Latency, Model, Rtf, Scene, SearchAnswer, StagePerformance, Video, VideoPage, WatchEvent
from client.wire import error_of

__all__ = ["TERMINAL_STATES", "HeimdexClient"]

TERMINAL_STATES = frozenset({"VIDEO_STATE_READY", "VIDEO_STATE_FAILED", "VIDEO_STATE_CANCELLED"})
"""A video in one of these does not change any more by itself."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_CHUNK_BYTES = 1 << 20
_CONNECT_SECONDS = 5.0
_UPLOAD_ANSWER_SECONDS = 300.0  # the mesh syncs the file to its disk before it answers
_WATCH_SILENCE_SECONDS = 60.0
_RECONNECT_PAUSE_SECONDS = 0.5
_RECONNECT_FOR_SECONDS = 60.0


class HeimdexClient:
    """A connection to one mesh as one user. Use it as a context manager; it is not shared between threads.

    Every call raises `HeimdexApiError` when the mesh refuses and `MeshNotReachable` when it does not answer.
    """

    def __init__(self, url: str, token: str = "", *, timeout_seconds: float = 30.0) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS)
        try:
            is_near = httpx.URL(self.url).host in _LOOPBACK  # a proxy for the outside must not see calls to ourselves
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=not is_near)
        except (httpx.InvalidURL, ValueError) as error:
            raise ClientError(
                f"{url!r} is not the address of a mesh; HEIMDEX_URL is e.g. http://127.0.0.1:8080"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # videos

    def upload(self, path: Path, *, title: str = "", on_bytes: Callable[[int], None] = lambda _sent: None) -> Video:
        """Send a file in pieces of 1 MiB, in constant memory, and return the registered video.

        `on_bytes` hears how many more bytes were handed over.

        Raises:
            OSError: the file can not be read.
        """
        size_bytes = path.stat().st_size
        headers = {
            "Content-Type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "Content-Length": str(size_bytes),
        }
        params = {"filename": path.name} | ({"title": title} if title else {})
        timeout = httpx.Timeout(_UPLOAD_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        try:
            pieces = _pieces(path, size_bytes, on_bytes)
            return cast("Video", self._send("POST", "/v1/uploads", params, headers, pieces, timeout))
        except MeshNotReachable:
            # A mesh that refuses early closes the connection while we still write; a small call hears the reason.
            self.list_videos(page_size=1)
            raise

    def get_video(self, video_id: str) -> Video:
        """Return one video."""
        return cast("Video", self._call("GET", f"/v1/videos/{_segment(video_id)}"))

    def list_videos(self, *, page_size: int = 50, page_token: str = "") -> VideoPage:
        """Return a page of the caller's videos, newest first."""
        params = {"page_size": page_size} | ({"page_token": page_token} if page_token else {})
        return cast("VideoPage", self._call("GET", "/v1/videos", params=params))

    def delete_video(self, video_id: str) -> None:
        """Remove a video with everything that came of it."""
        self._call("DELETE", f"/v1/videos/{_segment(video_id)}")

    def list_scenes(self, video_id: str) -> list[Scene]:
        """Return all scenes of a video, in order of time."""
        scenes: list[Scene] = []
        token = ""
        while True:
            params = {"page_token": token} if token else {}
            page = self._call("GET", f"/v1/videos/{_segment(video_id)}/scenes", params=params)
            scenes += page.get("scenes", [])
            token = page.get("next_page_token", "")
            if not token:
                return scenes

    def watch(self, video_id: str) -> Iterator[WatchEvent]:
        """Yield what happened to a video so far, then every change, until the mesh ends the stream."""
        headers = {"Accept": "application/x-ndjson"}
        timeout = httpx.Timeout(_WATCH_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
        path = f"/v1/videos/{_segment(video_id)}:watch"
        with self._reaching(), self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.is_error:
                raise error_of(answer.status_code, answer.read())
            for line in answer.iter_lines():
                if line.strip():
                    yield _event(line)

    def follow(self, video_id: str) -> Iterator[WatchEvent]:
        """Yield changes like `watch`, each once, until the video is ready, failed or cancelled.

        A connection that breaks (the mesh restarts) is opened again; after 60 s without success the error is raised.
        One that is silent for 60 s (a long stage) is opened again, too.
        """
        last_sequence, failing_since = -1, 0.0
        while True:
            try:
                for event in self.watch(video_id):
                    failing_since = 0.0
                    if (sequence := int(event.get("sequence", 0))) > last_sequence:
                        last_sequence = sequence
                        yield event
                if self.get_video(video_id).get("state") in TERMINAL_STATES:
                    return
            except (MeshNotReachable, HeimdexApiError) as error:
                is_final = isinstance(error, HeimdexApiError) and error.code not in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
                failing_since = failing_since or time.monotonic()
                if is_final or time.monotonic() - failing_since > _RECONNECT_FOR_SECONDS:
                    raise
            time.sleep(_RECONNECT_PAUSE_SECONDS)

    # search and models

    def search(self, text: str, *, page_size: int = 20, video_ids: tuple[str, ...] = ()) -> SearchAnswer:
        """Return the moments that answer a text, best first."""
        body: dict[str, Any] = {"q": text, "page_size": page_size}
        if video_ids:
            body["video_ids"] = list(video_ids)
        return cast("SearchAnswer", self._call("POST", "/v1/search", json_body=body))

    def list_models(self) -> list[Model]:
        """Return the models the mesh knows, available or not."""
        return cast("list[Model]", self._call("GET", "/v1/models").get("models", []))

    # numbers; for administrators

    def admin(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a path below `/v1/admin/` answers, e.g. `timeseries/throughput`."""
        return self._call("GET", f"/v1/admin/{quote(path, safe='/:')}", params=params)

    def admin_post(self, path: str, body: Any) -> dict[str, Any]:
        """Return what a path below `/v1/admin/` answers when something is sent to it."""
        return self._call("POST", f"/v1/admin/{quote(path, safe='/:')}", json_body=body)

    def admin_file(self, path: str, params: Mapping[str, Any], file_format: str) -> bytes:
        """Return the same as a file, `csv` or `xlsx`."""
        with self._reaching():
            answer = self._http.get(f"/v1/admin/{quote(path, safe='/:')}", params={**params, "format": file_format})
        if not answer.is_success:
            raise error_of(answer.status_code, answer.content)
        return answer.content

    def cost(self, params: Mapping[str, Any]) -> CostAnswer:
        """Return what the work cost; `params` are those of the path, such as `range` and `group_by`."""
        return cast("CostAnswer", self.admin("cost", params))

    def rate_card(self, *, version: int | None = None) -> RateCard:
        """Return a version of the prices, the present one when None."""
        return cast("RateCard", self.admin("rate-card", {} if version is None else {"version": version}))

    def change_rate_card(self, card: RateCard, *, fields: Iterable[str], is_trial: bool) -> RateCard:
        """Change the named prices to those of `card`, which carries the etag of the card it was read from."""
        params = {"update_mask": ",".join(fields), "validate_only": "true" if is_trial else "false"}
        return cast("RateCard", self._call("PATCH", "/v1/admin/rate-card", params=params, json_body=card))

    def capacity(self, question: CapacityQuestion) -> CapacityAnswer:
        """Return how busy the workers are and how many are needed, under the conditions asked for if there are any."""
        if question.keys() & {"uploads_factor", "stages", "models"}:
            return cast("CapacityAnswer", self._call("POST", "/v1/admin/capacity:simulate", json_body=question))
        return cast("CapacityAnswer", self.admin("capacity", question))

    def audit(self, params: Mapping[str, Any], *, wait_seconds: int) -> AuditAnswer:
        """Return where the ways to compute the numbers disagree; that may take minutes, at most `wait_seconds`."""
        headers = {"grpc-timeout": f"{wait_seconds}S"}
        timeout = httpx.Timeout(wait_seconds + _CONNECT_SECONDS, connect=_CONNECT_SECONDS)
        return cast("AuditAnswer", self._send("GET", "/v1/admin/audit", params, headers, None, timeout))

    def stage_performance(self, *, window: str = "30d") -> StagePerformance:
        """Return latency percentiles per stage and outcome over a window of `1d` to `365d`."""
        return cast("StagePerformance", self._call("GET", "/v1/admin/performance/stages", params={"range": window}))

    def latency(self, *, window: str = "30d") -> Latency:
        """Return how long videos took over a window of `1d` to `365d`."""
        return cast("Latency", self._call("GET", "/v1/admin/performance/latency", params={"range": window}))

    def rtf(self, *, window: str = "30d") -> Rtf:
        """Return processing seconds per second of video over a window of `1d` to `365d`."""
        return cast("Rtf", self._call("GET", "/v1/admin/performance/rtf", params={"range": window}))

    # the mesh itself

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether `/readyz` says yes, and what else it says (empty when that is no JSON object)."""
        with self._reaching():
            answer = self._http.get("/readyz")
        try:
            said = answer.json()
        except ValueError:
            said = {}
        return answer.is_success, said if isinstance(said, dict) else {}

    def _call(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json_body: Any = None
    ) -> dict[str, Any]:
        content = None if json_body is None else json.dumps(json_body).encode("utf-8")
        headers = {} if content is None else {"Content-Type": "application/json"}
        return self._send(method, path, params or {}, headers, content)

    def _send(  # noqa: PLR0917 - the six parts of a request
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        content: bytes | Iterator[bytes] | None,
        timeout: httpx.Timeout | None = None,
    ) -> dict[str, Any]:
        chosen = timeout or self._http.timeout
        with self._reaching():
            answer = self._http.request(method, path, params=params, headers=headers, content=content, timeout=chosen)
        if answer.is_error:
            raise error_of(answer.status_code, answer.content)
        try:
            parsed = answer.json() if answer.content else {}
        except ValueError as error:
            raise ClientError(f"{self.url} answered {path} with something that is not JSON; is it a mesh?") from error
        if not answer.is_success or not isinstance(parsed, dict):
            raise ClientError(f"{self.url} answered {path} with HTTP {answer.status_code}; is it a mesh?")
        return parsed

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise MeshNotReachable(f"no mesh answers at {self.url}; start one with: heimdex up") from error
        except httpx.TimeoutException as error:
            raise MeshNotReachable(f"the mesh at {self.url} did not answer in time; see: heimdex doctor") from error
        except (httpx.TransportError, httpx.StreamError) as error:
            raise MeshNotReachable(f"the connection to {self.url} broke: {error}; see: heimdex doctor") from error
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise ClientError(f"{self.url} can not be called: {error}") from error


def _pieces(path: Path, size_bytes: int, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    left = size_bytes  # a file that grows meanwhile is sent as long as it was announced
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(_CHUNK_BYTES, left))):
            yield piece
            left -= len(piece)
            on_bytes(len(piece))


def _event(line: str) -> WatchEvent:
    try:
        parsed = json.loads(line)
    except ValueError as error:
        raise MeshNotReachable("the stream of changes broke in the middle of a line") from error
    if "error" in parsed and "video" not in parsed:
        raise error_of(0, line.encode("utf-8"))
    return cast("WatchEvent", parsed)


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
