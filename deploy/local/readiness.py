"""Questions about readiness: each probe answers None when its process is ready, else the reason in a few words."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from deploy.local.addresses import Address

__all__ = ["Probe", "answer_probe", "http_probe", "http_status", "nats_probe", "postgres_probe"]

Probe = Callable[[int], Awaitable[str | None]]
"""Given the pid of the process, None when it is ready, else why not."""

_ANSWER_SECONDS = 2.0
_MAX_ANSWER_BYTES = 64 * 1024
_STATUS_LINE = 7
"""Index in postmaster.pid of the line that says `ready` (PostgreSQL pads it with blanks)."""


async def http_status(address: Address, path: str) -> tuple[int, bytes]:
    """GET a small page over plain HTTP; return (status, body, at most 64 KiB).

    Raises:
        OSError: if nobody answers (TimeoutError, after 2 s, is one).
        ValueError: if the answer is not HTTP.
    """
    async with asyncio.timeout(_ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode("ascii"))
            head, _, body = (await _read_all(reader)).partition(b"\r\n\r\n")
        finally:
            writer.close()
    words = head.split(b" ", 2)
    if not words[0].startswith(b"HTTP/") or len(words) == 1:
        raise ValueError("not an HTTP answer")
    return int(words[1]), body


def http_probe(address: Callable[[], Address], path: str) -> Probe:
    """Ready when GET answers 200; a 503 gives its body as the reason."""

    async def probe(_pid: int) -> str | None:
        try:
            status, body = await http_status(address(), path)
        except (OSError, ValueError) as silence:
            return f"no answer on {address()}{path} ({type(silence).__name__})"
        return None if status == HTTPStatus.OK else body.decode("utf-8", "replace").strip()[:500] or f"HTTP {status}"

    return probe


def answer_probe(address: Callable[[], Address]) -> Probe:
    """Alive when GET /healthz is answered, with whatever status."""

    async def probe(_pid: int) -> str | None:
        try:
            await http_status(address(), "/healthz")
        except (OSError, ValueError) as silence:
            return f"no answer on {address()} ({type(silence).__name__})"
        return None

    return probe


def nats_probe(monitor: Callable[[], Address], server_name: str) -> Probe:
    """Ready when the server that answers is ours by name and says that JetStream is up."""
    healthy = http_probe(monitor, "/healthz?js-server-only=true")

    async def probe(pid: int) -> str | None:
        reason = await healthy(pid)
        if reason is not None:
            return reason
        try:
            _, body = await http_status(monitor(), "/varz")
            answering = json.loads(body).get("server_name")
        except (OSError, ValueError) as silence:
            return f"no answer ({type(silence).__name__})"
        return None if answering == server_name else f"port {monitor().port} is answered by another NATS server"

    return probe


def postgres_probe(data: Path) -> Probe:
    """Ready when postmaster.pid names our pid and says so: `pg_isready` may be answered by somebody else's server."""

    async def probe(pid: int) -> str | None:
        try:
            lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "has not written postmaster.pid"
        if not lines or lines[0].strip() != str(pid):
            return "postmaster.pid names another process"
        status = lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else "starting"
        return None if status == "ready" else status

    return probe


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    answer = bytearray()
    while len(answer) < _MAX_ANSWER_BYTES:
        chunk = await reader.read(_MAX_ANSWER_BYTES - len(answer))
        if not chunk:
            break
        answer += chunk
    return bytes(answer)
