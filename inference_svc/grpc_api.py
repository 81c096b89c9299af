"""InferenceService over gRPC: decode, ask the engine, encode."""

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from chassis.core.errors import FieldViolation, InvalidInput
from heimdex.inference.v1 import inference_service_pb2 as api
from heimdex.inference.v1.inference_service_pb2_grpc import InferenceServiceServicer
from inference_svc.codec import (
    model_to_proto,
    segment_to_proto,
    skipped_to_proto,
    subjects_to_proto,
    tag_to_proto,
    vector_to_proto,
)
from inference_svc.engine import InferenceEngine
from inference_svc.subjects import find_subjects

__all__ = ["InferenceApi"]

_MAX_TEXTS = 256
_MAX_TEXT_CHARACTERS = 20_000
_MAX_BYTES = 3_500_000


class InferenceApi(InferenceServiceServicer):
    """The models, for callers who bring their own sound, text or picture."""

    def __init__(self, engine: InferenceEngine) -> None:
        self._engine = engine

    async def Transcribe(self, request: api.TranscribeRequest, _context: Any) -> AsyncIterator[api.TranscribeResponse]:
        """Write down a recording; the segments are normalised as a whole, so they come when all is heard."""
        _check_size("audio", request.audio)
        cancelled = threading.Event()
        with tempfile.TemporaryDirectory(prefix="heimdex-asr-") as scratch:
            audio = Path(scratch) / "audio"
            await asyncio.to_thread(audio.write_bytes, request.audio)
            try:
                done = await self._engine.transcribe(audio, language=request.language, is_cancelled=cancelled.is_set)
            finally:
                cancelled.set()
        for segment in done.transcript.segments:
            yield api.TranscribeResponse(
                segment=segment_to_proto(segment), language=done.transcript.language, model=done.model
            )

    async def EmbedText(self, request: api.EmbedTextRequest, _context: Any) -> api.EmbedTextResponse:
        """Turn texts into vectors, in their order."""
        _check_texts(request)
        embedded = await self._engine.embed_texts(list(request.texts))
        if request.model not in ("", embedded.model, embedded.model.split("@", maxsplit=1)[0]):
            raise _violation("model", f"only {embedded.model} embeds text here")
        vectors = [vector_to_proto(row) for row in embedded.rows]
        return api.EmbedTextResponse(vectors=vectors, model=embedded.model, recipe=embedded.recipe)

    async def EmbedImage(self, request: api.EmbedImageRequest, _context: Any) -> api.EmbedImageResponse:
        """Turn a picture into a vector, tags and lines of text."""
        _check_size("image", request.image)
        look = await self._engine.look([request.image])
        return api.EmbedImageResponse(
            vector=None if look.vector is None else vector_to_proto(look.vector),
            tags=[tag_to_proto(tag) for tag in look.tags],
            ocr_lines=look.lines,
            skipped_capabilities=skipped_to_proto(look.skipped),
        )

    async def DetectSubjects(self, request: api.DetectSubjectsRequest, _context: Any) -> api.DetectSubjectsResponse:
        """Find faces and objects in pictures."""
        return subjects_to_proto(await find_subjects(self._engine.pool, request.images))

    async def ListModels(self, _request: api.ListModelsRequest, _context: Any) -> api.ListModelsResponse:
        """List every model, in the order of models.toml."""
        statuses = self._engine.pool.statuses()
        return api.ListModelsResponse(
            models=[model_to_proto(status, task) for status in statuses for task in status.spec.tasks]
        )


def _check_size(field: str, content: bytes) -> None:
    if not 0 < len(content) <= _MAX_BYTES:
        raise _violation(field, f"1 to {_MAX_BYTES} bytes")


def _check_texts(request: api.EmbedTextRequest) -> None:
    if not 0 < len(request.texts) <= _MAX_TEXTS:
        raise _violation("texts", f"1 to {_MAX_TEXTS} texts")
    if any(len(text) > _MAX_TEXT_CHARACTERS for text in request.texts):
        raise _violation("texts", f"at most {_MAX_TEXT_CHARACTERS} characters each")


def _violation(field: str, description: str) -> InvalidInput:
    return InvalidInput(f"{field}: {description}", violations=(FieldViolation(field, description),))
