"""The composition root: builds the route table, the adapters and the endpoints, and runs until told to stop."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.io.blobs import BlobStore
from chassis.io.logs import get_logger
from gateway.adapters.http_server import HttpLimits, HttpServer
from gateway.adapters.upstream import GrpcUpstream
from gateway.dispatcher import Dispatcher
from gateway.domain.json_codec import JsonCodec
from gateway.domain.path_matcher import AmbiguousRouteError
from gateway.domain.request_metrics import RequestMetrics
from gateway.media import Media
from gateway.own_routes import OwnRoutes
from gateway.ports import Endpoint, Handler, Upstream
from gateway.routes import RouteTable, RouteTableError, load_routes, read_descriptor_set
from gateway.settings import Address, Settings
from gateway.transcode import Transcoder
from gateway.uploads import UPLOAD_METHOD, UPLOAD_SERVICE, Uploads

__all__ = ["running_gateway"]

_log = get_logger(__name__)


@asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[Address]:
    """Serve inside the block; yields the bound address.

    Raises:
        RouteTableError: The descriptor set can not be served.
        OSError: The address is taken.
    """
    table = load_routes(read_descriptor_set(settings.descriptor_set))
    codec = JsonCodec(table.pool, settings.proto_names, settings.print_defaults)
    metrics = RequestMetrics()
    async with GrpcUpstream(settings.backend, dict(settings.backends)) as upstream:
        dispatcher = Dispatcher(codec)
        _add_transcoded(
            dispatcher, table, Transcoder(upstream, codec, settings.max_body_bytes, settings.unary_timeout_seconds)
        )
        _add_own(dispatcher, OwnRoutes(upstream, metrics))
        _add_uploads(dispatcher, table, upstream, codec)
        _add_media(dispatcher, settings)
        server = HttpServer(dispatcher.handle, metrics.observe, HttpLimits(grace_seconds=settings.grace_seconds))
        host, port = await server.start(settings.listen.host, settings.listen.port)
        _log.info("gateway is ready", host=host, port=port, routes=len(table.routes), backends=dict(settings.backends))
        try:
            yield Address(host, port)
        finally:
            await server.stop()
            _log.info("gateway has stopped")


def _add_transcoded(dispatcher: Dispatcher, table: RouteTable, transcoder: Transcoder) -> None:
    faults: list[str] = []
    for route in table.routes:
        try:
            dispatcher.add(route.http_method, route.template.text, transcoder.endpoint(route))
        except AmbiguousRouteError as error:
            faults.append(f"{route.rpc.full_name}: {error}")
    if faults:
        raise RouteTableError("\n".join(faults))


def _add_own(dispatcher: Dispatcher, own: OwnRoutes) -> None:
    handlers: dict[str, Handler] = {
        "/healthz": own.healthz,
        "/readyz": own.readyz,
        "/metrics": own.show_metrics,
        "/openapi.json": own.openapi,
    }
    for path, handler in handlers.items():
        dispatcher.add_unless_taken(("GET", "HEAD"), path, Endpoint(path, handler))


def _add_uploads(dispatcher: Dispatcher, table: RouteTable, upstream: Upstream, codec: JsonCodec) -> None:
    rpc = table.find_rpc(UPLOAD_SERVICE, UPLOAD_METHOD)
    if rpc is None:
        return
    uploads = Uploads(upstream, codec, rpc)
    dispatcher.add_unless_taken(("POST",), "/v1/uploads", Endpoint("/v1/uploads", uploads.create))
    one = "/v1/uploads/{id}"
    dispatcher.add_unless_taken(("PATCH", "HEAD", "DELETE"), one, Endpoint(one, uploads.resumable))


def _add_media(dispatcher: Dispatcher, settings: Settings) -> None:
    if settings.blob_url is None or settings.media_secret is None:
        return
    media = Media(BlobStore(settings.blob_url), settings.media_secret, time.time)
    path = "/media/{key=**}"
    dispatcher.add_unless_taken(("GET", "HEAD"), path, Endpoint(path, media.get))
