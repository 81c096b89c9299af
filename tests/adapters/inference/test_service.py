from pathlib import Path

from chassis.core.stages import Stage
from chassis.core.subjects import work_subject
from chassis.io.blobs import BlobStore, result_key
from chassis.io.grpc_client import GrpcClient
from chassis.io.identity import generate_key_pair, mint_token
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.results import load_result
from chassis.io.service import running_service
from chassis.io.settings import Secret
from chassis.io.stage import stage_to_proto
from deploy.local.addresses import free_address
from heimdex.common.v1 import blob_pb2
from heimdex.inference.v1 import inference_service_pb2 as api
from heimdex.inference.v1.inference_service_pb2_grpc import InferenceServiceStub
from heimdex.ingest.v1 import work_pb2
from inference_svc.app import build
from inference_svc.settings import Settings
from tests.support.eventually import eventually
from tests.support.shared import MEDIA, MODELS, needs_shared


@needs_shared
async def test_work_from_the_broker_becomes_a_stored_transcript(tmp_path: Path, bus_url: str) -> None:
    """R-ING-06: the whole service on a real broker and a real object store."""
    keys = generate_key_pair()
    key_file = tmp_path / "public.pem"
    key_file.write_bytes(keys.public_pem)
    settings = Settings(
        blob_url=str(tmp_path / "blobs"),
        nats_url=Secret(bus_url),
        public_key_file=key_file,
        grpc_address=str(free_address()),
        ops_address=str(free_address()),
        model_dir=MODELS,
        cache_dir=tmp_path / "cache",
        is_offline=True,
        threads=1,
    )
    blobs = BlobStore(settings.blob_url)
    await blobs.put_file("audio", MEDIA / "speech/jfk.flac")
    found = work_pb2.StageResult(metadata=work_pb2.MetadataOutput(audio=blob_pb2.BlobRef(key="audio")))
    await blobs.put("metadata.pb", found.SerializeToString())
    work = work_pb2.StageWork(video_id="v_1", owner_id="u_1", generation=1, attempt=1, fence=1, duration_ns=11 * 10**9)
    work.inputs.add(stage=stage_to_proto(Stage.METADATA), key="metadata.pb")
    subject = work_subject("inference", Stage.TRANSCRIPTION, "v_1")
    async with running_service("inference_svc", settings, build) as context:
        async with Bus.open(bus_url, name="test") as bus:
            await bus.publish(Outgoing(subject, work.SerializeToString(), "heimdex.ingest.v1.StageWork", "work/1"))
        key = result_key("u_1", "v_1", 1, Stage.TRANSCRIPTION)

        async def is_stored() -> bool:
            return await blobs.exists(key)

        stored: bool = await eventually(is_stored, within_seconds=30)
        result = await load_result(blobs, key)
        client = GrpcClient(settings.grpc_address, token=mint_token(keys.private_pem, subject="ann"))
        models = await client.call(
            client.stub(InferenceServiceStub).ListModels, api.ListModelsRequest(), timeout_seconds=10
        )
        await client.close()

    assert stored
    assert "ask not what your country" in result.transcription.segments[0].text
    assert result.transcription.is_fixture_model
    assert {model.name for model in models.models if model.device} >= {"whisper-fixture"}
    assert not context.has_failed
