"""Shorts of a mesh, one method per call; `HeimdexClient.exports` is one of these."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import quote

from client.download import save
from client.errors import ClientError, HeimdexApiError, MeshNotReachable
from client.export_spec import Choices
from client.export_types import (
    TERMINAL_EXPORT_STATES,
    Export,
    ExportQuota,
    ExportSegment,
    Proposals,
)
from client.output import word
from client.patience import Patience
from client.transport import Transport

__all__ = ["Exports"]

_PAGE = 100
_DEFAULT = Choices()


class Exports:
    """Exports of one user.

    Every call raises `HeimdexApiError` when the mesh refuses (`client.export_errors` lists the reasons) and
    `MeshNotReachable` when it does not answer.
    """

    def __init__(self, mesh: Transport) -> None:
        self._mesh = mesh

    def create(
        self,
        segments: Sequence[ExportSegment],
        choices: Choices = _DEFAULT,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Export:
        """Ask for a clip of one scene, of one range, or of several stretches as one reel; return it as it begins.

        The same `request_id` gives the same export again. Without one a new one is drawn, and used again when the
        connection breaks, so that one call is never two exports. `validate_only` checks everything and does nothing.
        """
        body: dict[str, Any] = {**choices.as_json(), "request_id": request_id or secrets.token_hex(16)}
        if validate_only:
            body["validate_only"] = True
        scene = segments[0].get("scene", "") if len(segments) == 1 else ""
        path = f"/v1/scenes/{_segment(scene)}/exports" if scene else "/v1/exports"
        if not scene:
            body["segments"] = list(segments)
        try:
            return cast("Export", self._mesh.call("POST", path, json_body=body))
        except MeshNotReachable:
            return cast("Export", self._mesh.call("POST", path, json_body=body))

    def get(self, export_id: str) -> Export:
        """Return one export; its links are new with every answer."""
        return cast("Export", self._mesh.call("GET", f"/v1/exports/{_segment(export_id)}"))

    def list(self, *, status: str = "", scene: str = "", video: str = "") -> Iterator[Export]:
        """Yield the caller's exports, newest first, page by page; `status` is e.g. `completed`."""
        wanted = {"status": f"EXPORT_STATE_{status.upper()}" if status else "", "scene": scene, "video": video}
        params: dict[str, Any] = {"page_size": _PAGE} | {name: value for name, value in wanted.items() if value}
        while True:
            page = self._mesh.call("GET", "/v1/exports", params=params)
            yield from page.get("exports", [])
            if not (token := page.get("next_page_token", "")):
                return
            params["page_token"] = token

    def cancel(self, export_id: str) -> Export:
        """Stop an export that is on its way; one that has ended stays as it is."""
        return cast("Export", self._mesh.call("POST", f"/v1/exports/{_segment(export_id)}:cancel", json_body={}))

    def retry(self, export_id: str) -> Export:
        """Try a failed or cancelled export again."""
        return cast("Export", self._mesh.call("POST", f"/v1/exports/{_segment(export_id)}:retry", json_body={}))

    def delete(self, export_id: str) -> None:
        """Remove an export and its files. It still counts in the quota."""
        self._mesh.call("DELETE", f"/v1/exports/{_segment(export_id)}")

    def quota(self) -> ExportQuota:
        """Return how many exports the caller has left."""
        return cast("ExportQuota", self._mesh.call("GET", "/v1/exports:quota"))

    def watch(self, export_id: str) -> Iterator[Export]:
        """Yield an export as it is, then after every change, until the mesh ends the stream."""
        for line in self._mesh.lines(f"/v1/exports/{_segment(export_id)}:watch"):
            yield cast("Export", line.get("export", {}))

    def follow(self, export_id: str) -> Iterator[Export]:
        """Yield an export like `watch`, each state of it once, the last one when it has ended.

        A connection that breaks (the mesh restarts) is opened again; after 60 s without success the error is raised.
        """
        etag, patience = None, Patience()
        while True:
            try:
                for export in self._states(export_id):
                    patience.restored()
                    if export.get("etag") != etag or etag is None:
                        etag = export.get("etag")
                        yield export
                    if export.get("status") in TERMINAL_EXPORT_STATES:
                        return
            except (MeshNotReachable, HeimdexApiError) as error:
                patience.bear(error)
            patience.pause()

    def wait(self, export_id: str) -> Export:
        """Return an export when it has ended, in success or not."""
        last = Export()
        for last in self.follow(export_id):  # noqa: B007 - the last one is what is wanted
            pass
        return last

    def download(
        self,
        export_id: str,
        to: Path,
        *,
        on_progress: Callable[[int], None] = lambda _done: None,
        may_overwrite: bool = False,
    ) -> Export:
        """Fetch the file of a completed export and put it at `to` when it is whole; return the export.

        It goes on where an earlier call was interrupted. `on_progress` hears how many bytes are there.

        Raises:
            ClientError: the export has no file (yet), or the file is not as long as it should be.
            FileInTheWay: `to` exists.
            OSError: the file can not be written.
        """
        export = self.get(export_id)
        size_bytes = _size_of(export)
        save(
            lambda start: self._mesh.part(self._link(export_id), start),
            to,
            key=export.get("id", "") or "export",
            size_bytes=size_bytes,
            on_progress=on_progress,
            may_overwrite=may_overwrite,
        )
        return export

    def captions(self, export_id: str, kind: Literal["srt", "vtt"]) -> bytes:
        """Return the captions as a file, SubRip or WebVTT."""
        return self._mesh.content(f"/v1/exports/{_segment(export_id)}/captions.{kind}")

    def propose_shorts(
        self, video_id: str, *, min_duration_s: float = 0.0, max_duration_s: float = 0.0, limit: int = 0
    ) -> Proposals:
        """Return stretches of a video that would make shorts, best first; 0 leaves a bound to the mesh."""
        body = {"min_duration_s": min_duration_s, "max_duration_s": max_duration_s, "limit": limit}
        path = f"/v1/videos/{_segment(video_id)}:proposeShorts"
        return cast("Proposals", self._mesh.call("POST", path, json_body={k: v for k, v in body.items() if v}))

    def _states(self, export_id: str) -> Iterator[Export]:
        yield from self.watch(export_id)
        yield self.get(export_id)  # a stream may end in order before the export does

    def _link(self, export_id: str) -> str:
        export = self.get(export_id)  # a link that has expired since is replaced by asking again
        _size_of(export)
        return export.get("download_url", "")


def _size_of(export: Export) -> int:
    state = word(export.get("status"), "EXPORT_STATE_")
    size = export.get("file_size_bytes", "")
    if state != "completed" or not export.get("download_url") or not str(size).isdecimal():
        raise ClientError(f"export {export.get('id', '')} is {state or 'in an unknown state'} and has no file")
    return int(size)


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
