"""GET /media/{key}: objects of the store by signed link (chassis.io.signed_urls), with Range.

Whoever hands out a link has decided who may follow it; here only the signature and the time are checked.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs, unquote

from chassis.core.errors import HeimdexError, InvalidInput, NotFound, PermissionDenied
from chassis.io.signed_urls import verify_signature
from gateway.domain.status_map import Code, Problem
from gateway.ports import Bindings, Reply, Request, StreamReply

__all__ = ["BlobReader", "ByteRange", "Media", "parse_range"]

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_TYPES = {"srt": "application/x-subrip; charset=utf-8", "vtt": "text/vtt; charset=utf-8", "mp4": "video/mp4"}
"""Media types by the end of a key that not every system knows; the rest is asked of the system."""
_INLINE = ("image/", "video/", "audio/", "text/vtt")


class BlobReader(Protocol):
    """The part of the object store that is needed here."""

    async def head(self, key: str) -> int:
        """Length in bytes."""

    def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes [start, end) in pieces."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Half-open [start, end), in bytes."""

    start: int
    end: int


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """Read a Range header; None means the whole object (also for several ranges, which RFC 9110 lets us ignore).

    Raises:
        Problem: 416, the range begins behind the end.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        start, last = int(found[1]), int(found[2]) if found[2] else size_bytes - 1
        if found[2] and last < start:
            return None
    else:
        start, last = max(0, size_bytes - int(found[2])), size_bytes - 1
    if start >= size_bytes:
        raise Problem(
            Code.OUT_OF_RANGE,
            "the range begins behind the end of the object",
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers=(("Content-Range", f"bytes */{size_bytes}"),),
        )
    return ByteRange(start, min(last + 1, size_bytes))


@dataclass(frozen=True, slots=True)
class Media:
    """The media route.

    Attributes:
        blobs: The object store.
        secret: For the signatures.
        now: Unix seconds.
    """

    blobs: BlobReader
    secret: str
    now: Callable[[], float]

    async def get(self, request: Request, values: Bindings) -> Reply | StreamReply:
        """Send an object, or a range of it; for HEAD only its head.

        Raises:
            Problem: 403 for a bad or expired link, 404, 416.
        """
        key = unquote(values[0][1])
        expires_at = self._check(key, request.raw_query)
        size_bytes = await self._size(key)
        span = parse_range(request.headers.get("range"), size_bytes)
        part = span or ByteRange(0, size_bytes)
        status = HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT
        content_type = _TYPES.get(key.rpartition(".")[2]) or mimetypes.guess_type(key)[0] or "application/octet-stream"
        headers = [
            ("Accept-Ranges", "bytes"),
            ("Content-Length", str(part.end - part.start)),
            ("Cache-Control", f"private, max-age={max(0, expires_at - int(self.now()))}"),
            ("Content-Security-Policy", "default-src 'none'; sandbox"),
        ]
        if not content_type.startswith(_INLINE):
            headers.append(("Content-Disposition", "attachment"))
        if span is not None:
            headers.append(("Content-Range", f"bytes {part.start}-{part.end - 1}/{size_bytes}"))
        if request.method == "HEAD" or part.start == part.end:
            return Reply(status, b"", content_type, tuple(headers))
        return StreamReply(status, _Bytes(self.blobs.stream(key, part.start, part.end)), content_type, tuple(headers))

    def _check(self, key: str, raw_query: str) -> int:
        """Return when a good link ends, in Unix seconds."""
        query = parse_qs(raw_query)
        expires_at, signature = query.get("exp", [""])[-1], query.get("sig", [""])[-1]
        if not signature.isascii():
            raise Problem(Code.PERMISSION_DENIED, "the link is not valid")
        try:
            verify_signature(self.secret, key, expires_at, signature, now_seconds=self.now())
        except PermissionDenied as error:
            raise Problem(Code.PERMISSION_DENIED, str(error) or "the link is not valid") from error
        return int(expires_at)

    async def _size(self, key: str) -> int:
        try:
            return await self.blobs.head(key)
        except (NotFound, InvalidInput) as error:
            raise Problem(Code.NOT_FOUND, "no such object") from error
        except HeimdexError as error:
            raise Problem(Code.UNAVAILABLE, "the object store does not answer") from error


class _Bytes:
    """Bytes of the store as a ByteStream."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def aclose(self) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()
