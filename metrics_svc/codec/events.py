"""Events to samples. What a newer writer sends is kept under its number; what can never be stored is refused.

Twenty thousand of them are read in a second, so times stay whole microseconds and every field is read once.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from chassis.core.stages import Stage
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.codec.wire import optional, parse
from metrics_svc.domain.events.samples import (
    OperationSample,
    SearchSample,
    StageSample,
    VideoRun,
    Wait,
    clean_text,
    clean_word,
    counted_us,
    length_or_none,
    require_id,
    wait_between,
)
from metrics_svc.domain.events.words import END_OF_RUN, operation_word, outcome_word, stage_word

__all__ = [
    "DECODERS",
    "Decode",
    "decode_operation_event",
    "decode_search_event",
    "decode_stage_event",
    "micros",
    "moment_us",
]

Decode = Callable[[bytes, datetime], Any]
"""Reads the bytes of an event, given the present time; raises InvalidInput for what can never be kept."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_SECOND, _LAST_SECOND = -62_104_060_800, 253_370_764_799
"""The years 2 to 9998: what a date can hold, less the years at its ends, where the database driver sees infinity."""
_NANOS = 1_000_000_000
_BACKFILLED = stage_event_pb2.PROVENANCE_BACKFILLED
_NO_WAIT = Wait(None, is_corrected=False)


def decode_stage_event(payload: bytes, now: datetime) -> StageSample | VideoRun:
    """Read a StageEvent: COMPLETED and FAILED are the end of a run, everything else is a piece of work.

    What was filled in later has no lengths, whatever it says: nobody measured them.

    Raises:
        InvalidInput: it can not be read, or never be stored.
    """
    event = parse(stage_event_pb2.StageEvent, payload)
    stage = stage_word(event.stage)
    return _run(event, stage, micros(now)) if stage in END_OF_RUN else _attempt(event, stage, micros(now))


def decode_search_event(payload: bytes, now: datetime) -> SearchSample:
    """Read a SearchEvent.

    Raises:
        InvalidInput: it can not be read, or never be stored.
    """
    event = parse(stage_event_pb2.SearchEvent, payload)
    asked_us = moment_us(event, "at")
    return SearchSample(
        event_id=require_id("event_id", event.event_id),
        owner_id=require_id("owner_id", event.owner_id),
        asked_us=asked_us,
        counted_us=counted_us(asked_us, micros(now))[0],
        latency_ns=length_or_none(event.latency_ns),
        results_count=max(0, event.results_count),
        query_text=clean_text(event.query_text),
        video_id=clean_word(event.video_id),
    )


def decode_operation_event(payload: bytes, now: datetime) -> OperationSample:
    """Read an OperationEvent.

    Raises:
        InvalidInput: it can not be read, or never be stored.
    """
    event = parse(stage_event_pb2.OperationEvent, payload)
    finished_us = moment_us(event, "finished_at")
    at_us, is_replaced = counted_us(finished_us, micros(now))
    return OperationSample(
        event_id=require_id("event_id", event.event_id),
        operation=operation_word(event.operation),
        owner_id=require_id("owner_id", event.owner_id),
        video_id=require_id("video_id", event.video_id) if event.video_id else "",
        outcome=outcome_word(event.outcome),
        reason=clean_text(event.reason),
        started_us=moment_us(event, "started_at"),
        finished_us=finished_us,
        counted_us=at_us,
        duration_ns=length_or_none(event.duration_ns),
        is_clock_corrected=is_replaced,
        size_bytes=length_or_none(optional(event, "size_bytes")),
        media_duration_ns=length_or_none(optional(event, "media_duration_ns")),
    )


DECODERS: Mapping[str, Decode] = MappingProxyType(
    {
        stage_event_pb2.StageEvent.DESCRIPTOR.full_name: decode_stage_event,
        stage_event_pb2.SearchEvent.DESCRIPTOR.full_name: decode_search_event,
        stage_event_pb2.OperationEvent.DESCRIPTOR.full_name: decode_operation_event,
    }
)
"""By the message type in the header: what reads it."""


