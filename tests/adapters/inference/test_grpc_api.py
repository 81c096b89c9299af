from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from chassis.core.errors import HeimdexError, InvalidInput, NotReady, Unauthenticated
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, generate_key_pair, mint_token
from heimdex.inference.v1 import inference_service_pb2 as api
from heimdex.inference.v1.inference_service_pb2_grpc import (
    InferenceServiceStub,
    add_InferenceServiceServicer_to_server,
)
from inference_svc.engine import InferenceEngine
from inference_svc.grpc_api import InferenceApi
from tests.support.inference_models import local_engine
from tests.support.shared import MEDIA, needs_shared

pytestmark = needs_shared
KEYS = generate_key_pair()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[InferenceEngine]:
    opened = local_engine(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def client(engine: InferenceEngine) -> AsyncIterator[GrpcClient]:
    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_InferenceServiceServicer_to_server(InferenceApi(engine), server)
        return ("heimdex.inference.v1.InferenceService",)

    verifier = TokenVerifier(KEYS.public_pem)
    async with serve_grpc("127.0.0.1:0", verifier=verifier, health=Health(), register=register) as port:
        opened = GrpcClient(f"127.0.0.1:{port}", token=mint_token(KEYS.private_pem, subject="ann"))
        yield opened
        await opened.close()


async def test_texts_become_vectors_in_their_order(client: GrpcClient) -> None:
    """R-ING-10."""
    stub = client.stub(InferenceServiceStub)
    both = await client.call(stub.EmbedText, api.EmbedTextRequest(texts=["macaw", "espresso"]), timeout_seconds=30)
    one = await client.call(stub.EmbedText, api.EmbedTextRequest(texts=["espresso"]), timeout_seconds=30)

    assert [vector.dimensions for vector in both.vectors] == [384, 384]
    assert both.vectors[1].values_f32 == one.vectors[0].values_f32
    assert np.linalg.norm(np.frombuffer(one.vectors[0].values_f32, "<f4")) == pytest.approx(1)
    assert one.recipe.startswith("all-minilm-l6-v2@53aa51172d14:")


@pytest.mark.parametrize(
    "request_",
    [
        api.EmbedTextRequest(),
        api.EmbedTextRequest(texts=["x"] * 257),
        api.EmbedTextRequest(texts=["x" * 20_001]),
        api.EmbedTextRequest(texts=["x"], model="gpt"),
    ],
    ids=["none", "too many", "too long", "unknown model"],
)
async def test_requests_outside_the_bounds_are_refused(client: GrpcClient, request_: api.EmbedTextRequest) -> None:
    with pytest.raises(InvalidInput):
        await client.call(client.stub(InferenceServiceStub).EmbedText, request_, timeout_seconds=30)


async def test_a_picture_becomes_tags_and_a_vector(client: GrpcClient) -> None:
    request = api.EmbedImageRequest(image=(MEDIA / "images/parrot.jpg").read_bytes())
    answer = await client.call(client.stub(InferenceServiceStub).EmbedImage, request, timeout_seconds=30)

    assert answer.tags[0].label == "macaw"
    assert answer.vector.dimensions == 1280
    assert not answer.skipped_capabilities


async def test_sound_becomes_segments(client: GrpcClient) -> None:
    stub = client.stub(InferenceServiceStub)
    request = api.TranscribeRequest(audio=(MEDIA / "speech/jfk.flac").read_bytes())
    answers = [answer async for answer in client.stream(stub.Transcribe, request, timeout_seconds=30)]

    assert [answer.language for answer in answers] == ["en"]
    assert "ask not what your country" in answers[0].segment.text


async def test_what_is_no_sound_is_refused(client: GrpcClient) -> None:
    stub = client.stub(InferenceServiceStub)
    with pytest.raises(InvalidInput):
        async for _ in client.stream(stub.Transcribe, api.TranscribeRequest(audio=b"hello"), timeout_seconds=30):
            pass


async def test_the_models_are_listed_with_their_remedies(client: GrpcClient) -> None:
    stub = client.stub(InferenceServiceStub)
    await client.call(stub.EmbedText, api.EmbedTextRequest(texts=["x"]), timeout_seconds=30)
    models = (await client.call(stub.ListModels, api.ListModelsRequest(), timeout_seconds=30)).models
    by_name = {model.name: model for model in models}

    assert by_name["all-minilm-l6-v2"].device == "cpu"
    assert by_name["all-minilm-l6-v2"].source == "wheel"
    assert by_name["whisper-fixture"].is_fixture
    assert [model.name for model in models].count("mobilenet_v2_imagenet") == 2
    assert all(model.fix_command for model in models if not model.is_available)


async def test_a_model_that_is_missing_is_no_bug(tmp_path: Path, client: GrpcClient, engine: InferenceEngine) -> None:
    await engine.close()
    engine.pool = local_engine(tmp_path, model_dir=None).pool
    stub = client.stub(InferenceServiceStub)
    with pytest.raises(NotReady) as refusal:
        async for _ in client.stream(stub.Transcribe, api.TranscribeRequest(audio=b"RIFF"), timeout_seconds=30):
            pass

    assert refusal.value.reason == "MODEL_UNAVAILABLE"


async def test_a_stranger_is_refused(client: GrpcClient) -> None:
    request = api.EmbedTextRequest(texts=["x"])
    with pytest.raises(Unauthenticated) as refusal:
        await client.call(client.stub(InferenceServiceStub).EmbedText, request, timeout_seconds=30, token="forged")

    assert isinstance(refusal.value, HeimdexError)
