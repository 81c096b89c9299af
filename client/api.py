"""The HTTP face of a mesh, one method per call."""

import mimetypes
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

from client.audit_types import AuditAnswer
from client.capacity_types import CapacityAnswer, CapacityQuestion
from client.cost_types import CostAnswer, RateCard
from client.errors import HeimdexApiError, MeshNotReachable
from client.exports import Exports
from client.patience import Patience
from client.transport import CONNECT_SECONDS, Transport
from client.types import Latency, Model, Rtf, Scene, SearchAnswer, StagePerformance, Video, VideoPage, WatchEvent

__all__ = ["TERMINAL_STATES", "HeimdexClient"]

TERMINAL_STATES = frozenset({"VIDEO_STATE_READY", "VIDEO_STATE_FAILED", "VIDEO_STATE_CANCELLED"})
"""A video in one of these does not change any more by itself."""

_CHUNK_BYTES = 1 << 20
_UPLOAD_ANSWER_SECONDS = 300.0  # the mesh syncs the file to its disk before it answers


class HeimdexClient:
    """A connection to one mesh as one user. Use it as a context manager; it is not shared between threads.

    Every call raises `HeimdexApiError` when the mesh refuses and `MeshNotReachable` when it does not answer.
    """

    def __init__(self, url: str, token: str = "", *, timeout_seconds: float = 30.0) -> None:
        self._mesh = Transport(url, token, timeout_seconds=timeout_seconds)
        self.url = self._mesh.url
        self.exports = Exports(self._mesh)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._mesh.close()

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
        try:
            sent = self._mesh.send(
                "POST",
                "/v1/uploads",
                params=params,
                headers=headers,
                content=_pieces(path, size_bytes, on_bytes),
                answer_seconds=_UPLOAD_ANSWER_SECONDS,
            )
            return cast("Video", sent)
        except MeshNotReachable:
            # A mesh that refuses early closes the connection while we still write; a small call hears the reason.
            self.list_videos(page_size=1)
            raise

    def get_video(self, video_id: str) -> Video:
        """Return one video."""
        return cast("Video", self._mesh.call("GET", f"/v1/videos/{_segment(video_id)}"))

    def list_videos(self, *, page_size: int = 50, page_token: str = "") -> VideoPage:
        """Return a page of the caller's videos, newest first."""
        params = {"page_size": page_size} | ({"page_token": page_token} if page_token else {})
        return cast("VideoPage", self._mesh.call("GET", "/v1/videos", params=params))

    def delete_video(self, video_id: str) -> None:
        """Remove a video with everything that came of it."""
        self._mesh.call("DELETE", f"/v1/videos/{_segment(video_id)}")

    def list_scenes(self, video_id: str) -> list[Scene]:
        """Return all scenes of a video, in order of time."""
        scenes: list[Scene] = []
        token = ""
        while True:
            params = {"page_token": token} if token else {}
            page = self._mesh.call("GET", f"/v1/videos/{_segment(video_id)}/scenes", params=params)
            scenes += page.get("scenes", [])
            token = page.get("next_page_token", "")
            if not token:
                return scenes

    def watch(self, video_id: str) -> Iterator[WatchEvent]:
        """Yield what happened to a video so far, then every change, until the mesh ends the stream."""
        for line in self._mesh.lines(f"/v1/videos/{_segment(video_id)}:watch"):
            yield cast("WatchEvent", line)

    def follow(self, video_id: str) -> Iterator[WatchEvent]:
        """Yield changes like `watch`, each once, until the video is ready, failed or cancelled.

        A connection that breaks (the mesh restarts) is opened again; after 60 s without success the error is raised.
        One that is silent for 60 s (a long stage) is opened again, too.
        """
        last_sequence, patience = -1, Patience()
        while True:
            try:
                for event in self.watch(video_id):
                    patience.restored()
                    if (sequence := int(event.get("sequence", 0))) > last_sequence:
                        last_sequence = sequence
                        yield event
                if self.get_video(video_id).get("state") in TERMINAL_STATES:
                    return
            except (MeshNotReachable, HeimdexApiError) as error:
                patience.bear(error)
            patience.pause()

    # search and models

    def search(self, text: str, *, page_size: int = 20, video_ids: tuple[str, ...] = ()) -> SearchAnswer:
        """Return the moments that answer a text, best first."""
        body: dict[str, Any] = {"q": text, "page_size": page_size}
        if video_ids:
            body["video_ids"] = list(video_ids)
        return cast("SearchAnswer", self._mesh.call("POST", "/v1/search", json_body=body))

    def list_models(self) -> list[Model]:
        """Return the models the mesh knows, available or not."""
        return cast("list[Model]", self._mesh.call("GET", "/v1/models").get("models", []))

    # numbers; for administrators

    def admin(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a path below `/v1/admin/` answers, e.g. `timeseries/throughput`."""
        return self._mesh.call("GET", f"/v1/admin/{quote(path, safe='/:')}", params=params)

    def admin_post(self, path: str, body: Any) -> dict[str, Any]:
        """Return what a path below `/v1/admin/` answers when something is sent to it."""
        return self._mesh.call("POST", f"/v1/admin/{quote(path, safe='/:')}", json_body=body)

    def admin_file(self, path: str, params: Mapping[str, Any], file_format: str) -> bytes:
        """Return the same as a file, `csv` or `xlsx`."""
        return self._mesh.content(f"/v1/admin/{quote(path, safe='/:')}", {**params, "format": file_format})

    def cost(self, params: Mapping[str, Any]) -> CostAnswer:
        """Return what the work cost; `params` are those of the path, such as `range` and `group_by`."""
        return cast("CostAnswer", self.admin("cost", params))

    def rate_card(self, *, version: int | None = None) -> RateCard:
        """Return a version of the prices, the present one when None."""
        return cast("RateCard", self.admin("rate-card", {} if version is None else {"version": version}))

    def change_rate_card(self, card: RateCard, *, fields: Iterable[str], is_trial: bool) -> RateCard:
        """Change the named prices to those of `card`, which carries the etag of the card it was read from."""
        params = {"update_mask": ",".join(fields), "validate_only": "true" if is_trial else "false"}
        return cast("RateCard", self._mesh.call("PATCH", "/v1/admin/rate-card", params=params, json_body=card))

    def capacity(self, question: CapacityQuestion) -> CapacityAnswer:
        """Return how busy the workers are and how many are needed, under the conditions asked for if there are any."""
        if question.keys() & {"uploads_factor", "stages", "models"}:
            return cast("CapacityAnswer", self._mesh.call("POST", "/v1/admin/capacity:simulate", json_body=question))
        return cast("CapacityAnswer", self.admin("capacity", question))

    def audit(self, params: Mapping[str, Any], *, wait_seconds: int) -> AuditAnswer:
        """Return where the ways to compute the numbers disagree; that may take minutes, at most `wait_seconds`."""
        headers = {"grpc-timeout": f"{wait_seconds}S"}
        patience_seconds = wait_seconds + CONNECT_SECONDS
        said = self._mesh.send(
            "GET", "/v1/admin/audit", params=params, headers=headers, answer_seconds=patience_seconds
        )
        return cast("AuditAnswer", said)

    def stage_performance(self, *, window: str = "30d") -> StagePerformance:
        """Return latency percentiles per stage and outcome over a window of `1d` to `365d`."""
        return cast(
            "StagePerformance", self._mesh.call("GET", "/v1/admin/performance/stages", params={"range": window})
        )

    def latency(self, *, window: str = "30d") -> Latency:
        """Return how long videos took over a window of `1d` to `365d`."""
        return cast("Latency", self._mesh.call("GET", "/v1/admin/performance/latency", params={"range": window}))

    def rtf(self, *, window: str = "30d") -> Rtf:
        """Return processing seconds per second of video over a window of `1d` to `365d`."""
        return cast("Rtf", self._mesh.call("GET", "/v1/admin/performance/rtf", params={"range": window}))

    # the mesh itself

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether `/readyz` says yes, and what else it says (empty when that is no JSON object)."""
        return self._mesh.probe("/readyz")


def _pieces(path: Path, size_bytes: int, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    left = size_bytes  # a file that grows meanwhile is sent as long as it was announced
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(_CHUNK_BYTES, left))):
            yield piece
            left -= len(piece)
            on_bytes(len(piece))


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
