"""A gRPC server with health, identity, correlation and a guard that lets no exception text out."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from chassis.core.errors import BORDERS, HeimdexError, Unauthenticated, border_of
from chassis.io import correlation, logs, metrics
from chassis.io.grpc_status import DETAILS_KEY, status_from_error
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, principal_var

__all__ = ["HealthReporter", "serve_grpc"]

_log = logs.get_logger(__name__)
_OPEN_PREFIXES = ("/grpc.health.v1.Health/", "/grpc.reflection.")
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.max_send_message_length", 32 << 20),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)


class _Guard(grpc.aio.ServerInterceptor):
    """Verifies the caller, binds correlation and logs, and turns every exception into a status."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(_OPEN_PREFIXES):
            return handler
        wrap: Callable[..., Any]
        if handler.response_streaming:
            wrap = self._stream(handler.stream_stream or handler.unary_stream, method)
            kind = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
        else:
            wrap = self._unary(handler.stream_unary or handler.unary_unary, method)
            kind = (
                grpc.stream_unary_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_unary_rpc_method_handler
            )
        return kind(wrap, handler.request_deserializer, handler.response_serializer)

    def _unary(self, behaviour: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            with _call(context, method) as call:
                try:
                    self._authenticate(context)
                    return await behaviour(request, context)
                except Exception as error:  # noqa: BLE001  # nothing may pass the guard
                    await _abort(context, error, call)

        return guarded

    def _stream(self, behaviour: Callable[..., AsyncIterator[Any]], method: str) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            with _call(context, method) as call:
                try:
                    self._authenticate(context)
                    async for response in behaviour(request, context):
                        yield response
                except Exception as error:  # noqa: BLE001  # nothing may pass the guard
                    await _abort(context, error, call)

        return guarded

    def _authenticate(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        principal_var.set(None)
        header = _metadata_value(context, "authorization")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("a bearer token is required", reason="TOKEN_REQUIRED")
        principal_var.set(self._verifier.verify(token.strip()))


class _Call:
    __slots__ = ("code", "method")

    def __init__(self, method: str) -> None:
        self.method = method
        self.code = "OK"


@contextmanager
def _call(context: grpc.aio.ServicerContext[Any, Any], method: str) -> Any:
    call, started = _Call(method), time.perf_counter()
    with correlation.bound_to(_metadata_value(context, correlation.METADATA_KEY)):
        try:
            yield call
        except grpc.aio.AbortError:
            raise
        except BaseException:
            call.code = "CANCELLED"
            raise
        finally:
            metrics.RPC_DURATION.labels(method, call.code).observe(time.perf_counter() - started)


def _metadata_value(context: grpc.aio.ServicerContext[Any, Any], key: str) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == key:
            return value.decode("latin-1") if isinstance(value, bytes) else value
    return ""


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception, call: _Call) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    name = call.code = border_of(error).grpc_code
    if not isinstance(error, HeimdexError) or border_of(error) is BORDERS[HeimdexError]:
        _log.error("a call ended in a bug", exc_info=error, method=call.method)
    status = status_from_error(error)
    await context.abort(getattr(grpc.StatusCode, name), status.message, ((DETAILS_KEY, status.SerializeToString()),))


class HealthReporter(health_aio.HealthServicer):
    """Answers grpc.health.v1 from the live state instead of from what was set last."""

    def __init__(self, health: Health) -> None:
        super().__init__()
        self._health = health

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:  # noqa: ARG002
        """Return SERVING when nothing is at fault."""
        serving = health_pb2.HealthCheckResponse.SERVING
        faults = await self._health.faults()
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING if faults else serving)


@asynccontextmanager
async def serve_grpc(
    address: str,
    *,
    verifier: TokenVerifier,
    health: Health,
    register: Callable[[grpc.aio.Server], tuple[str, ...]],
    grace_seconds: float = 5.0,
    reflect: bool = False,
) -> AsyncIterator[int]:
    """Serve on `address` (`host:port`, port 0 lets the system choose) and yield the port.

    `register` adds the servicers and returns the full names of their services.

    Raises:
        RuntimeError: the address is taken.
    """
    server = grpc.aio.server(interceptors=(_Guard(verifier),), options=_OPTIONS, maximum_concurrent_rpcs=1_000)
    names = register(server)
    health_pb2_grpc.add_HealthServicer_to_server(HealthReporter(health), server)
    if reflect:
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(grace_seconds)
