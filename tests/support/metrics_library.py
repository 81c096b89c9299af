"""A small, seeded library of events with all that goes wrong in one: for answers whose truth is computed apart."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from chassis.core.stages import PIPELINE
from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2
from tests.support.metrics_samples import operation_event, run_event, search_event, stage_event, stamp

__all__ = ["MODELS", "OWNERS", "library"]

OWNERS = ("ada", "bob", "eve")
MODELS = {"transcription": ("tiny@1", "base@2"), "scene_processing": ("clip@1",)}
_SECOND = 1_000_000_000


def library(until: datetime, *, days: int, videos: int, searches: int, operations: int, seed: int) -> list[Message]:
    """Return the events of a library in the days before `until`; equal arguments give equal events."""
    chance = random.Random(seed)  # noqa: S311  # not a secret
    begin = until - timedelta(days=days)
    events: list[Message] = []
    for number in range(videos):
        events += _video(chance, number, _moment(chance, begin, until))
    for number in range(searches):
        events.append(
            search_event(
                number,
                at=_moment(chance, begin, until),
                owner_id=chance.choice(OWNERS),
                latency_ns=-1 if chance.random() < 0.03 else int(chance.lognormvariate(17, 1)),
                results_count=0 if chance.random() < 0.2 else 7,
            )
        )
    for number in range(operations):
        events.append(
            operation_event(
                number,
                operation=chance.choice(("UPLOAD", "EXPORT", "UNSPECIFIED")),
                outcome=chance.choice(("SUCCEEDED", "SUCCEEDED", "FAILED", "CANCELLED")),
                owner_id=chance.choice(OWNERS),
                finished_at=_moment(chance, begin, until),
                duration_ns=-1 if chance.random() < 0.05 else int(chance.lognormvariate(22, 2)),
            )
        )
    return events


def _moment(chance: random.Random, begin: datetime, until: datetime) -> datetime:
    """Return any microsecond, and often one at the edge of an hour or a day."""
    at = begin + timedelta(microseconds=chance.randrange((until - begin) // timedelta(microseconds=1)))
    edge = chance.random()
    if edge < 0.04:
        at = at.replace(hour=0, minute=0, second=0, microsecond=0)
    elif edge < 0.08:
        at = at.replace(minute=0, second=0, microsecond=0)
    elif edge < 0.12:
        at = at.replace(minute=59, second=59, microsecond=999_999)
    return max(begin, at)


def _video(chance: random.Random, number: int, finished_at: datetime) -> Iterator[Message]:
    """Yield the attempts of a run, which end before it does, and its end."""
    owner = chance.choice(OWNERS)
    fate = chance.choices(("ready", "failed", "cancelled", "backfilled", "otherwise"), weights=(80, 8, 4, 5, 3))[0]
    last = chance.choice(PIPELINE) if fate in {"failed", "cancelled"} else PIPELINE[-1]
    lengths, unmeasured = [], 0
    for stage in PIPELINE if fate != "backfilled" else ():
        for attempt in range(1, 3 if chance.random() < 0.1 else 2):
            length = int(chance.lognormvariate(22, 1.5))
            is_lost = chance.random() < 0.01
            unmeasured += is_lost
            lengths.append(0 if is_lost else length)
            outcome = "SUCCEEDED" if attempt == 1 and stage != last else _OUTCOMES.get(fate, "SUCCEEDED")
            yield stage_event(
                number,
                event_id=f"v{number}/1/{stage}/{attempt}",
                owner_id=owner,
                stage=stage.name,
                outcome=outcome,
                attempt=attempt,
                finished_at=finished_at - timedelta(microseconds=chance.randrange(1, 7_200_000_000)),
                duration_ns=length,
                unmeasured_attempts=int(is_lost),
                model=chance.choice(MODELS.get(stage, ("",))),
            )
        if stage == last:
            break
    yield _end(chance, number, fate, finished_at, owner_id=owner, last=last, work=sum(lengths), unmeasured=unmeasured)
    if chance.random() < 0.02:
        future = stage_event(number, event_id=f"v{number}/1/future/1", owner_id=owner, finished_at=finished_at)
        future.stage, future.outcome = 17, 9
        yield future


_OUTCOMES = {"failed": "FAILED", "cancelled": "CANCELLED"}


def _end(
    chance: random.Random, number: int, fate: str, finished_at: datetime, *, last: Any, work: int, **known: Any
) -> Message:
    queue = timedelta(microseconds=chance.randrange(-5_000_000, 600_000_000))
    started_at = finished_at - timedelta(minutes=chance.randrange(1, 90))
    values: dict[str, Any] = {
        "owner_id": known["owner_id"],
        "finished_at": finished_at,
        "queued_at": None if chance.random() < 0.03 else stamp(started_at - queue),
        "started_at": stamp(started_at),
        "duration_ns": work,
        "unmeasured_attempts": known["unmeasured"],
        "elapsed_ns": None
        if chance.random() < 0.05
        else (finished_at - started_at) // timedelta(microseconds=1) * 1_000,
        "video_duration_ns": chance.choices((None, 0, chance.randrange(1, 7_200) * _SECOND), weights=(4, 3, 93))[0],
    }
    if fate == "backfilled":
        values["provenance"] = stage_event_pb2.PROVENANCE_BACKFILLED
    if fate in _OUTCOMES:
        return run_event(number, failed_in=last.name, outcome=_OUTCOMES[fate], **values)
    event = run_event(number, **values)
    if fate == "otherwise":
        event.stage, event.outcome = stage_pb2.STAGE_FAILED, 9
    return event
