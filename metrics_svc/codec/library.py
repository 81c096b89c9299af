"""Videos, users, bytes and waterfalls: events to values, values to answers."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from chassis.core.errors import FieldViolation, InvalidInput
from heimdex.ingest.v1 import video_pb2
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import storage_measured_pb2, storage_pb2, video_changed_pb2
from metrics_svc.codec.events import Decode
from metrics_svc.codec.wire import moment, optional, parse, stamp_of
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.events.samples import clean_text, clean_word, length_or_none, require_id
from metrics_svc.domain.events.words import stage_word
from metrics_svc.domain.library import library
from metrics_svc.domain.library.storage import (
    INDEX_STORE,
    OBJECT_STORE,
    StorageReport,
    Store,
    StoredMeasurement,
)
from metrics_svc.domain.library.user_pages import UserPage

__all__ = [
    "LIBRARY_DECODERS",
    "decode_storage_measured",
    "decode_store_scanned",
    "decode_video_changed",
    "encode_overview",
    "encode_storage",
    "encode_user",
    "encode_users",
]

_MAX_KINDS = 100
_NS_PER_MS, _NS_PER_SECOND = 1e6, 1e9


def decode_video_changed(payload: bytes, now: datetime) -> library.VideoChange:
    """Read a VideoChanged; a time that can not be believed is replaced by the one of arrival.

    Raises:
        InvalidInput: it can not be read, or never be kept.
    """
    event = parse(video_changed_pb2.VideoChanged, payload)
    created_at = library.believed(moment(event, "created_at"), now, now=now)
    return library.VideoChange(
        video_id=require_id("video_id", event.video_id),
        owner_id=require_id("owner_id", event.owner_id),
        sequence=event.sequence,
        filename=clean_text(event.filename),
        state=_state_word(event.state),
        stage=stage_word(event.stage),
        generation=event.generation,
        duration_ns=length_or_none(optional(event, "duration_ns")),
        size_bytes=length_or_none(event.size_bytes),
        scene_count=length_or_none(optional(event, "scene_count")),
        error_reason=clean_word(event.error_reason),
        error_message=clean_text(event.error_message),
        created_at=created_at,
        updated_at=library.believed(moment(event, "updated_at"), created_at, now=now),
        finished_at=moment(event, "finished_at"),
        is_deleted=event.is_deleted,
    )


def decode_storage_measured(payload: bytes, now: datetime) -> StoredMeasurement:
    """Read a StorageMeasured.

    Raises:
        InvalidInput: it can not be read, or never be kept; or its time is one that no clock can have meant.
    """
    event = parse(storage_measured_pb2.StorageMeasured, payload)
    if len(event.stored) > _MAX_KINDS or any(one.bytes < 0 for one in event.stored):
        raise _refusal("stored", f"must have at most {_MAX_KINDS} kinds and no negative number of bytes")
    return StoredMeasurement(
        video_id=require_id("video_id", event.video_id) if event.video_id else "",
        owner_id=require_id("owner_id", event.owner_id) if event.owner_id else "",
        measured_at=_believed(event, "measured_at", now),
        stored=tuple((clean_word(one.kind) or "other", one.bytes) for one in event.stored),
    )


def decode_store_scanned(payload: bytes, now: datetime) -> Store:
    """Read a StoreScanned.

    Raises:
        InvalidInput: it can not be read, or never be kept; or its time is one that no clock can have meant.
    """
    event = parse(storage_measured_pb2.StoreScanned, payload)
    return Store(
        store=clean_word(require_id("store", event.store)),
        scanned_at=_believed(event, "scanned_at", now),
        free_bytes=length_or_none(optional(event, "free_bytes")),
        total_bytes=length_or_none(optional(event, "total_bytes")),
    )


LIBRARY_DECODERS: Mapping[str, Decode] = MappingProxyType(
    {
        video_changed_pb2.VideoChanged.DESCRIPTOR.full_name: decode_video_changed,
        storage_measured_pb2.StorageMeasured.DESCRIPTOR.full_name: decode_storage_measured,
        storage_measured_pb2.StoreScanned.DESCRIPTOR.full_name: decode_store_scanned,
    }
)
"""By the message type in the header: what reads it."""


def encode_overview(report: library.Overview) -> admin.OverviewResponse:
    """Return the answer of `overview`."""
    return admin.OverviewResponse(
        videos_total=report.videos,
        videos_ready_total=report.ready,
        videos_failed_total=report.failed,
        failure_rate_pct=library.failure_rate_pct(report.ready, report.failed),
        hours_ready_total=report.hours_ready,
        searches_7d=report.searches_7d,
        searches_30d=report.searches_30d,
        avg_search_latency_ms_7d=report.avg_latency_ms_7d,
        avg_search_latency_ms_30d=report.avg_latency_ms_30d,
        users_total=report.users,
        videos_queued_total=report.queued,
        videos_processing_total=report.processing,
        videos_cancelled_total=report.cancelled,
        scenes_total=report.scenes,
        exports_30d=report.exports_30d,
        searches_unmeasured_30d=report.unmeasured_searches_30d,
        **_coverage(report.coverage),
    )


def encode_users(page: UserPage) -> admin.UserListResponse:
    """Return the answer of `users`."""
    parts = [user.coverage for user in page.users]
    return admin.UserListResponse(
        items=[admin.UserItem(**_user(user)) for user in page.users],
        page=page.number,
        page_size=page.size,
        total_users=page.total,
        next_page_token=page.next_token,
        measured=sum(part.measured for part in parts),
        missing=sum(part.missing for part in parts),
    )


def encode_user(detail: library.UserDetail) -> admin.UserDetailResponse:
    """Return the answer of `users/{user_id}`."""
    return admin.UserDetailResponse(
        **_user(detail.user),
        recent_videos=map(_recent_video, detail.videos),
        recent_searches=map(_recent_search, detail.searches),
        **_coverage(detail.user.coverage),
    )


def encode_storage(report: StorageReport) -> storage_pb2.GetStorageResponse:
    """Return the answer of `storage`."""
    objects, index = report.stores.get(OBJECT_STORE), report.stores.get(INDEX_STORE)
    return storage_pb2.GetStorageResponse(
        by_kind=_kinds(report.kinds),
        by_owner=[
            storage_pb2.StorageByOwner(owner_id=one.owner_id, bytes=one.bytes, kinds=_kinds(one.kinds))
            for one in report.owners
        ],
        owners_total=report.owner_count,
        total_bytes=sum(size for _, size in report.kinds),
        data=[storage_pb2.StorageDataPoint(day=one.day.isoformat(), bytes=one.bytes) for one in report.days],
        disk=_disk(objects),
        index_disk=_disk(index),
        measured_at=stamp_of(objects.scanned_at) if objects else None,
        **_coverage(report.coverage),
    )


def _user(user: library.User) -> dict[str, Any]:
    return {
        "user_id": user.user_id,
        "videos_total": user.videos,
        "videos_ready": user.ready,
        "hours_ready": user.hours_ready,
        "last_activity": stamp_of(user.last_activity),
        "searches_7d": user.searches_7d,
        "avg_latency_ms_7d": user.avg_latency_ms_7d,
        "videos_failed": user.failed,
        "videos_uploaded": user.uploads,
        "searches": user.searches,
    }


def _recent_video(video: library.RecentVideo) -> admin.RecentVideo:
    return admin.RecentVideo(
        id=video.video_id,
        filename=video.filename,
        status=video.state,
        duration_s=None if video.duration_ns is None else video.duration_ns / _NS_PER_SECOND,
        updated_at=stamp_of(video.updated_at),
        error_message=video.error_message,
    )


def _recent_search(search: library.RecentSearch) -> admin.RecentSearch:
    return admin.RecentSearch(
        query_text=search.query_text,
        created_at=stamp_of(search.asked_at),
        latency_ms=None if search.latency_ns is None else search.latency_ns / _NS_PER_MS,
        results_count=search.results_count,
        video_id=search.video_id,
    )


def _kinds(kinds: tuple[tuple[str, int], ...]) -> list[storage_pb2.StorageByKind]:
    return [storage_pb2.StorageByKind(kind=kind, bytes=size) for kind, size in kinds]


def _disk(store: Store | None) -> storage_pb2.StorageDisk | None:
    if store is None:
        return None
    return storage_pb2.StorageDisk(
        free_bytes=store.free_bytes, total_bytes=store.total_bytes, measured_at=stamp_of(store.scanned_at)
    )


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {"measured": coverage.measured, "approximate": coverage.approximate, "missing": coverage.missing}


def _state_word(number: int) -> str:
    if number in video_pb2.VideoState.values():
        return video_pb2.VideoState.Name(number).removeprefix("VIDEO_STATE_").lower()  # type: ignore[arg-type]
    return f"state_{number}"


def _believed(event: Any, field: str, now: datetime) -> datetime:
    at = moment(event, field)
    if at is None or library.believed(at, now, now=now) != at:
        raise _refusal(field, "is no time that can be believed")
    return at


def _refusal(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field}: {text}", reason="INVALID_EVENT", violations=(FieldViolation(field, text),))
