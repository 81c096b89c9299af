"""HTTP/1.1 through aiohttp's low-level server; the only file that sees HTTP bytes.

No framework routing, no body buffering: the handler gets the raw target and a body it reads at its own pace. A client
that goes away cancels its handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from aiohttp import http_exceptions, web

from chassis.io import correlation
from chassis.io.logs import get_logger
from gateway.domain.status_map import CLIENT_CLOSED_REQUEST, Code, Problem
from gateway.ports import Part, Reply, StreamReply

__all__ = ["HttpLimits", "HttpServer", "Observe", "Respond"]

_log = get_logger(__name__)
_READ_BUFFER_BYTES = 256 * 1024
_MAX_PIECE_BYTES = 1 << 20

Piece = TypeVar("Piece")
Respond = Callable[["AioRequest"], Awaitable[tuple[str, Reply | StreamReply]]]
Observe = Callable[[str, str, int, float], None]


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one connection.

    Attributes:
        max_line_bytes: Request line.
        max_header_bytes: One header field.
        body_idle_seconds: Longest silence inside a body.
        grace_seconds: For requests in hand when the server stops.
    """

    max_line_bytes: int = 16 * 1024
    max_header_bytes: int = 16 * 1024
    body_idle_seconds: float = 60.0
    grace_seconds: float = 3.0


class AioRequest:
    """A request as `gateway.ports.Request`."""

    def __init__(self, raw: web.BaseRequest, body_idle_seconds: float) -> None:
        target = raw.raw_path
        if "://" in target.partition("?")[0]:  # absolute form, as sent to proxies
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("#")[0].partition("?")
        self.method = raw.method
        self.raw_path = path
        self.raw_query = query
        self.headers: Mapping[str, str] = raw.headers
        self.content_length = raw.content_length
        self._raw = raw
        self._idle_seconds = body_idle_seconds

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read the body piece by piece."""
        await self._continue()
        while piece := await self._guard(self._raw.content.readany):
            for start in range(0, len(piece), _MAX_PIECE_BYTES):
                yield piece[start : start + _MAX_PIECE_BYTES]

    async def parts(self) -> AsyncIterator[Part]:
        """Read a multipart body part by part."""
        await self._continue()
        try:
            reader = aiohttp.MultipartReader(self._raw.headers, self._raw.content)
        except (ValueError, AssertionError) as error:
            raise _broken(error) from error
        while (part := await self._guard(reader.next)) is not None:
            if not isinstance(part, aiohttp.BodyPartReader):
                raise Problem(Code.INVALID_ARGUMENT, "nested multipart bodies are not read")
            mime_type = part.headers.get("Content-Type", "").partition(";")[0]
            yield Part(part.name or "", part.filename or "", mime_type, self._part_chunks(part))

    async def _part_chunks(self, part: aiohttp.BodyPartReader) -> AsyncIterator[bytes]:
        while piece := await self._guard(lambda: part.read_chunk(_READ_BUFFER_BYTES)):
            yield bytes(piece)

    async def _continue(self) -> None:
        """Ask for the body only when it is wanted (RFC 9110, 10.1.1); curl waits a second for this."""
        if self.headers.get("Expect", "").lower() == "100-continue" and self._raw.version >= aiohttp.HttpVersion11:
            transport = self._raw.transport
            if transport is not None:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _guard(self, read: Callable[[], Awaitable[Piece]]) -> Piece:
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await read()
        except TimeoutError as error:
            raise Problem(Code.DEADLINE_EXCEEDED, "the body stood still for too long", status=408) from error
        except (aiohttp.ClientError, http_exceptions.HttpProcessingError, ConnectionError, ValueError) as error:
            raise _broken(error) from error


class HttpServer:
    """Listens from the end of `start` to the end of `stop`."""

    def __init__(self, respond: Respond, observe: Observe, limits: HttpLimits | None = None) -> None:
        self._respond = respond
        self._observe = observe
        self._limits = limits or HttpLimits()
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Bind and listen; returns the bound address, so port 0 works.

        Raises:
            OSError: The port is taken.
        """
        server = _Server(
            self._serve,
            handler_cancellation=True,
            access_log=None,
            max_line_size=self._limits.max_line_bytes,
            max_field_size=self._limits.max_header_bytes,
            read_bufsize=_READ_BUFFER_BYTES,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=self._limits.grace_seconds)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1024).start()
        address = self._runner.addresses[0]
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Take no more requests, finish those in hand within the grace period, cancel the rest."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        started = time.monotonic()
        given = raw.headers.get(correlation.METADATA_KEY) or raw.headers.get("x-request-id")
        with correlation.bound_to(given) as correlation_id:
            route, status = "unmatched", CLIENT_CLOSED_REQUEST
            try:
                route, reply = await self._respond(AioRequest(raw, self._limits.body_idle_seconds))
                status = reply.status
                return await _send(raw, reply, correlation_id)
            finally:
                self._observe(route, raw.method, status, time.monotonic() - started)


class _Protocol(web.RequestHandler):
    """Answers what is not even HTTP in the same form as every other error."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be parsed."""
        _log.debug("a request could not be read", status=status, error=repr(exc), detail=message)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        code = Code.INTERNAL if status >= 500 else Code.INVALID_ARGUMENT  # noqa: PLR2004 - an HTTP class
        words = "internal error" if status >= 500 else "the request is not valid HTTP"  # noqa: PLR2004
        body = f'{{"code":{int(code)},"message":"{words}","details":[]}}'
        response = web.Response(status=status, text=body, content_type="application/json", headers=_SAFE)
        response.force_close()
        return response


class _Server(web.Server):
    """Makes our protocol instead of aiohttp's."""

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of one connection."""
        return _Protocol(self, loop=self._loop, **self._kwargs)


_SAFE = {"X-Content-Type-Options": "nosniff", "Server": "heimdex"}


async def _send(raw: web.BaseRequest, reply: Reply | StreamReply, correlation_id: str) -> web.StreamResponse:
    headers = {**_SAFE, "Cache-Control": "no-store", correlation.METADATA_KEY: correlation_id}
    if "x-request-id" in raw.headers:
        headers["x-request-id"] = raw.headers["x-request-id"]
    if reply.content_type:
        headers["Content-Type"] = reply.content_type
    headers.update(reply.headers)
    if isinstance(reply, Reply):
        return web.Response(status=reply.status, body=reply.body, headers=headers)
    response = web.StreamResponse(status=reply.status, headers=headers)
    async with contextlib.aclosing(reply.chunks):
        await response.prepare(raw)
        try:
            async for piece in reply.chunks:
                await response.write(piece)
        except Problem as problem:  # the head is gone: only a broken connection still tells the truth
            _log.warning("a stream broke after its head", code=int(problem.code), detail=problem.message)
            if raw.transport is not None:
                raw.transport.abort()
            return response
        await response.write_eof()
    return response


def _broken(error: Exception) -> Problem:
    return Problem(Code.INVALID_ARGUMENT, f"the body can not be read: {type(error).__name__}")
