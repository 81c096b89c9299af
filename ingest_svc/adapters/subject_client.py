"""inference_svc as the camera sees it: pictures go out in batches, sightings come back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from chassis.core.backoff import delay_seconds
from chassis.core.errors import DeadlineExceeded, NotBuilt, Overloaded, UpstreamUnavailable
from chassis.io.concurrently import pause
from chassis.io.grpc_client import GrpcClient
from chassis.io.logs import get_logger
from heimdex.inference.v1 import inference_service_pb2 as api
from heimdex.inference.v1.inference_service_pb2_grpc import InferenceServiceStub
from ingest_svc.domain.exports.values import Sighting
from ingest_svc.exports.ports import Sampled, Subjects

__all__ = ["SubjectClient"]

_log = get_logger(__name__)

_MAX_PICTURES = 32
_MAX_BYTES = 3 << 20
_CALL_SECONDS = 60.0
_PASSING = (UpstreamUnavailable, Overloaded, DeadlineExceeded)
"""What a service that starts again or is busy answers."""

_CAPABILITIES = ("face_detection", "object_detection")
_NO_ADDRESS = "no inference service is set up (HEIMDEX_INFERENCE_ADDR)"


class SubjectClient:
    """Asks inference_svc where faces and objects are.

    A service that does not answer is waited for, so that a restart costs nobody a camera; after that the capabilities
    are missing, and the clip is made without them: a clip with bars is worth more than none.

    Args:
        client: channel to inference_svc; None when there is no such service.
        patience_seconds: how long to wait, per message, for a service that does not answer.
    """

    def __init__(self, client: GrpcClient | None, *, patience_seconds: float = 30.0) -> None:
        self._client = client
        self._stub = client.stub(InferenceServiceStub) if client is not None else None
        self._patience_seconds = patience_seconds

    async def find(self, sampled: Sampled) -> Subjects:
        """Return what is seen in the pictures; what could not take part is in `missing`, `name: reason` each.

        Raises:
            HeimdexError: the service refused a picture that we made: a mistake of ours.
        """
        if self._client is None:
            return _without(_NO_ADDRESS)
        sightings: list[Sighting] = []
        models: dict[str, None] = {}
        missing: dict[str, None] = {}
        async for places, images in _batches(sampled.pictures):
            try:
                answer = await self._patiently(images)
            except (*_PASSING, NotBuilt) as error:
                _log.warning("the camera goes without models", reason=error.reason, error=error.message)
                return _without("the inference service does not answer now; make the clip again later")
            for place, picture in zip(places, answer.pictures, strict=True):
                sightings += [_sighting(sampled.at_ns[place], one, "face") for one in picture.faces]
                sightings += [_sighting(sampled.at_ns[place], one, one.label) for one in picture.objects]
            models.update(dict.fromkeys(answer.models))
            missing.update(dict.fromkeys(answer.skipped_capabilities))
        return Subjects(tuple(sightings), tuple(models), tuple(missing))

    async def spot(self, pictures: Sequence[bytes]) -> tuple[bool, ...]:
        """Return of each JPEG, of at most 96 KiB, whether a face is in it.

        Raises:
            UpstreamUnavailable: the service does not answer now, or has no model for it, `FACES_UNAVAILABLE`.
        """
        seen: list[bool] = []
        for start in range(0, len(pictures), _MAX_PICTURES):
            answer = await self._ask(pictures[start : start + _MAX_PICTURES])
            for one in answer.skipped_capabilities:
                name, _, why = one.partition(": ")
                if name == "face_detection":
                    raise UpstreamUnavailable(why, reason="FACES_UNAVAILABLE")
            seen += [bool(picture.faces) for picture in answer.pictures]
        return tuple(seen)

    async def _patiently(self, images: Sequence[bytes]) -> api.DetectSubjectsResponse:
        give_up_at = asyncio.get_running_loop().time() + self._patience_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._ask(images)
            except _PASSING:
                wait = delay_seconds(attempt, first_seconds=0.5, longest_seconds=5.0)
                if asyncio.get_running_loop().time() + wait > give_up_at:
                    raise
            await pause(wait)

    async def _ask(self, images: Sequence[bytes]) -> api.DetectSubjectsResponse:
        if self._client is None or self._stub is None:
            raise UpstreamUnavailable(_NO_ADDRESS)
        answer: api.DetectSubjectsResponse = await self._client.call(
            self._stub.DetectSubjects, api.DetectSubjectsRequest(images=images), timeout_seconds=_CALL_SECONDS
        )
        if len(answer.pictures) != len(images):
            raise UpstreamUnavailable("the inference service answered for other pictures than it was asked for")
        return answer


async def _batches(pictures: Sequence[Path]) -> AsyncIterator[tuple[list[int], list[bytes]]]:
    """Yield pictures and their places, as many as one message may hold; one that is too large alone is left out."""
    places: list[int] = []
    images: list[bytes] = []
    for place, path in enumerate(pictures):
        image = await asyncio.to_thread(path.read_bytes)
        if len(image) > _MAX_BYTES:
            continue
        if images and (len(images) == _MAX_PICTURES or sum(map(len, images)) + len(image) > _MAX_BYTES):
            yield places, images
            places, images = [], []
        places.append(place)
        images.append(image)
    if images:
        yield places, images


def _sighting(at_ns: int, subject: api.Subject, label: str) -> Sighting:
    return Sighting(at_ns, label, subject.score, subject.left, subject.top, subject.width, subject.height)


def _without(reason: str) -> Subjects:
    return Subjects((), (), tuple(f"{name}: {reason}" for name in _CAPABILITIES))
