"""HTTP to one mesh: calls, streams of lines and files. The only file that imports httpx."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from client.errors import ClientError, MeshNotReachable
from client.wire import error_of

__all__ = ["CONNECT_SECONDS", "Part", "Transport"]

CONNECT_SECONDS = 5.0
"""How long a connection may take to be made."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SILENCE_SECONDS = 60.0
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file from `start` to its end; `total_bytes` is the length of the whole file, None if unsaid."""

    start: int
    total_bytes: int | None
    pieces: Iterator[bytes]


class Transport:
    """Connections to one mesh as one user; not shared between threads.

    Every method raises `HeimdexApiError` when the mesh refuses and `MeshNotReachable` when it does not answer.
    """

    def __init__(self, url: str, token: str, *, timeout_seconds: float) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS)
        try:
            is_near = httpx.URL(self.url).host in _LOOPBACK  # a proxy for the outside must not see calls to ourselves
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=not is_near)
        except (httpx.InvalidURL, ValueError) as error:
            raise ClientError(
                f"{url!r} is not the address of a mesh; HEIMDEX_URL is e.g. http://127.0.0.1:8080"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json_body: Any = None
    ) -> dict[str, Any]:
        """Send a request whose body is JSON, or none; return the JSON object of the answer."""
        content = None if json_body is None else json.dumps(json_body).encode("utf-8")
        headers = {} if content is None else {"Content-Type": "application/json"}
        return self.send(method, path, params=params, headers=headers, content=content)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
        answer_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Send any body, in pieces if it comes so; return the JSON object of the answer."""
        timeout = self._http.timeout
        if answer_seconds is not None:
            timeout = httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        with self._reaching():
            answer = self._http.request(method, path, params=params, headers=headers, content=content, timeout=timeout)
        if answer.is_error:
            raise error_of(answer.status_code, answer.content)
        try:
            parsed = answer.json() if answer.content else {}
        except ValueError as error:
            raise ClientError(f"{self.url} answered {path} with something that is not JSON; is it a mesh?") from error
        if not answer.is_success or not isinstance(parsed, dict):
            raise ClientError(f"{self.url} answered {path} with HTTP {answer.status_code}; is it a mesh?")
        return parsed

    def content(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """Return the bytes of a small answer as they are."""
        with self._reaching():
            answer = self._http.get(path, params=params)
        if not answer.is_success:
            raise error_of(answer.status_code, answer.content)
        return answer.content

    def probe(self, path: str) -> tuple[bool, dict[str, Any]]:
        """Return whether a path answers with success, and what it says (empty when that is no JSON object)."""
        with self._reaching():
            answer = self._http.get(path)
        try:
            said = answer.json()
        except ValueError:
            said = {}
        return answer.is_success, said if isinstance(said, dict) else {}

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a stream of newline JSON until the mesh ends it; silence of 60 s ends it, too."""
        headers = {"Accept": "application/x-ndjson"}
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=CONNECT_SECONDS)
        with self._reaching(), self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.is_error:
                raise error_of(answer.status_code, answer.read())
            for line in answer.iter_lines():
                if line.strip():
                    yield _line(line)

    @contextlib.contextmanager
    def part(self, path: str, start: int) -> Iterator[Part]:
        """Open a file of the mesh from byte `start` on; a mesh that knows no ranges sends it from its begin.

        Raises:
            ClientError: the path would lead to another address, which must not see our token.
        """
        if not path.startswith("/") or path.startswith("//"):
            raise ClientError(f"{self.url} names a file at another address ({path[:80]}); is it a mesh?")
        # An encoded answer has another length than the file, and its bytes can not be counted from the middle.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=CONNECT_SECONDS)
        with self._reaching(), self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if not answer.is_success:
                raise error_of(answer.status_code, answer.read())
            found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
            length = answer.headers.get("content-length", "")
            begin = int(found[1]) if found and answer.status_code == httpx.codes.PARTIAL_CONTENT else 0
            total = int(found[3]) if found else int(length) if length.isdecimal() else None
            yield Part(begin, total, answer.iter_raw())  # as they come: none is held back

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


def _line(line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError as error:
        raise MeshNotReachable("the stream of changes broke in the middle of a line") from error
    if not isinstance(parsed, dict):
        raise ClientError("the stream of changes holds what is no object; is it a mesh?")
    if "error" in parsed and len(parsed) == 1:
        raise error_of(0, line.encode("utf-8"))
    return parsed
