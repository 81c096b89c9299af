"""A real HTTP server that speaks the shapes of the gateway: proto field names, int64 as strings, enums by name."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from client.api import HeimdexClient
from client.patience import Patience
from tests.support.export_answers import CONTENT, DONE, MEDIA, makes


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class File:
    """Bytes of a signed link: with ranges unless told otherwise, and a connection that breaks after some bytes."""

    content: bytes
    breaks_after: int | None = None
    knows_ranges: bool = True
    has_length: bool = True


@dataclass
class Door:
    """`answers[METHOD, path]` is a function of the request giving (status, value).

    A list of values becomes NDJSON, a File what a media link answers.
    """

    url: str = ""
    answers: dict[tuple[str, str], Callable[[Asked], tuple[int, Any]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def say(self, method: str, path: str, value: Any, status: int = 200) -> None:
        self.answers[method, path] = lambda _: (status, value)


def status(
    code: int,
    message: str,
    *,
    reason: str = "",
    fields: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    retry_delay: str = "",
) -> dict[str, Any]:
    details: list[dict[str, Any]] = []
    if reason:
        info: dict[str, Any] = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
        details.append({**info, "domain": "heimdex", "metadata": metadata or {}})
    if retry_delay:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": retry_delay})
    if fields:
        faults = [{"field": name, "description": why} for name, why in fields.items()]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": faults})
    return {"code": code, "message": message, "details": details}


def _nothing(_: Asked) -> tuple[int, Any]:
    return 404, status(5, "no such thing")


def _handler(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, parse_qs(parts.query), headers, body)
            door.asked.append(asked)
            answer = door.answers.get((self.command, parts.path), _nothing)
            code, value = answer(asked)
            if isinstance(value, File):
                self._send_file(value, headers.get("range", ""))
                return
            if isinstance(value, list):
                payload, kind = b"".join(json.dumps(line).encode() + b"\n" for line in value), "application/x-ndjson"
            elif isinstance(value, bytes):
                payload, kind = value, "text/html"
            else:
                payload, kind = json.dumps(value).encode(), "application/json"
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have gone
                self.wfile.write(payload)

        def _send_file(self, file: File, asked: str) -> None:
            found = re.fullmatch(r"bytes=([0-9]+)-", asked) if file.knows_ranges else None
            start = int(found[1]) if found else 0
            piece = file.content[start:]
            self.send_response(206 if found else 200)
            self.send_header("Content-Type", "video/mp4")
            if found:
                size = len(file.content)
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            if file.has_length:
                self.send_header("Content-Length", str(len(piece)))
            self.end_headers()
            self.wfile.write(piece[: file.breaks_after])
            self.close_connection = True

        do_GET = do_POST = do_DELETE = do_PATCH = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Door]:
    made = Door()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("HEIMDEX_URL", made.url)
    monkeypatch.setenv("HEIMDEX_TOKEN", "a-token")
    monkeypatch.setenv("HEIMDEX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HEIMDEX_TRACEBACK", "1")
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def file() -> type[File]:
    return File


@pytest.fixture
def refusal() -> Callable[..., dict[str, Any]]:
    return status


@pytest.fixture
def mesh(door: Any, file: Any) -> Any:
    """A mesh on which e1 is asked for, cut and completed."""
    makes(door, DONE)
    door.say("GET", MEDIA, file(CONTENT))
    door.say("GET", "/v1/exports/e1/captions.srt", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    door.say("GET", "/v1/exports/e1/captions.vtt", b"WEBVTT\n")
    return door


@pytest.fixture
def client(door: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeimdexClient]:
    monkeypatch.setattr(Patience, "pause", lambda _: None)
    with HeimdexClient(door.url, "t") as made:
        yield made
