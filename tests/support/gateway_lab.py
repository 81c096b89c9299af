"""A real grpc.aio backend for gateway tests, driven by descriptors like the gateway itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2, duration_pb2, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_tools import protoc

from gateway.app import running_gateway
from gateway.routes import RouteTable, load_routes, read_descriptor_set
from gateway.settings import Address, Settings

__all__ = ["Backend", "build_descriptor_set", "lab_table", "running_backend", "serving"]

ROOT = Path(__file__).resolve().parents[2]


def build_descriptor_set(target: Path, *protos: Path, root: Path) -> Path:
    """Compile .proto files with their imports."""
    well_known = str(files("grpc_tools") / "_proto")
    site = next(path for path in sys.path if (Path(path) / "google/api/annotations.proto").exists())
    arguments = ["protoc", f"-I{root}", f"-I{well_known}", f"-I{site}", "--include_imports"]
    failed = protoc.main([*arguments, f"--descriptor_set_out={target}", *map(str, protos)])
    assert not failed, "protoc failed"
    return target


def build_lab_set(folder: Path) -> Path:
    here = Path(__file__).parent
    return build_descriptor_set(folder / "lab.binpb", here / "gateway_lab.proto", root=here)


def build_mesh_set(folder: Path) -> Path:
    protos = ROOT / "protos"
    services = sorted((protos / "heimdex/ingest/v1").glob("*.proto"))
    return build_descriptor_set(folder / "mesh.binpb", *services, root=protos)


def lab_table(folder: Path) -> RouteTable:
    return load_routes(read_descriptor_set(build_lab_set(folder)))


@dataclass
class Backend:
    """What the backend saw."""

    address: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    seconds_left: float | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    upload_header: dict[str, Any] = field(default_factory=dict)
    upload_bytes: int = 0
    largest_chunk: int = 0
    upload_refusal: grpc.StatusCode | None = None
    health: health.aio.HealthServicer = field(default_factory=health.aio.HealthServicer)


@asynccontextmanager
async def running_backend(descriptor_set: Path) -> AsyncIterator[Backend]:
    """Serve every method of a descriptor set."""
    table = load_routes(read_descriptor_set(descriptor_set))
    backend = Backend()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Methods(table, backend),))
    health_pb2_grpc.add_HealthServicer_to_server(backend.health, server)
    await backend.health.set("", health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    backend.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield backend
    finally:
        backend.go_on.set()
        await server.stop(0)


@asynccontextmanager
async def serving(descriptor_set: Path, backend: str, **settings: Any) -> AsyncIterator[str]:
    """Run a gateway in this process; yields its base URL."""
    listen = Address("127.0.0.1", 0)
    async with running_gateway(Settings(descriptor_set, listen, backend, (), **settings)) as address:
        yield f"http://{address.host}:{address.port}"


class _Methods(grpc.GenericRpcHandler):
    def __init__(self, table: RouteTable, backend: Backend) -> None:
        self._table = table
        self._backend = backend

    def service(self, details: Any) -> Any:
        _, service, name = details.method.split("/")
        rpc = self._table.find_rpc(service, name)
        if rpc is None:
            return None
        known: dict[str, Callable[[Backend, Any], Any]] = {
            "Fail": _fail,
            "Slow": _slow,
            "Watch": _watch,
            "Collect": _collect,
            "Chat": _chat,
            "UploadVideo": _upload,
            "Render": _render,
        }
        make = known.get(name, _echo)
        sides = ["stream" if many else "unary" for many in (rpc.client_streaming, rpc.server_streaming)]
        answer = message_factory.GetMessageClass(rpc.output_type)
        return getattr(grpc, f"{sides[0]}_{sides[1]}_rpc_method_handler")(
            make(self._backend, answer),
            request_deserializer=message_factory.GetMessageClass(rpc.input_type).FromString,
            response_serializer=answer.SerializeToString,
        )


def _note(backend: Backend, context: Any) -> None:
    backend.metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
    backend.seconds_left = context.time_remaining()
    backend.started.set()


def _echo(backend: Backend, answer: Any) -> Any:
    async def run(request: Any, context: Any) -> Any:
        _note(backend, context)
        return request

    return run


def _render(backend: Backend, answer: Any) -> Any:
    async def run(request: Any, context: Any) -> Any:
        _note(backend, context)
        if request.method == "Refused":
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not this one")
        content_type = "" if request.method == "Untyped" else f"text/{request.format}"
        return answer(content_type=content_type, data=request.method.encode() + b"|" + request.request)

    return run


def _fail(backend: Backend, answer: Any) -> Any:
    async def run(request: Any, context: Any) -> Any:
        _note(backend, context)
        code = next(each for each in grpc.StatusCode if each.value[0] == request.i32)
        status = status_pb2.Status(code=request.i32, message="as asked")
        details = (
            error_details_pb2.ErrorInfo(reason="AS_ASKED", domain="lab", metadata={"a": "b"}),
            error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000)),
            error_details_pb2.BadRequest(field_violations=[{"field": "i32", "description": "asked for it"}]),
            error_details_pb2.QuotaFailure(violations=[{"subject": "user", "description": "all gone"}]),
        )
        for detail in details:
            status.details.add().Pack(detail)
        status.details.append(any_pb2.Any(type_url="type.googleapis.com/nobody.Knows", value=b"\x01"))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(code, "as asked")

    return run


def _slow(backend: Backend, answer: Any) -> Any:
    async def run(request: Any, context: Any) -> Any:
        _note(backend, context)
        try:
            await backend.go_on.wait()
        except asyncio.CancelledError:
            backend.cancelled.set()
            raise
        return request

    return run


def _watch(backend: Backend, answer: Any) -> Any:
    async def run(request: Any, context: Any) -> Any:
        _note(backend, context)
        try:
            for number in range(1, 4):
                yield type(request)(name=request.name, i32=number)
                if request.flag:
                    await backend.go_on.wait()
            if request.i64:
                await context.abort(grpc.StatusCode.DATA_LOSS, "broke after three")
        except asyncio.CancelledError:
            backend.cancelled.set()
            raise

    return run


def _collect(backend: Backend, answer: Any) -> Any:
    async def run(requests: Any, context: Any) -> Any:
        _note(backend, context)
        messages = [request async for request in requests]
        return type(messages[0])(strings=[message.name for message in messages])

    return run


def _chat(backend: Backend, answer: Any) -> Any:
    async def run(requests: Any, context: Any) -> Any:
        _note(backend, context)
        async for request in requests:
            yield request

    return run


def _upload(backend: Backend, answer: Any) -> Any:
    async def run(requests: Any, context: Any) -> Any:
        _note(backend, context)
        try:
            if backend.upload_refusal is not None:
                await context.abort(backend.upload_refusal, "refused")
            async for request in requests:
                if request.WhichOneof("content") == "header":
                    header = request.header
                    backend.upload_header = {each.name: getattr(header, each.name) for each in header.DESCRIPTOR.fields}
                else:
                    backend.upload_bytes += len(request.chunk)
                    backend.largest_chunk = max(backend.largest_chunk, len(request.chunk))
            # On a cancelled call grpc.aio often ends this loop as if the client had finished, and cancels a moment
            # later; storing the file, for which this stands, is where a service learns of it.
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            backend.cancelled.set()
            raise
        return answer(video={"id": "v 1", "size_bytes": backend.upload_bytes})

    return run
