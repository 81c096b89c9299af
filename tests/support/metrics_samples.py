"""Events for tests of metrics_svc, as messages of the contract and as the samples that the stores are given."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.codec.events import DECODERS

__all__ = [
    "MINUTE_NS",
    "NOW",
    "operation_event",
    "run_event",
    "samples_of",
    "search_event",
    "stage_event",
    "stamp",
]

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE_NS = 60_000_000_000


def stamp(at):
    """A timestamp message."""
    message = Timestamp()
    message.FromDatetime(at)
    return message


def stage_event(number, *, stage="TRANSCRIPTION", outcome="SUCCEEDED", finished_at=NOW, **changes: object):
    """An attempt at a stage: one minute of work after one second of waiting."""
    started_at = finished_at - timedelta(minutes=1)
    values = {
        "event_id": f"v{number}/1/{stage.lower()}/1",
        "video_id": f"v{number}",
        "owner_id": "owner",
        "generation": 1,
        "stage": stage_pb2.Stage.Value(f"STAGE_{stage}"),
        "attempt": 1,
        "outcome": stage_pb2.Outcome.Value(f"OUTCOME_{outcome}"),
        "queued_at": stamp(started_at - timedelta(seconds=1)),
        "started_at": stamp(started_at),
        "finished_at": stamp(finished_at),
        "duration_ns": MINUTE_NS,
        "video_duration_ns": 2 * MINUTE_NS,
    }
    return stage_event_pb2.StageEvent(**{**values, **changes})


def run_event(number, *, failed_in=None, outcome="FAILED", **changes: object):
    """The end of a run: ready, or failed in a stage."""
    if failed_in is None:
        return stage_event(number, stage="COMPLETED", **{"attempt": 0, **changes})
    failed_stage = stage_pb2.Stage.Value(f"STAGE_{failed_in}")
    return stage_event(
        number, stage="FAILED", outcome=outcome, **{"attempt": 0, "failed_stage": failed_stage, **changes}
    )


def search_event(number, *, at=NOW, **changes: object):
    """A search that took 20 ms."""
    values = {
        "event_id": f"s{number}",
        "owner_id": "owner",
        "at": stamp(at),
        "latency_ns": 20_000_000,
        "query_text": "macaw",
    }
    return stage_event_pb2.SearchEvent(**{**values, **changes})


def operation_event(number, *, operation="UPLOAD", outcome="SUCCEEDED", finished_at=NOW, **changes: object):
    """An upload, or an export, that took two seconds."""
    values = {
        "event_id": f"{operation.lower()}/{number}",
        "operation": stage_event_pb2.Operation.Value(f"OPERATION_{operation}"),
        "owner_id": "owner",
        "video_id": f"v{number}",
        "outcome": stage_pb2.Outcome.Value(f"OUTCOME_{outcome}"),
        "started_at": stamp(finished_at - timedelta(seconds=2)),
        "finished_at": stamp(finished_at),
        "duration_ns": 2_000_000_000,
        "size_bytes": 1_000_000,
    }
    return stage_event_pb2.OperationEvent(**{**values, **changes})


def samples_of(*events: Message, now=NOW) -> list[Any]:
    """What the store is given for events of any kinds."""
    return [DECODERS[event.DESCRIPTOR.full_name](event.SerializeToString(), now) for event in events]
