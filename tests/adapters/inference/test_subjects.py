"""Faces and objects in pictures, with the real weights, over gRPC."""

import io
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from chassis.core.errors import Corruption, InvalidInput
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, generate_key_pair, mint_token
from chassis.io.spending import Spending, spending_on
from heimdex.inference.v1 import inference_service_pb2 as api
from heimdex.inference.v1.inference_service_pb2_grpc import (
    InferenceServiceStub,
    add_InferenceServiceServicer_to_server,
)
from inference_svc.adapters.image_reader import read_image
from inference_svc.adapters.onnx_session import OnnxSession
from inference_svc.adapters.yunet_faces import YunetDetector
from inference_svc.domain.detections import Detection
from inference_svc.domain.model_registry import Task
from inference_svc.engine import InferenceEngine
from inference_svc.grpc_api import InferenceApi
from inference_svc.subjects import find_subjects
from tests.support.inference_models import local_engine
from tests.support.shared import MEDIA, MODELS, needs_shared

pytestmark = needs_shared
KEYS = generate_key_pair()
ONE_FACE = ("astronaut.jpg", "biden.jpg", "obama.jpg", "obama2.jpg")
NO_FACE = ("bird.jpg", "cat.jpg", "chelsea.jpg", "coffee.jpg", "hot_dog.jpg", "parrot.jpg")


@cache
def detector() -> YunetDetector:
    return YunetDetector(OnnxSession(MODELS / "yunet_face/yunet_s_dynamic.onnx", threads=1, device="cpu"))


def photo(name: str) -> np.ndarray:
    return read_image((MEDIA / "images" / name).read_bytes())


def faces(image: np.ndarray) -> tuple[Detection, ...]:
    return detector().detect([image])[0]


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

    async with serve_grpc(
        "127.0.0.1:0", verifier=TokenVerifier(KEYS.public_pem), health=Health(), register=register
    ) as port:
        opened = GrpcClient(f"127.0.0.1:{port}", token=mint_token(KEYS.private_pem, subject="ann"))
        yield opened
        await opened.close()


async def ask(client: GrpcClient, *pictures: bytes) -> api.DetectSubjectsResponse:
    request = api.DetectSubjectsRequest(images=pictures)
    answer: api.DetectSubjectsResponse = await client.call(
        client.stub(InferenceServiceStub).DetectSubjects, request, timeout_seconds=30
    )
    return answer


@pytest.mark.parametrize("name", ONE_FACE)
def test_the_one_face_of_a_photo_is_found(name: str) -> None:
    (face,) = faces(photo(name))
    height, width = photo(name).shape[:2]

    assert face.label == "face"
    assert face.score > 0.9
    assert 0 <= face.box.left < face.box.right <= width
    assert 0 <= face.box.top < face.box.bottom <= height


@pytest.mark.parametrize("name", NO_FACE)
def test_where_there_is_no_face_none_is_found(name: str) -> None:
    assert faces(photo(name)) == ()


def test_a_face_is_where_it_was_put_in_a_picture_of_any_shape() -> None:
    small = np.asarray(Image.fromarray(photo("obama.jpg")).resize((160, 200)))
    (alone,) = faces(small)
    for left, top in ((0, 0), (201, 37), (333, 99)):
        canvas = np.full((301, 497, 3), 90, np.uint8)
        canvas[top : top + 200, left : left + 160] = small
        (found,) = faces(canvas)

        assert found.box.left - left == pytest.approx(alone.box.left, abs=6)
        assert found.box.bottom - top == pytest.approx(alone.box.bottom, abs=6)


def test_a_large_picture_is_looked_at_in_small_and_answered_in_its_own_pixels() -> None:
    (found,) = faces(np.kron(photo("astronaut.jpg"), np.ones((4, 4, 1), np.uint8)))
    (small,) = faces(photo("astronaut.jpg"))

    assert found.box.left / 4 == pytest.approx(small.box.left, abs=8)
    assert found.box.bottom / 4 == pytest.approx(small.box.bottom, abs=8)


def test_faces_do_not_depend_on_the_other_pictures_of_the_batch() -> None:
    alone = detector().detect([photo("biden.jpg")])
    among = detector().detect([photo("cat.jpg"), photo("biden.jpg"), photo("obama.jpg")])

    assert among[1] == alone[0]


