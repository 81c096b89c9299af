"""One HTTP request becomes one RPC of any kind, and its answer becomes HTTP again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chassis.io import correlation
from gateway.domain.binding import bind
from gateway.domain.json_codec import JsonCodec, encode, load_json
from gateway.domain.request_context import call_metadata, parse_grpc_timeout
from gateway.domain.status_map import Code, Problem
from gateway.message_stream import MessageStream, NdjsonFrames, RawFrames, SseFrames
from gateway.ports import Bindings, Call, CallContext, Endpoint, Reply, Request, StreamReply, Upstream
from gateway.routes import Route
from gateway.tables import Renderer

__all__ = ["Transcoder", "call_context", "read_body"]

_UNKNOWN_TYPE = "application/octet-stream"


def call_context(request: Request, default_timeout_seconds: float | None) -> CallContext:
    """Build what travels with the call of a request; `grpc-timeout` beats the default.

    Raises:
        Problem: A header can not be read.
    """
    metadata = (*call_metadata(request.headers), (correlation.METADATA_KEY, correlation.current()))
    text = request.headers.get("grpc-timeout")
    return CallContext(metadata, default_timeout_seconds if text is None else parse_grpc_timeout(text))


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read a whole body.

    Raises:
        Problem: It is larger than `max_bytes`: 413.
    """
    too_large = Problem(
        Code.RESOURCE_EXHAUSTED,
        f"the body is larger than {max_bytes} bytes",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )
    if request.content_length is not None and request.content_length > max_bytes:
        raise too_large
    pieces: list[bytes] = []
    total = 0
    async for piece in request.chunks():
        total += len(piece)
        if total > max_bytes:
            raise too_large
        pieces.append(piece)
    return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Transcoder:
    """Answers the routes of a descriptor set.

    Attributes:
        upstream: Makes the calls.
        codec: Prints the answers.
        max_body_bytes: Limit of a JSON body, and of one line of a streamed one.
        unary_timeout_seconds: Deadline of calls without `grpc-timeout`; streams have none.
    """

    upstream: Upstream
    codec: JsonCodec
    max_body_bytes: int
    unary_timeout_seconds: float

    def endpoint(self, route: Route) -> Endpoint:
        """Make the endpoint of a route."""

        async def handle(request: Request, values: Bindings) -> Reply | StreamReply:
            if route.rpc.server_streaming:
                return await self._server_stream(route, request, values)
            if route.rpc.client_streaming:
                return await self._client_stream(route, request, values)
            return await self._unary(route, request, values)

        return Endpoint(route.template.text, handle)

    async def _unary(self, route: Route, request: Request, values: Bindings) -> Reply:
        if route.renderer is not None:
            return await self._rendered(route, route.renderer, request, values)
        message = await self._message(route, request, values, request.raw_query)
        context = call_context(request, self.unary_timeout_seconds)
        return self._reply(route, await self.upstream.unary(route.rpc, message, context))

    async def _rendered(self, route: Route, renderer: Renderer, request: Request, values: Bindings) -> Reply:
        """Answer as a file when the query asks for one."""
        asked = renderer.read(request.raw_query)
        message = await self._message(route, request, values, asked.query)
        context = call_context(request, self.unary_timeout_seconds)
        if not asked.file_format:
            return self._reply(route, await self.upstream.unary(route.rpc, message, context))
        file = await self.upstream.unary(renderer.rpc, renderer.request(message, asked.file_format), context)
        headers = renderer.headers(request.raw_path, asked.file_format)
        return Reply(HTTPStatus.OK, file.data, file.content_type or _UNKNOWN_TYPE, headers)

    async def _client_stream(self, route: Route, request: Request, values: Bindings) -> Reply:
        call = self.upstream.open(route.rpc, call_context(request, None))
        try:
            await self._send_all(call, route, request, values)
            answer = await call.read()
        finally:
            call.cancel()
        return self._reply(route, answer)

    async def _server_stream(self, route: Route, request: Request, values: Bindings) -> StreamReply:
        context = call_context(request, None)
        if route.rpc.client_streaming:
            call = self.upstream.open(route.rpc, context)
            stream = MessageStream(call, self._frames(route, request))
            stream.feed(self._send_all(call, route, request, values))
        else:
            message = await self._message(route, request, values, request.raw_query)
            call = self.upstream.open(route.rpc, context)
            await call.send(message)
            stream = MessageStream(call, self._frames(route, request))
        await stream.wait_for_head()  # an error before the first message still has its HTTP status
        return StreamReply(HTTPStatus.OK, stream, stream.content_type, (("X-Accel-Buffering", "no"),))

    def _frames(self, route: Route, request: Request) -> NdjsonFrames | SseFrames | RawFrames:
        if route.raw_response:
            return RawFrames(route.response_body)
        wants_events = "text/event-stream" in request.headers.get("accept", "").lower()
        return (SseFrames if wants_events else NdjsonFrames)(self.codec, route.response_body)

    async def _message(self, route: Route, request: Request, values: Bindings, query: str) -> Any:
        body = await read_body(request, self.max_body_bytes) if route.binding.takes_body else b""
        return bind(route.binding, values, query, body, request.headers.get("content-type", ""))

    async def _send_all(self, call: Call, route: Route, request: Request, values: Bindings) -> None:
        """Send a streamed body message by message; path and query belong to the first."""
        content_type = request.headers.get("content-type", "")
        query = request.raw_query
        async for body in self._bodies(route, request):
            await call.send(bind(route.binding, values, query, body, content_type))
            values, query = (), ""
        await call.done_sending()

    async def _bodies(self, route: Route, request: Request) -> AsyncIterator[bytes]:
        if route.binding.is_raw:
            async for chunk in request.chunks():
                yield chunk
            return
        rest = b""
        async for chunk in request.chunks():
            rest += chunk
            if not rest.lstrip().startswith(b"["):
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    if line.strip():
                        yield line
            if len(rest) > self.max_body_bytes:
                raise Problem(
                    Code.RESOURCE_EXHAUSTED,
                    f"a message is larger than {self.max_body_bytes} bytes",
                    status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                )
        for item in _tail(rest):
            yield item

    def _reply(self, route: Route, answer: Any) -> Reply:
        if not route.raw_response:
            return Reply(HTTPStatus.OK, self.codec.dump(answer, route.response_body))
        raw = answer if route.response_body is None else getattr(answer, route.response_body.name)
        return Reply(HTTPStatus.OK, raw.data, raw.content_type or _UNKNOWN_TYPE)


def _tail(rest: bytes) -> list[bytes]:
    """The last line of a streamed body, or the elements of one JSON list."""
    if not rest.strip():
        return []
    value = load_json(rest)
    return [encode(item) for item in value] if isinstance(value, list) else [rest]
