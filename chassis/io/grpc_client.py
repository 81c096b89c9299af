"""Calls to another service: a deadline always, correlation and identity onward, errors as ours."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc

from chassis.io import correlation
from chassis.io.grpc_status import error_from_rpc

__all__ = ["GrpcClient", "caller_token"]

StubT = TypeVar("StubT")
_OPTIONS = (
    ("grpc.max_receive_message_length", 32 << 20),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)


def caller_token(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """Return the bearer token that the present call came with, to call on in the user's name; empty if none."""
    for name, value in context.invocation_metadata() or ():
        if name == "authorization" and isinstance(value, str):
            return value.partition(" ")[2]
    return ""


class GrpcClient:
    """One channel to one service, with this service's own identity."""

    def __init__(self, address: str, *, token: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._token = token

    def stub(self, stub_class: Callable[[Any], StubT]) -> StubT:
        """Return a stub on this channel."""
        return stub_class(self._channel)

    async def call(self, method: Any, request: Any, *, timeout_seconds: float, token: str = "") -> Any:
        """Call a unary method of a stub.

        Raises:
            HeimdexError: what the other side answered, or UpstreamUnavailable, or DeadlineExceeded.
        """
        try:
            return await method(request, timeout=timeout_seconds, metadata=self._metadata(token), wait_for_ready=False)
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from error

    async def stream(self, method: Any, request: Any, *, timeout_seconds: float, token: str = "") -> AsyncIterator[Any]:
        """Call a server-streaming method of a stub and yield what it answers.

        Raises:
            HeimdexError: what the other side answered, or UpstreamUnavailable, or DeadlineExceeded.
        """
        try:
            async for response in method(request, timeout=timeout_seconds, metadata=self._metadata(token)):
                yield response
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from error

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _metadata(self, token: str) -> tuple[tuple[str, str], ...]:
        return (
            ("authorization", f"Bearer {token or self._token}"),
            (correlation.METADATA_KEY, correlation.current() or correlation.new_id()),
        )
