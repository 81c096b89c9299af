"""Events to samples. What a newer writer sends is kept under its number; what can never be stored is refused."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from chassis.core.stages import Stage
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.codec.wire import moment, optional, parse
from metrics_svc.domain.samples import (
    Sample,
    SearchSample,
    StageSample,
    VideoRun,
    Wait,
    clean_text,
    counted_at,
    length_or_none,
    require_id,
    wait_between,
)
from metrics_svc.domain.words import END_OF_RUN, outcome_word, stage_word

__all__ = ["DECODERS", "decode_search_event", "decode_stage_event"]


def decode_stage_event(payload: bytes, now: datetime) -> StageSample | VideoRun:
    """Read a StageEvent: COMPLETED and FAILED are the end of a run, everything else is a piece of work.

    Raises:
        InvalidInput: it can not be read, or never be stored.
    """
    event = parse(stage_event_pb2.StageEvent, payload)
    if stage_word(event.stage) in END_OF_RUN:
        return VideoRun(
            **_common(event, now),
            queue_ns=_wait(event).ns,
            failed_stage=stage_word(event.failed_stage) if stage_word(event.stage) == Stage.FAILED else "",
        )
    return StageSample(
        **_common(event, now),
        attempt=event.attempt,
        wait_ns=_wait(event).ns,
        items=optional(event, "items"),
        bytes_read=optional(event, "bytes_read"),
        model=clean_text(event.model),
        worker=clean_text(event.worker),
        cpu_ns=length_or_none(optional(event, "cpu_ns")),
    )


def decode_search_event(payload: bytes, now: datetime) -> SearchSample:
    """Read a SearchEvent.

    Raises:
        InvalidInput: it can not be read, or never be stored.
    """
    event = parse(stage_event_pb2.SearchEvent, payload)
    asked_at = moment(event, "at")
    return SearchSample(
        event_id=require_id("event_id", event.event_id),
        owner_id=require_id("owner_id", event.owner_id),
        asked_at=asked_at,
        counted_at=counted_at(asked_at, now)[0],
        latency_ns=length_or_none(event.latency_ns),
        results_count=event.results_count,
        query_text=clean_text(event.query_text),
    )


DECODERS: Mapping[str, Callable[[bytes, datetime], Sample]] = MappingProxyType(
    {
        stage_event_pb2.StageEvent.DESCRIPTOR.full_name: decode_stage_event,
        stage_event_pb2.SearchEvent.DESCRIPTOR.full_name: decode_search_event,
    }
)
"""By the message type in the header: what reads it, given the bytes and the present time."""


def _common(event: stage_event_pb2.StageEvent, now: datetime) -> dict[str, Any]:
    finished_at = moment(event, "finished_at")
    at, is_replaced = counted_at(finished_at, now)
    return {
        "event_id": require_id("event_id", event.event_id),
        "video_id": require_id("video_id", event.video_id),
        "owner_id": require_id("owner_id", event.owner_id),
        "generation": event.generation,
        "stage": stage_word(event.stage),
        "outcome": outcome_word(event.outcome),
        "reason": clean_text(event.reason),
        "queued_at": moment(event, "queued_at"),
        "started_at": moment(event, "started_at"),
        "finished_at": finished_at,
        "counted_at": at,
        "duration_ns": length_or_none(event.duration_ns),
        "is_clock_corrected": is_replaced or _wait(event).is_corrected,
        "video_duration_ns": length_or_none(optional(event, "video_duration_ns")),
    }


def _wait(event: stage_event_pb2.StageEvent) -> Wait:
    return wait_between(moment(event, "queued_at"), moment(event, "started_at"))
