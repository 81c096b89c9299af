"""gRPC calls by method descriptor; the only file that sees grpc."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # the stubs leave it out
from grpc_health.v1 import health_pb2

from gateway.domain.status_map import Code, Problem
from gateway.ports import Call, CallContext, Health

__all__ = ["GrpcUpstream"]

_STATUS_DETAILS_KEY = "grpc-status-details-bin"
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    # A service that comes back is found within seconds, not after gRPC's two minutes of back-off.
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.enable_http_proxy", 0),
)


class GrpcUpstream:
    """Channels to the backends, one per address; calls are cached per method.

    Args:
        default_address: host:port of every package that has no address of its own; None refuses them.
        addresses: Package to host:port.
    """

    def __init__(self, default_address: str | None, addresses: Mapping[str, str]) -> None:
        self._default = default_address
        self._addresses = dict(addresses)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._callables: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        wanted = {*self._addresses.values(), *([self._default] if self._default else [])}
        for address in sorted(wanted):
            self._channels[address] = grpc.aio.insecure_channel(address, options=list(_OPTIONS))
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def unary(self, method: MethodDescriptor, message: Any, context: CallContext) -> Any:
        """Make a unary call; cancelling the task cancels the call.

        Raises:
            Problem: With the service's own status.
        """
        call = self._callable(method)(message, metadata=context.metadata, timeout=context.timeout_seconds)
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise _problem(error) from error

    def open(self, method: MethodDescriptor, context: CallContext) -> Call:
        """Begin a call of any kind.

        Raises:
            Problem: No backend serves the method's package.
        """
        return _GrpcCall(self._callable(method), method, context)

    async def health(self, timeout_seconds: float) -> tuple[Health, ...]:
        """Ask every backend for its health, side by side, within `timeout_seconds`."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_health(self._name(address), address, channel, timeout_seconds))
                for address, channel in self._channels.items()
            ]
        return tuple(task.result() for task in tasks)

    def _name(self, address: str) -> str:
        """Name a backend by the packages it serves."""
        return ", ".join(package for package, home in self._addresses.items() if home == address) or "backend"

    def _callable(self, method: MethodDescriptor) -> Any:
        cached = self._callables.get(method.full_name)
        if cached is None:
            service = method.containing_service
            address = self._addresses.get(service.file.package, self._default)
            if address is None:
                raise Problem(Code.UNIMPLEMENTED, f"no backend serves {service.full_name}")
            kind = f"{_side(is_stream=method.client_streaming)}_{_side(is_stream=method.server_streaming)}"
            cached = getattr(self._channels[address], kind)(
                f"/{service.full_name}/{method.name}",
                request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
            )
            self._callables[method.full_name] = cached
        return cached


class _GrpcCall:
    """One call of any streaming kind behind one face."""

    def __init__(self, make: Any, method: MethodDescriptor, context: CallContext) -> None:
        self._make = make
        self._sends_many = method.client_streaming
        self._reads_many = method.server_streaming
        self._arguments = {"metadata": context.metadata, "timeout": context.timeout_seconds}
        self._call: Any = make(**self._arguments) if self._sends_many else None
        self._is_read = False
        self._is_connected = False

    async def send(self, message: Any) -> None:
        """Send one request message; waits for room."""
        if not self._sends_many:
            self._call = self._make(message, **self._arguments)
            return
        if self._call.done():  # the service has answered before it had everything
            raise await self._early_end()
        try:
            if not self._is_connected:
                await self._call.wait_for_connection()
                self._is_connected = True
            # Not `write`: when the service ends the call while a message is on its way, `write` overwrites the
            # service's status with INTERNAL "Internal error from Core" (4 of 15 refused uploads), and a 401 is lost.
            await self._call._cython_call.send_serialized_message(message.SerializeToString())  # noqa: SLF001
        except grpc.aio.AioRpcError as error:
            raise _problem(error) from error
        except cygrpc.InternalError as error:
            raise await self._early_end() from error

    async def done_sending(self) -> None:
        """Say that no more requests follow."""
        if self._sends_many:
            try:
                await self._call.done_writing()
            except grpc.aio.AioRpcError as error:
                raise _problem(error) from error
            except (asyncio.InvalidStateError, cygrpc.InternalError) as error:
                raise await self._early_end() from error

    async def read(self) -> Any | None:
        """Read one response message; None after the last."""
        try:
            if self._reads_many:
                message = await self._call.read()
                return None if message is grpc.aio.EOF else message
            if self._is_read:
                return None
            self._is_read = True
            return await self._call
        except grpc.aio.AioRpcError as error:
            raise _problem(error) from error

    def cancel(self) -> None:
        """End the call."""
        if self._call is not None:
            self._call.cancel()

    async def _early_end(self) -> Problem:
        code = await self._call.code()
        if code == grpc.StatusCode.OK:
            return Problem(Code.ABORTED, "the service ended the call before the request was complete")
        return _status_problem(code, await self._call.details(), await self._call.trailing_metadata())


async def _health(name: str, address: str, channel: grpc.aio.Channel, timeout_seconds: float) -> Health:
    check: Any = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = await check(health_pb2.HealthCheckRequest(), timeout=timeout_seconds)
    except grpc.aio.AioRpcError as error:
        return Health(name, address, is_serving=False, reason=f"{error.code().name}: {error.details()}")
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    is_serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return Health(name, address, is_serving, "" if is_serving else status)


def _side(*, is_stream: bool) -> str:
    return "stream" if is_stream else "unary"


def _problem(error: grpc.aio.AioRpcError) -> Problem:
    return _status_problem(error.code(), error.details(), error.trailing_metadata())


def _status_problem(code: grpc.StatusCode, details: str | None, trailers: Any) -> Problem:
    packed = next((value for key, value in trailers or () if key == _STATUS_DETAILS_KEY), b"")
    return Problem(int(code.value[0]), details or "", status_bytes=bytes(packed))
