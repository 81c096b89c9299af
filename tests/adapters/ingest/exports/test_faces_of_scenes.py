"""Faces of proposals: seen in the thumbnails of scenes, at most so many, and named where nobody can tell."""

import pytest

from chassis.core.errors import UpstreamUnavailable
from heimdex.inference.v1 import inference_service_pb2 as api
from ingest_svc.exports.faces import MOST_PICTURES, FacesOfScenes
from tests.adapters.ingest.exports.test_subject_client import _Inference, asking, serving


def answering(*, skipped=()):
    """A service that sees a face in every picture that says so."""

    def answer(request):
        face = api.Subject(label="face", score=0.9, width=0.2, height=0.2)
        return api.DetectSubjectsResponse(
            pictures=[api.PictureSubjects(faces=[face] if image == b"face" else []) for image in request.images],
            skipped_capabilities=skipped,
        )

    return _Inference(answer)


@pytest.fixture
async def thumbnails(blobs):
    async def make(*contents: bytes):
        for number, content in enumerate(contents):
            await blobs.put(f"thumbnails/{number}.jpg", content)
        return {f"s_{number}": f"thumbnails/{number}.jpg" for number in range(len(contents))}

    return make


async def test_a_scene_shows_a_face_if_its_picture_does(blobs, thumbnails):
    keys = {**await thumbnails(b"face", b"tree", b"face"), "s_gone": "thumbnails/gone.jpg"}
    missing: list[str] = []
    async with serving(answering()) as port, asking(port) as spotter:
        seen = await FacesOfScenes(blobs, spotter).look(keys, missing)

    assert seen == {"s_0": 1.0, "s_1": 0.0, "s_2": 1.0}
    assert missing == []


async def test_of_many_scenes_some_are_looked_at_and_it_is_said(blobs, thumbnails):
    keys, missing = await thumbnails(*[b"face"] * (2 * MOST_PICTURES + 1)), []
    service = answering()
    async with serving(service) as port, asking(port) as spotter:
        seen = await FacesOfScenes(blobs, spotter).look(keys, missing)

    assert len(seen) == sum(len(request.images) for request in service.requests) <= MOST_PICTURES
    assert list(seen)[:2] == ["s_0", "s_3"]
    assert missing == [f"faces of some scenes: TOO_MANY_SCENES: {len(seen)} of {len(keys)} were looked at"]


async def test_without_a_model_it_is_not_known_and_named(blobs, thumbnails):
    keys, missing = await thumbnails(b"face"), []
    async with serving(answering(skipped=["face_detection: no folder yunet_face"])) as port, asking(port) as spotter:
        with pytest.raises(UpstreamUnavailable):
            await spotter.spot([b"face"])
        seen = await FacesOfScenes(blobs, spotter).look(keys, missing)

    assert seen == {}
    assert missing == ["no faces: FACES_UNAVAILABLE: no folder yunet_face"]
