"""An export as it is kept: what was asked for, how far it is, and what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from chassis.core.ids import check_id, derived_id, owner_key
from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.rules import Segment
from ingest_svc.domain.exports.state import Export
from ingest_svc.domain.exports.values import Cut, Options, Strategy

__all__ = [
    "AskedAt",
    "Deed",
    "ExportRow",
    "Order",
    "Result",
    "SceneSpan",
    "SourceRow",
    "beside_key",
    "digest_of",
    "drafts_prefix",
    "media_key",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for. `request_id` is the caller's name for the request, empty for none."""

    cuts: tuple[Cut, ...]
    options: Options
    request_id: str
    request_digest: str
    resolution: str
    storage_path: str


@dataclass(frozen=True, slots=True)
class AskedAt:
    """A moment by a monotonic clock, and by which one; `clock` is empty where it has no name."""

    ns: int
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was made. `spans` are those of the cuts after snapping; `report` is a serialised CheckReport."""

    spans: tuple[TimeSpan, ...]
    used_strategy: Strategy
    is_stream_copy: bool
    notes: tuple[str, ...]
    report: bytes
    has_captions: bool
    size_bytes: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Deed:
    """A result and what puts its files where they belong, done while nobody else may change the export."""

    result: Result
    publish: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """An export with everything that is known of it; `progress` is None while queued, `result` until it is made."""

    export: Export
    order: Order
    result: Result | None
    progress: float | None
    updated_at: datetime
    deleted_at: datetime | None
    asked: AskedAt
    version: int


@dataclass(frozen=True, slots=True)
class SceneSpan:
    """Where a scene lies."""

    video_id: str
    span: TimeSpan


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What must be known of a video to cut it. `transcript` is a serialised Transcript, None until there is one."""

    state: str
    duration_ns: int | None
    media_info: bytes
    source_key: str
    size_bytes: int
    generation: int
    transcript: bytes | None


def media_key(owner_id: str, export_id: str) -> str:
    """Return the key of the file: `exports/{user_id}/{export_id}.mp4`.

    A user whose id can not stand in a key has that of their own objects instead.
    """
    return f"exports/{owner_id if check_id(owner_id) else owner_key(owner_id)}/{export_id}.mp4"


def beside_key(storage_path: str, kind: str) -> str:
    """Return the key of what lies beside the file: `srt`, `vtt` or `jpg`."""
    return f"{storage_path.removesuffix('.mp4')}.{kind}"


def drafts_prefix(export_id: str) -> str:
    """Return the prefix of files of an export that is being made; abandoned ones go with abandoned uploads."""
    return f"uploads/exports/{export_id}"


def digest_of(wanted: tuple[Segment, ...], options: Options) -> str:
    """Return a digest of what was asked for, as it was asked for."""
    named = [part for one in wanted for part in (one.scene_id, one.video_id, repr(one.start_s), repr(one.end_s))]
    return derived_id(
        "r", *named, options.strategy, options.ratio, options.quality, options.captions, repr(options.snaps)
    )
