"""The composition root: models, gRPC, and the consumers of two stages."""

from functools import partial
from typing import cast

import grpc

from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore
from chassis.io.grpc_server import serve_grpc
from chassis.io.jetstream import Bus
from chassis.io.service import ServiceContext
from chassis.io.worker import StageWorker
from heimdex.inference.v1.inference_service_pb2_grpc import add_InferenceServiceServicer_to_server
from inference_svc.engine import InferenceEngine
from inference_svc.grpc_api import InferenceApi
from inference_svc.handlers import describe_scenes, transcribe_audio
from inference_svc.settings import Settings

__all__ = ["build"]

_SERVICE = "heimdex.inference.v1.InferenceService"


async def build(context: ServiceContext) -> None:
    """Open the models and begin to work. Missing weights do not keep the service from being ready."""
    settings = cast("Settings", context.settings)
    engine = InferenceEngine(settings)
    context.stack.push_async_callback(engine.close)
    blobs = BlobStore(settings.blob_url)
    bus = await context.enter(Bus.open(settings.nats_url, name=context.name, inbox_prefix=settings.nats_inbox_prefix))
    context.health.register("nats", bus.ping)

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_InferenceServiceServicer_to_server(InferenceApi(engine), server)
        return (_SERVICE,)

    await context.enter(
        serve_grpc(
            settings.grpc_address,
            verifier=context.verifier(),
            health=context.health,
            register=register,
            reflect=settings.reflect,
        )
    )
    stages = (
        (Stage.TRANSCRIPTION, "inference_transcribe_audio", transcribe_audio, settings.transcription_slots),
        (Stage.SCENE_PROCESSING, "inference_describe_scenes", describe_scenes, settings.description_slots),
    )
    for stage, consumer, handler, slots in stages:
        bound = partial(handler, engine=engine, blobs=blobs)
        worker = StageWorker(stage=stage, consumer=consumer, handler=bound, bus=bus, blobs=blobs)
        context.spawn_worker(worker.run(slots=slots, stopping=context.stopping))