@lru_cache(maxsize=16)
def micros(at: datetime) -> int:
    """Return a time as whole microseconds since 1970, UTC; all events of a batch ask for the same."""
    return (at - _EPOCH) // _MICROSECOND


def moment_us(message: Any, field: str) -> int | None:
    """Return a time in microseconds since 1970, UTC; None when it is absent or no date can hold it."""
    if not message.HasField(field):
        return None
    stamp = getattr(message, field)
    seconds, nanos = stamp.seconds, stamp.nanos
    if _FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < _NANOS:
        return int(seconds * 1_000_000 + nanos // 1_000)
    return None


def _attempt(event: stage_event_pb2.StageEvent, stage: str, now_us: int) -> StageSample:
    has = event.HasField
    queued_us, started_us = moment_us(event, "queued_at"), moment_us(event, "started_at")
    finished_us = moment_us(event, "finished_at")
    at_us, is_replaced = counted_us(finished_us, now_us)
    is_backfilled = event.provenance == _BACKFILLED
    wait = _NO_WAIT if is_backfilled else wait_between(queued_us, started_us)
    return StageSample(
        *_ids(event),
        event.generation,
        stage,
        event.attempt,
        outcome_word(event.outcome),
        clean_text(event.reason),
        queued_us,
        started_us,
        finished_us,
        at_us,
        None if is_backfilled or event.unmeasured_attempts else length_or_none(event.duration_ns),
        wait.ns,
        is_replaced or wait.is_corrected,
        length_or_none(event.video_duration_ns) if has("video_duration_ns") else None,
        event.items if has("items") else None,
        event.bytes_read if has("bytes_read") else None,
        clean_word(event.model),
        clean_text(event.worker),
        length_or_none(event.cpu_ns) if has("cpu_ns") else None,
        length_or_none(event.gpu_ns) if has("gpu_ns") else None,
        length_or_none(event.energy_uj) if has("energy_uj") else None,
        length_or_none(event.model_calls) if has("model_calls") else None,
        max(0, event.worker_slots),
        is_backfilled,
    )


def _run(event: stage_event_pb2.StageEvent, stage: str, now_us: int) -> VideoRun:
    queued_us, started_us = moment_us(event, "queued_at"), moment_us(event, "started_at")
    finished_us = moment_us(event, "finished_at")
    at_us, is_replaced = counted_us(finished_us, now_us)
    is_backfilled = event.provenance == _BACKFILLED
    wait = _NO_WAIT if is_backfilled else wait_between(queued_us, started_us)
    event_id, video_id, owner_id = _ids(event)
    return VideoRun(
        event_id=event_id,
        video_id=video_id,
        owner_id=owner_id,
        generation=event.generation,
        stage=stage,
        outcome=outcome_word(event.outcome),
        failed_stage=_broken_in(event) if stage == Stage.FAILED else "",
        reason=clean_text(event.reason),
        queued_us=queued_us,
        started_us=started_us,
        finished_us=finished_us,
        counted_us=at_us,
        duration_ns=None if is_backfilled else length_or_none(event.duration_ns),
        queue_ns=wait.ns,
        is_clock_corrected=is_replaced or wait.is_corrected,
        video_duration_ns=length_or_none(optional(event, "video_duration_ns")),
        elapsed_ns=None if is_backfilled else length_or_none(optional(event, "elapsed_ns")),
        unmeasured_attempts=max(0, event.unmeasured_attempts),
        is_backfilled=is_backfilled,
    )


def _broken_in(event: stage_event_pb2.StageEvent) -> str:
    """Return where a run broke: an end is no stage to break in, and would count it among those that became ready."""
    word = stage_word(event.failed_stage)
    return "unspecified" if word in END_OF_RUN else word


def _ids(event: stage_event_pb2.StageEvent) -> tuple[str, str, str]:
    return (
        require_id("event_id", event.event_id),
        require_id("video_id", event.video_id),
        require_id("owner_id", event.owner_id),
    )
