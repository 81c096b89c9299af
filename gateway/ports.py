"""What the gateway's handlers see of the two worlds outside: a request, a reply, and the services behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor

__all__ = [
    "Bindings",
    "ByteStream",
    "Call",
    "CallContext",
    "Endpoint",
    "Handler",
    "Health",
    "Part",
    "Reply",
    "Request",
    "StreamReply",
    "Upstream",
]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body; it must be read before the next is asked for.

    Attributes:
        name: Form field.
        filename: As the client named it; empty for a plain field.
        mime_type: Declared type, or empty.
        chunks: Its bytes.
    """

    name: str
    filename: str
    mime_type: str
    chunks: AsyncIterator[bytes]


class Request(Protocol):
    """One HTTP request; nothing in it has been decoded."""

    @property
    def method(self) -> str:
        """Upper-case method."""

    @property
    def raw_path(self) -> str:
        """Path as it came, percent-encoded."""

    @property
    def raw_query(self) -> str:
        """Query as it came, without `?`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; look-up ignores case."""

    @property
    def content_length(self) -> int | None:
        """Declared length of the body in bytes; None when it is not known."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Read the body piece by piece, at most 1 MiB each; once.

        Raises:
            Problem: The body ends early, or stands still for too long.
        """

    def parts(self) -> AsyncIterator[Part]:
        """Read a multipart/form-data body part by part; once, and instead of `chunks`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Attributes:
        status: HTTP status.
        body: Whole body.
        content_type: Its type; empty for no body.
        headers: Further fields.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StreamReply:
    """An answer in pieces; each is flushed on its own. The server closes `chunks` when the client goes away.

    Attributes:
        status: HTTP status.
        chunks: The pieces.
        content_type: Type of the body.
        headers: Further fields; with Content-Length the body is not chunked.
    """

    status: int
    chunks: ByteStream
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


Bindings = tuple[tuple[tuple[str, ...], str], ...]
Handler = Callable[[Request, Bindings], Awaitable[Reply | StreamReply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a path leads to.

    Attributes:
        label: Its template; the bounded name of it in metrics and logs.
        handler: Answers its requests.
    """

    label: str
    handler: Handler


class ByteStream(Protocol):
    """Bytes that come in pieces and may be given up half-way."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Begin; once."""

    async def aclose(self) -> None:
        """Give up, also before the first piece; frees what is behind it."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """What travels with a call.

    Attributes:
        metadata: gRPC metadata.
        timeout_seconds: Time left; None for no deadline.
    """

    metadata: tuple[tuple[str, str], ...]
    timeout_seconds: float | None


class Call(Protocol):
    """A call under way. Every method raises `Problem` with the service's own status."""

    async def send(self, message: Any) -> None:
        """Send one request message and wait until there is room for the next."""

    async def done_sending(self) -> None:
        """Say that no more requests follow."""

    async def read(self) -> Any | None:
        """Read one response message; None after the last."""

    def cancel(self) -> None:
        """End the call; harmless when it has ended."""


@dataclass(frozen=True, slots=True)
class Health:
    """Readiness of one backend.

    Attributes:
        name: The packages it serves, or `backend`.
        address: Its host:port.
        is_serving: It answered SERVING.
        reason: Why not; empty when it serves.
    """

    name: str
    address: str
    is_serving: bool
    reason: str = ""


class Upstream(Protocol):
    """The gRPC services."""

    async def unary(self, method: MethodDescriptor, message: Any, context: CallContext) -> Any:
        """Make a unary call; cancelling the task cancels the call.

        Raises:
            Problem: With the service's own status.
        """

    def open(self, method: MethodDescriptor, context: CallContext) -> Call:
        """Begin a call of any streaming kind."""

    async def health(self, timeout_seconds: float) -> tuple[Health, ...]:
        """Ask every backend for its health, side by side."""
