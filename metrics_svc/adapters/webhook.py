"""Notifications over HTTP: one POST, no redirects, a deadline, and at most a short cut of what is answered."""

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

from metrics_svc.domain.alerts.webhook import MAX_ERROR_CHARS, Receiver, Reply

__all__ = ["HttpWebhook"]

_CONNECT_SECONDS = 5.0
_WHOLE_SECONDS = 10.0
_TALKATIVE = ("httpx", "httpcore")
"""Loggers that write every address down, secrets included."""
_AGENT = "heimdex-alerts/1"
_SHOWN_BYTES = 4 * MAX_ERROR_CHARS


class HttpWebhook:
    """Webhook over HTTP. Receivers on this machine are called directly, others as the environment says (proxies)."""

    def __init__(self, outside: httpx.AsyncClient, inside: httpx.AsyncClient, whole_seconds: float) -> None:
        self._outside = outside
        self._inside = inside
        self._whole_seconds = whole_seconds

    @classmethod
    @asynccontextmanager
    async def open(cls, *, whole_seconds: float = _WHOLE_SECONDS) -> AsyncIterator["HttpWebhook"]:
        """Open the clients; `whole_seconds` bounds an attempt from connecting to the last byte of the answer."""
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        timeout = httpx.Timeout(whole_seconds, connect=min(_CONNECT_SECONDS, whole_seconds))
        headers = {"user-agent": _AGENT, "accept-encoding": "identity"}
        async with (
            httpx.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False) as outside,
            httpx.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False, trust_env=False) as inside,
        ):
            yield cls(outside, inside, whole_seconds)

    async def post(self, receiver: Receiver, body: bytes, headers: dict[str, str]) -> Reply:
        """Make one attempt; every failure is a reply, never an error. The address is in none: it may hold a secret."""
        client = self._inside if _is_here(receiver.url) else self._outside
        try:
            async with (
                asyncio.timeout(self._whole_seconds),
                client.stream("POST", receiver.url, content=body, headers=headers) as answer,
            ):
                if answer.is_success:
                    return Reply(answer.status_code)
                return Reply(answer.status_code, _shown(answer, await _beginning(answer)))
        except TimeoutError:
            return Reply(None, f"no answer within {self._whole_seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            return Reply(None, type(error).__name__)


async def _beginning(answer: httpx.Response) -> bytes:
    """Return the first bytes of an answer and leave the rest unread."""
    kept = b""
    async for piece in answer.aiter_raw():
        kept += piece[:_SHOWN_BYTES]
        if len(kept) >= _SHOWN_BYTES:
            break
    return kept[:_SHOWN_BYTES]


def _shown(answer: httpx.Response, beginning: bytes) -> str:
    text = beginning.decode("utf-8", "replace")
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return f"HTTP {answer.status_code} {words}".strip()[:MAX_ERROR_CHARS]


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