async def test_every_picture_gets_its_own_faces_and_objects_in_order(client: GrpcClient) -> None:
    """R-EXP-05: what SMART is made of."""
    names = ("cat.jpg", "obama.jpg", "coffee.jpg", "biden.jpg")
    answer = await ask(client, *((MEDIA / "images" / name).read_bytes() for name in names))

    assert [len(picture.faces) for picture in answer.pictures] == [0, 1, 0, 1]
    assert [picture.objects[0].label for picture in answer.pictures] == ["cat", "person", "cup", "person"]
    assert [model.split("@")[0] for model in answer.models] == ["yunet_face", "yolox_nano_coco"]
    assert not answer.skipped_capabilities
    for picture in answer.pictures:
        for subject in (*picture.faces, *picture.objects):
            assert 0 <= subject.left < subject.left + subject.width <= 1 + 1e-6
            assert 0 <= subject.top < subject.top + subject.height <= 1 + 1e-6
            assert 0 < subject.score <= 1


def jpeg(pixels: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (pixels, pixels), (90, 90, 90)).save(sink, "JPEG")
    return sink.getvalue()


@pytest.mark.parametrize(
    ("pictures", "field"),
    [
        ((), "images"),
        ((jpeg(8),) * 33, "images"),
        ((jpeg(8), bytes((3 << 20) + 1)), "images"),
        ((jpeg(8), jpeg(8), b"hello"), "images[2]"),
        ((jpeg(8)[:-40],), "images[0]"),
    ],
    ids=["none", "too many", "too large", "no picture", "half a picture"],
)
async def test_what_is_out_of_bounds_or_no_picture_is_named(
    client: GrpcClient, pictures: tuple[bytes, ...], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await ask(client, *pictures)

    assert [violation.field for violation in refusal.value.violations] == [field]


async def test_a_large_picture_costs_no_more_memory_than_a_small_one(engine: InferenceEngine) -> None:
    shrunk = read_image(jpeg(4000), max_side=640)

    assert shrunk.shape == (640, 640, 3)
    assert (await find_subjects(engine.pool, [jpeg(4000)])).pictures[0].faces == ()


async def test_a_model_that_is_missing_is_named_and_is_no_error(tmp_path: Path) -> None:
    """R-EXP-05."""
    for changes, missing in (
        ({"disabled_tasks": (Task.FACE_DETECTION,)}, ["face_detection"]),
        ({"model_dir": None}, ["face_detection", "object_detection"]),
    ):
        engine = local_engine(tmp_path, **changes)
        found = await find_subjects(engine.pool, [(MEDIA / "images/obama.jpg").read_bytes()])
        await engine.close()

        assert sorted(found.skipped) == missing
        assert len(found.models) == 2 - len(missing)
        assert found.pictures[0].faces == ()


async def test_a_model_whose_file_is_bad_is_named_and_is_no_error(
    engine: InferenceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unloadable(*_given: object) -> None:
        raise Corruption("yunet_s_dynamic.onnx can not be loaded", reason="MODEL_UNLOADABLE")

    monkeypatch.setattr("inference_svc.loaders.YunetDetector", unloadable)
    found = await find_subjects(engine.pool, [(MEDIA / "images/obama.jpg").read_bytes()])

    assert found.skipped == {"face_detection": "yunet_s_dynamic.onnx can not be loaded"}
    assert found.pictures[0].objects[0].label == "person"


async def test_faces_are_listed_as_available_and_chosen(client: GrpcClient) -> None:
    await ask(client, jpeg(64))
    models = (
        await client.call(client.stub(InferenceServiceStub).ListModels, api.ListModelsRequest(), timeout_seconds=30)
    ).models
    yunet = next(model for model in models if model.name == "yunet_face")

    assert (yunet.is_available, yunet.is_selected, yunet.device) == (True, True, "cpu")


async def test_what_the_models_use_is_charged_to_who_asked(engine: InferenceEngine) -> None:
    spending = Spending()
    with spending_on(spending):
        await find_subjects(engine.pool, [(MEDIA / "images/obama.jpg").read_bytes()] * 3)

    assert spending.model_calls == 6
    assert (spending.cpu_ns or 0) > 0
