"""The camera's way to inference_svc: batches, patience, and what it says when nobody answers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.core.errors import InvalidInput, NotBuilt, Overloaded, UpstreamUnavailable
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, generate_key_pair, mint_token
from heimdex.inference.v1 import inference_service_pb2 as api
from heimdex.inference.v1.inference_service_pb2_grpc import (
    InferenceServiceServicer,
    add_InferenceServiceServicer_to_server,
)
from ingest_svc.adapters.subject_client import SubjectClient
from ingest_svc.exports.ports import Sampled

KEYS = generate_key_pair()
Answer = Callable[[api.DetectSubjectsRequest], api.DetectSubjectsResponse]


class _Inference(InferenceServiceServicer):
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[api.DetectSubjectsRequest] = []

    async def DetectSubjects(  # noqa: N802  (gRPC names it)
        self, request: api.DetectSubjectsRequest, _context: Any
    ) -> api.DetectSubjectsResponse:
        self.requests.append(request)
        return self.answer(request)


@asynccontextmanager
async def serving(service: _Inference, address: str = "127.0.0.1:0") -> AsyncIterator[int]:
    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_InferenceServiceServicer_to_server(service, server)
        return ("heimdex.inference.v1.InferenceService",)

    async with serve_grpc(address, verifier=TokenVerifier(KEYS.public_pem), health=Health(), register=register) as port:
        yield port


@asynccontextmanager
async def asking(port: int, patience_seconds: float = 5.0) -> AsyncIterator[SubjectClient]:
    client = GrpcClient(f"127.0.0.1:{port}", token=mint_token(KEYS.private_pem, subject="ingest_svc"))
    yield SubjectClient(client, patience_seconds=patience_seconds)
    await client.close()


def sampled(folder: Path, sizes: list[int]) -> Sampled:
    """Pictures that say their own number, of so many bytes each."""
    paths = []
    for number, size in enumerate(sizes):
        path = folder / f"{number}.jpg"
        path.write_bytes(number.to_bytes(2, "big") + bytes(size - 2))
        paths.append(path)
    return Sampled(tuple(1000 * number for number in range(len(sizes))), tuple(paths), (0,))


def one_face_each(request: api.DetectSubjectsRequest) -> api.DetectSubjectsResponse:
    """A face whose left edge is the number of its picture, in thousandths, and a dog beside it."""
    pictures = []
    for image in request.images:
        left = int.from_bytes(image[:2], "big") / 1000
        face = api.Subject(label="face", score=0.9, left=left, top=0.1, width=0.1, height=0.2)
        dog = api.Subject(label="dog", score=0.5, left=left, top=0.5, width=0.1, height=0.2)
        pictures.append(api.PictureSubjects(faces=[face], objects=[dog]))
    return api.DetectSubjectsResponse(pictures=pictures, models=["faces@1", "things@2"])


async def test_every_picture_keeps_its_instant_through_batches_that_fit_a_message(tmp_path: Path) -> None:
    service = _Inference(one_face_each)
    sizes = [100] * 40 + [1 << 20] * 4 + [100] * 3
    async with serving(service) as port, asking(port) as client:
        found = await client.find(sampled(tmp_path, sizes))

    assert sum(len(request.images) for request in service.requests) == len(sizes)
    assert all(len(request.images) <= 32 for request in service.requests)
    assert all(sum(map(len, request.images)) <= 3 << 20 for request in service.requests)
    assert [(one.at_ns, one.label, round(one.left * 1000)) for one in found.sightings] == [
        (1000 * number, label, number) for number in range(len(sizes)) for label in ("face", "dog")
    ]
    assert (found.models, found.missing) == (("faces@1", "things@2"), ())


async def test_a_model_that_is_missing_is_named_once(tmp_path: Path) -> None:
    def without_faces(request: api.DetectSubjectsRequest) -> api.DetectSubjectsResponse:
        pictures = [api.PictureSubjects() for _ in request.images]
        return api.DetectSubjectsResponse(
            pictures=pictures, models=["things@2"], skipped_capabilities=["face_detection: not here"]
        )

    async with serving(_Inference(without_faces)) as port, asking(port) as client:
        found = await client.find(sampled(tmp_path, [100] * 40))

    assert (found.sightings, found.models, found.missing) == ((), ("things@2",), ("face_detection: not here",))


async def test_without_an_address_everything_is_missing(tmp_path: Path) -> None:
    found = await SubjectClient(None).find(sampled(tmp_path, [100]))

    assert (found.sightings, found.models) == ((), ())
    assert [line.partition(":")[0] for line in found.missing] == ["face_detection", "object_detection"]


@pytest.mark.parametrize("trouble", [UpstreamUnavailable("x"), Overloaded("x"), NotBuilt()])
async def test_a_service_that_can_not_help_makes_it_go_without(tmp_path: Path, trouble: Exception) -> None:
    """R-EXP-05: the clip is made all the same."""

    def refuse(_request: api.DetectSubjectsRequest) -> api.DetectSubjectsResponse:
        raise trouble

    async with serving(_Inference(refuse)) as port, asking(port, patience_seconds=0.6) as client:
        found = await client.find(sampled(tmp_path, [100]))

    assert (found.sightings, found.models, len(found.missing)) == ((), (), 2)


async def test_a_service_that_starts_again_is_waited_for(tmp_path: Path) -> None:
    service = _Inference(one_face_each)

    def not_yet(request: api.DetectSubjectsRequest) -> api.DetectSubjectsResponse:
        if len(service.requests) < 3:
            raise UpstreamUnavailable("starting")
        return one_face_each(request)

    service.answer = not_yet
    async with serving(service) as port, asking(port, patience_seconds=20) as client:
        found = await client.find(sampled(tmp_path, [100]))

    assert len(found.sightings) == 2


async def test_where_nobody_listens_the_camera_goes_without(tmp_path: Path) -> None:
    async with serving(_Inference(one_face_each)) as port:
        pass  # from here on nobody listens there
    async with asking(port, patience_seconds=0.1) as client:
        found = await client.find(sampled(tmp_path, [100]))

    assert (found.sightings, found.models, len(found.missing)) == ((), (), 2)


async def test_a_mistake_of_ours_is_not_hidden(tmp_path: Path) -> None:
    def refuse(_request: api.DetectSubjectsRequest) -> api.DetectSubjectsResponse:
        raise InvalidInput("images[0]: no picture")

    async with serving(_Inference(refuse)) as port, asking(port) as client:
        with pytest.raises(InvalidInput):
            await client.find(sampled(tmp_path, [100]))


async def test_answers_for_other_pictures_are_not_believed(tmp_path: Path) -> None:
    def too_few(_request: api.DetectSubjectsRequest) -> api.DetectSubjectsResponse:
        return api.DetectSubjectsResponse(models=["faces@1"])

    async with serving(_Inference(too_few)) as port, asking(port, patience_seconds=0.1) as client:
        found = await client.find(sampled(tmp_path, [100]))

    assert (found.sightings, found.models) == ((), ())


async def test_a_picture_larger_than_a_message_is_left_out(tmp_path: Path) -> None:
    service = _Inference(one_face_each)
    async with serving(service) as port, asking(port) as client:
        found = await client.find(sampled(tmp_path, [100, (3 << 20) + 1, 100]))

    assert {one.at_ns for one in found.sightings} == {0, 2000}
