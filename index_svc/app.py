"""Puts index_svc together: the only file that knows all its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from chassis.core.clock import SystemClock
from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.jetstream import Bus
from chassis.io.service import ServiceContext
from chassis.io.worker import StageWorker
from heimdex.index.v1 import index_service_pb2_grpc, search_service_pb2_grpc
from index_svc.adapters.inference_client import InferenceTextEncoder
from index_svc.adapters.milvus_connection import is_local
from index_svc.adapters.milvus_store import MilvusStore
from index_svc.grpc_api import IndexApi, SearchApi
from index_svc.handlers import ForgetWork, IndexWork, Searcher
from index_svc.search_log import SearchLog
from index_svc.settings import Settings
from index_svc.storage import IndexScanner

__all__ = ["build"]

_SLOTS = 2


async def build(context: ServiceContext) -> None:
    """Open what index_svc needs, in order, and start its work."""
    settings = context.settings
    assert isinstance(settings, Settings)  # noqa: S101  # run_service loaded it
    bus = await context.enter(Bus.open(settings.nats_url, name="index_svc", inbox_prefix=settings.nats_inbox_prefix))
    store = await context.enter(_opened(settings))
    context.health.register("nats", bus.ping)
    context.health.register("milvus", store.ping)
    inference = GrpcClient(settings.inference_address, token=settings.service_token)
    context.stack.push_async_callback(inference.close)
    blobs, log = BlobStore(settings.blob_url), SearchLog(bus)
    index = IndexWork(store, blobs, image_dimensions=settings.image_dimensions)
    worker = StageWorker(
        stage=Stage.INDEXING, consumer="index_index_moments", handler=index.index, bus=bus, blobs=blobs
    )
    context.spawn_worker(worker.run(slots=_SLOTS, stopping=context.stopping))
    forget = ForgetWork(store, bus)
    context.spawn_worker(bus.consume(forget.consumer, forget.handle, slots=1, stopping=context.stopping))
    context.spawn_worker(log.run(context.stopping))
    if is_local(settings.milvus_uri):
        scanner = IndexScanner(
            Path(settings.milvus_uri), bus, SystemClock(), period_seconds=settings.storage_scan_seconds
        )
        context.spawn(scanner.run())
    api = SearchApi(
        store=store,
        searcher=Searcher(store, InferenceTextEncoder(inference)),
        log=log,
        clock=SystemClock(),
        media_secret=settings.media_secret,
    )

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        search_service_pb2_grpc.add_SearchServiceServicer_to_server(api, server)
        index_service_pb2_grpc.add_IndexServiceServicer_to_server(IndexApi(store), server)
        return ("heimdex.index.v1.SearchService", "heimdex.index.v1.IndexService")

    await context.enter(
        serve_grpc(
            settings.grpc_address,
            verifier=context.verifier(),
            health=context.health,
            register=register,
            reflect=settings.reflect,
        )
    )


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[MilvusStore]:
    store = MilvusStore(settings.milvus_uri, token=settings.milvus_token, image_dimensions=settings.image_dimensions)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
