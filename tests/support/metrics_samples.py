"""Stage and search events for tests of metrics_svc, as bytes on the wire."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.codec.events import decode_stage_event
from metrics_svc.domain.samples import Batch

__all__ = ["MINUTE_NS", "NOW", "batch_of", "run_event", "search_event", "stage_event", "stamp"]

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


def batch_of(*events: stage_event_pb2.StageEvent, now=NOW):
    """What the store is given for these stage events."""
    return Batch.of(tuple(decode_stage_event(event.SerializeToString(), now) for event in events))
