"""Weights from a model hub over HTTP: resumable, checked, whole or not there; the only file that imports `httpx`.

Two calls of the hub's API are used: `GET /api/models/{repo}/revision/{commit}` (is it there?) and
`GET /{repo}/resolve/{commit}/{path}` with Range. An unreachable hub is found out once per process and remembered.
"""

import fcntl
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx

from chassis.core.errors import Corruption, NotFound, UpstreamUnavailable
from inference_svc.domain.model_registry import HubSource, ModelFile

__all__ = ["DEFAULT_HUB_URL", "Hub", "sha256_of"]

DEFAULT_HUB_URL = "https://huggingface.co"

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 20
_READ_TIMEOUT_SECONDS = 30.0

Progress = Callable[[str, int, int], None]
"""Called with file, bytes here, bytes in all (0 when unknown)."""


class Hub:
    """A model hub, asked politely."""

    def __init__(self, url: str = DEFAULT_HUB_URL, *, is_offline: bool = False, timeout_seconds: float = 2.0) -> None:
        """Remember the address; nothing is sent before the first `require_reachable`."""
        self._url = url.rstrip("/")
        self._connect = httpx.Timeout(timeout_seconds)
        self._transfer = httpx.Timeout(_READ_TIMEOUT_SECONDS, connect=timeout_seconds)
        self._lock = threading.Lock()
        self._verdict: str | None = "HEIMDEX_OFFLINE is set" if is_offline else None
        self._is_decided = is_offline

    def unreachable_reason(self) -> str:
        """Return why the hub can not be used, or "" when it answers; decided once, in about 2 s at most."""
        with self._lock:
            if not self._is_decided:
                self._is_decided = True
                try:
                    httpx.head(self._url, timeout=self._connect)
                except httpx.HTTPError as error:
                    self._verdict = f"the model hub can not be reached ({type(error).__name__})"
                    _log.warning("the model hub can not be reached; models that are not here stay unavailable")
            return self._verdict or ""

    def download(
        self, source: HubSource, files: tuple[ModelFile, ...], folder: Path, progress: Progress | None
    ) -> None:
        """Bring files into a folder; files already there are kept, a broken download goes on where it stopped.

        Raises:
            UpstreamUnavailable: The hub can not be reached, or broke off.
            NotFound: The hub does not have the repository, the commit or a file.
            Corruption: A file does not have its SHA-256 (it was fetched twice).
        """
        if reason := self.unreachable_reason():
            raise UpstreamUnavailable(reason, reason="HUB_UNREACHABLE")
        folder.mkdir(parents=True, exist_ok=True)
        with _folder_lock(folder), httpx.Client(timeout=self._transfer, follow_redirects=True) as client:
            try:
                self._check_commit(client, source)
                for file in files:
                    if not (folder / file.path).is_file():
                        self._fetch_checked(client, source, file, folder, progress)
            except httpx.HTTPError as cause:
                raise UpstreamUnavailable(
                    f"the model hub broke off: {type(cause).__name__}", reason="HUB_BROKE_OFF"
                ) from cause

    def _check_commit(self, client: httpx.Client, source: HubSource) -> None:
        answer = client.get(f"{self._url}/api/models/{source.repo}/revision/{source.revision}")
        if answer.status_code != HTTPStatus.OK:
            raise NotFound(f"the hub answers {answer.status_code} for {source.repo}", reason="MODEL_NOT_ON_HUB")

    def _fetch_checked(
        self, client: httpx.Client, source: HubSource, file: ModelFile, folder: Path, progress: Progress | None
    ) -> None:
        part = folder / f"{file.path}.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        # A part left by a kill may be damaged: it gets one chance, then the file is fetched from its beginning.
        for is_last in (False, True):
            self._fetch(client, f"{self._url}/{source.repo}/resolve/{source.revision}/{file.path}", part, progress)
            if not file.sha256 or sha256_of(part) == file.sha256:
                part.replace(folder / file.path)
                return
            part.unlink()
            if is_last:
                raise Corruption(f"{file.path} from the hub does not match its SHA-256", reason="MODEL_DIGEST_MISMATCH")

    def _fetch(self, client: httpx.Client, url: str, part: Path, progress: Progress | None) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # the part is already whole; its digest decides
            if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                raise NotFound(f"the hub answers {answer.status_code} for {part.stem}", reason="MODEL_NOT_ON_HUB")
            if answer.status_code == HTTPStatus.OK:
                have = 0
            total = have + int(answer.headers.get("Content-Length", 0))
            with part.open("r+b" if have else "wb") as sink:
                sink.seek(have)
                for chunk in answer.iter_bytes(_CHUNK_BYTES):
                    sink.write(chunk)
                    have += len(chunk)
                    if progress:
                        progress(part.stem, have, total)
        if total and have != total:
            raise httpx.ReadError("the transfer ended early")


def sha256_of(path: Path) -> str:
    """Return the lower-case hexadecimal digest of a file; about 0.5 GB/s."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Let one process download into a folder at a time; a kill releases it."""
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
