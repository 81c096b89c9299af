"""POST /v1/uploads: a body of any size goes into the client stream `VideoService.UploadVideo` in constant memory.

The method is found by name in the descriptor set; a set without it has no such route. The resumable part of tus is
not built yet and says so.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from gateway.domain.json_codec import JsonCodec, encode
from gateway.domain.status_map import Code, Problem, Violation
from gateway.ports import Bindings, Call, Part, Reply, Request, Upstream
from gateway.transcode import call_context

__all__ = ["CHUNK_BYTES", "UPLOAD_METHOD", "UPLOAD_SERVICE", "UploadFacts", "Uploads", "parse_tus_metadata"]

UPLOAD_SERVICE = "heimdex.ingest.v1.VideoService"
UPLOAD_METHOD = "UploadVideo"
CHUNK_BYTES = 1 << 20
MAX_FORM_FIELD_BYTES = 64 * 1024

_NO_MEDIA_TYPES = frozenset(
    {"", "application/octet-stream", "application/x-www-form-urlencoded", "application/offset+octet-stream"}
)
_TUS_NAMES = {"filename": "filename", "filetype": "mime_type", "title": "title", "description": "description"}
_PARAMETERS = ("filename", "mime_type", "title", "description", "sha256")


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What is known about a file before its bytes; names as in `UploadVideoHeader`.

    Attributes:
        size_bytes: 0 when it is not known.
        sha256: Lower-case hexadecimal, or empty.
    """

    filename: str = ""
    mime_type: str = ""
    title: str = ""
    description: str = ""
    size_bytes: int = 0
    sha256: str = ""


def parse_tus_metadata(text: str) -> dict[str, str]:
    """Read a tus `Upload-Metadata` header: `key base64,key base64`; unknown keys are dropped.

    Raises:
        Problem: A value is not base64 of UTF-8.
    """
    found: dict[str, str] = {}
    for pair in filter(None, (item.strip() for item in text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            decoded = b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeError) as error:
            reason = f"the value of {key!r} is not base64 of UTF-8"
            raise Problem(
                Code.INVALID_ARGUMENT, f"Upload-Metadata: {reason}", (Violation("Upload-Metadata", reason),)
            ) from error
        if key in _TUS_NAMES:
            found[_TUS_NAMES[key]] = decoded
    return found


def read_facts(request: Request) -> UploadFacts:
    """Gather what query and headers say; the query wins.

    Raises:
        Problem: A parameter is unknown, given twice, or can not be read.
    """
    facts = parse_tus_metadata(request.headers.get("upload-metadata", ""))
    seen: set[str] = set()
    try:
        pairs = parse_qsl(request.raw_query, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise Problem(Code.INVALID_ARGUMENT, "the query can not be read", (Violation("", str(error)),)) from error
    for name, value in pairs:
        if name not in _PARAMETERS or name in seen:
            reason = "given more than once" if name in seen else f"unknown; expected one of {', '.join(_PARAMETERS)}"
            raise Problem(Code.INVALID_ARGUMENT, f"{name}: {reason}", (Violation(name, reason),))
        seen.add(name)
        facts[name] = value
    facts.setdefault("mime_type", _media_type(request.headers.get("content-type", "")))
    is_plain = request.headers.get("content-encoding", "identity").lower() == "identity"
    size = request.content_length if is_plain else None
    return UploadFacts(size_bytes=size or 0, **facts)


@dataclass(frozen=True, slots=True)
class Uploads:
    """The upload route.

    Attributes:
        upstream: Makes the call.
        codec: Prints the video.
        rpc: `UploadVideo`.
    """

    upstream: Upstream
    codec: JsonCodec
    rpc: MethodDescriptor

    async def create(self, request: Request, _: Bindings) -> Reply:
        """Take a file as raw body, or as the part `file` of multipart/form-data.

        Raises:
            Problem: What the service answers; or the request is malformed; or it wants the resumable protocol.
        """
        if request.headers.get("upload-length", "0") != "0" and not request.content_length:
            return await self.resumable(request, _)
        call = self.upstream.open(self.rpc, call_context(request, None))
        try:
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                await self._send_form(call, request)
            else:
                await self._send(call, read_facts(request), request.chunks())
            answer = await call.read()
        finally:
            call.cancel()  # harmless after the answer; else the service forgets what it had
        video = getattr(answer, "video")  # noqa: B009 - a field of a message known only by descriptor
        location = f"/v1/videos/{quote(video.id, safe='')}"
        return Reply(HTTPStatus.CREATED, encode(self.codec.to_value(video)), headers=(("Location", location),))

    async def resumable(self, _: Request, __: Bindings) -> Reply:
        """Refuse the resumable part of tus.

        Raises:
            Problem: UNIMPLEMENTED, always.
        """
        raise Problem(Code.UNIMPLEMENTED, "resumable uploads are not built yet; POST the whole file to /v1/uploads")

    async def _send_form(self, call: Call, request: Request) -> None:
        facts = replace(read_facts(request), size_bytes=0)
        async for part in request.parts():
            if part.name == "file" or part.filename:
                mime_type = facts.mime_type or _media_type(part.mime_type)
                facts = replace(facts, filename=facts.filename or part.filename, mime_type=mime_type)
                await self._send(call, facts, part.chunks)
                return
            if part.name in _PARAMETERS:
                given: dict[str, Any] = {part.name: await _form_field(part)}
                facts = replace(facts, **given)
        raise Problem(Code.INVALID_ARGUMENT, "file: missing part", (Violation("file", "missing part"),))

    async def _send(self, call: Call, facts: UploadFacts, chunks: AsyncIterator[bytes]) -> None:
        request_class = message_factory.GetMessageClass(self.rpc.input_type)
        header = {name: getattr(facts, name) for name in UploadFacts.__dataclass_fields__}
        await call.send(request_class(header=header))
        async for chunk in _regroup(chunks):
            await call.send(request_class(chunk=chunk))
        # A stream that was cut off looks complete to a service (grpc.aio), so the end is said in words.
        await call.send(request_class(finish={}))
        await call.done_sending()


async def _regroup(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join small pieces, so that each message carries about CHUNK_BYTES and never more."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        if size + len(chunk) > CHUNK_BYTES and waiting:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(chunk)
        size += len(chunk)
    if waiting:
        yield b"".join(waiting)


async def _form_field(part: Part) -> str:
    pieces = bytearray()
    async for piece in part.chunks:
        pieces += piece
        if len(pieces) > MAX_FORM_FIELD_BYTES:
            raise Problem(Code.INVALID_ARGUMENT, f"{part.name}: too long", (Violation(part.name, "too long"),))
    try:
        return pieces.decode()
    except UnicodeDecodeError as error:
        raise Problem(Code.INVALID_ARGUMENT, f"{part.name}: not UTF-8", (Violation(part.name, "not UTF-8"),)) from error


def _media_type(declared: str) -> str:
    """Return a declared type without parameters; empty when it says nothing about the file."""
    declared = declared.partition(";")[0].strip().lower()
    return "" if declared in _NO_MEDIA_TYPES or declared.startswith("multipart/") else declared
