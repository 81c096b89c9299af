"""Takes an upload in: stream to the store, hash on the way, make it durable, register it once."""

import asyncio
import hashlib
import mimetypes
import re
import unicodedata
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.core.clock import Clock
from chassis.core.errors import FieldViolation, InvalidInput, UpstreamUnavailable
from chassis.core.ids import owner_key, video_id
from chassis.core.stages import Outcome
from chassis.io import logs
from chassis.io.blobs import BlobStore, source_key
from chassis.io.jetstream import Outgoing
from chassis.io.stage import reason_of
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.domain.advance import register
from ingest_svc.ports import NewVideo
from ingest_svc.reports import Upload, upload_message

__all__ = ["UploadFacts", "Uploads", "check_upload_facts"]

_log = logs.get_logger(__name__)
_MAX_NAME = 255
_MAX_DESCRIPTION = 10_000
_DRAFT_AGE = timedelta(days=1)
_DRAFT_SWEEP_SECONDS = 3_600.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What the sender says about a file before its bytes; `size_bytes` 0 and `sha256` "" mean unknown."""

    filename: str
    mime_type: str
    title: str
    description: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Begun:
    """Whose upload it is, and when its first byte came: by the wall clock and by the monotonic one."""

    owner_id: str
    at: datetime
    ns: int


def _clean(text: str) -> str:
    """Return text without control characters, in one normal form."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in {"Cc", "Cs"}).strip()


def check_upload_facts(facts: UploadFacts, *, max_bytes: int) -> UploadFacts:
    """Return the facts cleaned: the last part of the name, a media type in every case.

    Raises:
        InvalidInput: with one violation per wrong field.
    """
    name = _clean(facts.filename.replace("\\", "/").rsplit("/", 1)[-1]) or "video"
    faults = []
    if len(name) > _MAX_NAME:
        faults.append(FieldViolation("filename", f"must have at most {_MAX_NAME} characters"))
    if len(facts.title) > _MAX_NAME:
        faults.append(FieldViolation("title", f"must have at most {_MAX_NAME} characters"))
    if len(facts.description) > _MAX_DESCRIPTION:
        faults.append(FieldViolation("description", f"must have at most {_MAX_DESCRIPTION} characters"))
    if not 0 <= facts.size_bytes <= max_bytes:
        faults.append(FieldViolation("size_bytes", f"must be between 0 and {max_bytes}"))
    if facts.sha256 and not _SHA256.fullmatch(facts.sha256):
        faults.append(FieldViolation("sha256", "must be 64 lower-case hexadecimal digits"))
    if faults:
        raise InvalidInput("the upload's header is wrong", violations=tuple(faults))
    mime = facts.mime_type if re.fullmatch(r"[\w.+-]{1,64}/[\w.+-]{1,64}", facts.mime_type) else ""
    if mime in {"", "application/octet-stream", "application/x-www-form-urlencoded"}:
        mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return UploadFacts(
        name, mime, _clean(facts.title), facts.description.replace("\0", ""), facts.size_bytes, facts.sha256
    )


class Uploads:
    """Where files come in."""

    def __init__(
        self,
        blobs: BlobStore,
        progress: ProgressStore,
        clock: Clock,
        *,
        max_bytes: int,
        report: Callable[[Outgoing], None],
    ) -> None:
        """`report` tells metrics_svc of an upload of which nothing was kept; it must not wait."""
        self._blobs = blobs
        self._progress = progress
        self._clock = clock
        self._max_bytes = max_bytes
        self._report = report

    async def take(self, owner_id: str, facts: UploadFacts, pieces: AsyncIterator[bytes]) -> str:
        """Store the bytes and register the video; return its id. The same bytes twice are the same video.

        However it ends, metrics_svc is told: of a video that was kept in the transaction that registers it.

        Raises:
            InvalidInput: the header is wrong, or the bytes are not what it says.
            UpstreamUnavailable: the store refused them.
        """
        begun = _Begun(owner_id, self._clock.now(), self._clock.monotonic_ns())
        try:
            return await self._take(begun, check_upload_facts(facts, max_bytes=self._max_bytes), pieces)
        except asyncio.CancelledError:
            self._report(self._ended(begun, Outcome.CANCELLED, reason="UPLOAD_ABORTED"))
            raise
        except BaseException as error:
            self._report(self._ended(begun, Outcome.FAILED, reason=reason_of(error)))
            raise

    async def _take(self, begun: "_Begun", facts: UploadFacts, pieces: AsyncIterator[bytes]) -> str:
        owner_id = begun.owner_id
        draft = f"uploads/{owner_key(owner_id)}/{uuid.uuid4().hex}"
        size, digest = await self._store(draft, facts, pieces)
        video = video_id(owner_id, digest)
        key = source_key(owner_id, video)
        await self._blobs.rename(draft, key)
        await self._blobs.make_durable(key)
        queued, out = register(video_id=video, owner_id=owner_id, at=self._clock.now())
        new = NewVideo(facts.filename, facts.mime_type, size, digest, key, facts.title, facts.description)
        ended = self._ended(begun, Outcome.SUCCEEDED, video=video, size_bytes=size)
        is_new = await self._progress.register(queued, new, out, report=ended)
        _log.info(
            "a video was uploaded" if is_new else "a known video was uploaded again", video_id=video, size_bytes=size
        )
        return video

    def _ended(
        self, begun: "_Begun", outcome: Outcome, *, reason: str = "", video: str = "", size_bytes: int | None = None
    ) -> Outgoing:
        upload = Upload(
            upload_id=uuid.uuid4().hex,
            owner_id=begun.owner_id,
            started_at=begun.at,
            finished_at=self._clock.now(),
            duration_ns=max(0, self._clock.monotonic_ns() - begun.ns),
            outcome=outcome,
            reason=reason,
            video_id=video,
            size_bytes=size_bytes,
        )
        return upload_message(upload)

    async def sweep_drafts(self) -> None:
        """Remove drafts that a killed process left behind, now and then, until cancelled."""
        while True:
            try:
                removed = await self._blobs.delete_older("uploads", self._clock.now() - _DRAFT_AGE)
                if removed:
                    _log.warning("abandoned uploads were removed", objects=removed)
            except UpstreamUnavailable as error:
                _log.warning("abandoned uploads could not be removed; trying again", error=str(error))
            await asyncio.sleep(_DRAFT_SWEEP_SECONDS)

    async def _store(self, draft: str, facts: UploadFacts, pieces: AsyncIterator[bytes]) -> tuple[int, str]:
        size, digest = 0, hashlib.sha256()
        async with self._blobs.writer(draft) as writer:
            async for piece in pieces:
                size += len(piece)
                if size > (facts.size_bytes or self._max_bytes):
                    raise InvalidInput("more bytes came than announced", reason="SIZE_MISMATCH")
                digest.update(piece)
                await writer.write(piece)
            if facts.size_bytes and size != facts.size_bytes:
                raise InvalidInput(f"{size} bytes came, {facts.size_bytes} were announced", reason="SIZE_MISMATCH")
            if facts.sha256 and digest.hexdigest() != facts.sha256:
                raise InvalidInput("the bytes do not have the announced SHA-256", reason="DIGEST_MISMATCH")
        return size, digest.hexdigest()
