"""The messages of a streaming call as pieces of an HTTP body, each flushed on its own.

Before the first piece an error is an HTTP status. After it the status is gone, so the error is the last piece:
`{"error": <google.rpc.Status>}` as a line, or an SSE event named `error`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Protocol

from google.protobuf.descriptor import FieldDescriptor

from gateway.domain.json_codec import JsonCodec, encode
from gateway.domain.status_map import Problem
from gateway.ports import Call
from gateway.problems import status_value

__all__ = ["Frames", "MessageStream", "NdjsonFrames", "RawFrames", "SseFrames"]

HEARTBEAT_SECONDS = 15.0
HEAD_WAIT_SECONDS = 0.5


class Frames(Protocol):
    """How messages are cut into pieces."""

    head_wait_seconds: float | None
    heartbeat_seconds: float | None

    def content_type(self, first: Any | None) -> str:
        """Content type of the whole body."""

    def message(self, message: Any) -> bytes:
        """One message as a piece."""

    def error(self, problem: Problem) -> bytes | None:
        """The last piece of a stream that broke; None when the connection must break instead."""

    def heartbeat(self) -> bytes:
        """A piece that says nothing."""


class NdjsonFrames:
    """One JSON value per line."""

    head_wait_seconds: float | None = HEAD_WAIT_SECONDS
    heartbeat_seconds: float | None = None

    def __init__(self, codec: JsonCodec, response_body: FieldDescriptor | None) -> None:
        self._codec = codec
        self._response_body = response_body

    def content_type(self, first: Any | None) -> str:  # noqa: ARG002 - part of the protocol
        """Content type of the body."""
        return "application/x-ndjson"

    def message(self, message: Any) -> bytes:
        """Frame one message."""
        return self._codec.dump(message, self._response_body) + b"\n"

    def error(self, problem: Problem) -> bytes | None:
        """Frame the error that ends the stream."""
        return encode({"error": status_value(problem, self._codec)}) + b"\n"

    def heartbeat(self) -> bytes:
        """Frame a sign of life."""
        return b"\n"


class SseFrames(NdjsonFrames):
    """Server-sent events, with a comment every HEARTBEAT_SECONDS of silence."""

    heartbeat_seconds: float | None = HEARTBEAT_SECONDS

    def content_type(self, first: Any | None) -> str:  # noqa: ARG002 - part of the protocol
        """Content type of the body."""
        return "text/event-stream"

    def message(self, message: Any) -> bytes:
        """Frame one message."""
        return b"data: " + self._codec.dump(message, self._response_body) + b"\n\n"

    def error(self, problem: Problem) -> bytes | None:
        """Frame the error that ends the stream."""
        return b"event: error\ndata: " + encode(status_value(problem, self._codec)) + b"\n\n"

    def heartbeat(self) -> bytes:
        """Frame a sign of life."""
        return b": still here\n\n"


class RawFrames:
    """The data of google.api.HttpBody; the first message says its type."""

    head_wait_seconds: float | None = None
    heartbeat_seconds: float | None = None

    def __init__(self, response_body: FieldDescriptor | None) -> None:
        self._response_body = response_body

    def content_type(self, first: Any | None) -> str:
        """Content type of the body."""
        declared = "" if first is None else str(self._body(first).content_type)
        return declared or "application/octet-stream"

    def message(self, message: Any) -> bytes:
        """Frame one message."""
        return bytes(self._body(message).data)

    def error(self, problem: Problem) -> bytes | None:  # noqa: ARG002 - a file that broke must not look whole
        """Frame the error that ends the stream."""
        return None

    def heartbeat(self) -> bytes:
        """Frame a sign of life."""
        return b""

    def _body(self, message: Any) -> Any:
        return message if self._response_body is None else getattr(message, self._response_body.name)


class MessageStream:
    """An async iterator of pieces that owns its call: closing it cancels the call, also before the first piece."""

    def __init__(self, call: Call, frames: Frames) -> None:
        self._call = call
        self._frames = frames
        self._pending: asyncio.Task[Any | None] | None = None
        self._feeder: asyncio.Task[None] | None = None
        self._is_over = False
        self.content_type = ""

    def feed(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send the requests of a bidirectional call beside reading; its task ends with this stream."""
        self._feeder = asyncio.create_task(sending)

    async def wait_for_head(self) -> None:
        """Wait for the first message, but not for long: a client of a quiet stream wants to see its headers.

        Raises:
            Problem: The call ended in an error before its first message.
        """
        self._pending = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait({self._pending}, timeout=self._frames.head_wait_seconds)
            first = self._pending.result() if done else None
        except BaseException:
            await self.aclose()
            raise
        self.content_type = self._frames.content_type(first)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        if self._pending is None:
            self._pending = asyncio.create_task(self._read())
        done, _ = await asyncio.wait({self._pending}, timeout=self._frames.heartbeat_seconds)
        if not done:
            return self._frames.heartbeat()
        task, self._pending = self._pending, None
        try:
            message = task.result()
        except Problem as problem:
            self._is_over = True
            piece = self._frames.error(problem)
            if piece is None:
                raise
            return piece
        if message is None:
            self._is_over = True
            raise StopAsyncIteration
        return self._frames.message(message)

    async def aclose(self) -> None:
        """Cancel the call and end its tasks."""
        self._is_over = True
        self._call.cancel()
        tasks = [task for task in (self._pending, self._feeder) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # seen; the call is over for the client in any case

    async def _read(self) -> Any | None:
        """Read a message; a fault of the requests (bad JSON in line 7) is the stream's own error."""
        feeder = self._feeder
        if feeder is None:
            return await self._call.read()
        if feeder.done() and not feeder.cancelled() and feeder.exception() is not None:
            feeder.result()
        reading = asyncio.create_task(self._call.read())
        try:
            await asyncio.wait({reading} if feeder.done() else {reading, feeder}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done() and feeder.exception() is not None:
                feeder.result()
            return await reading
        finally:
            reading.cancel()
