"""An audit over a database, asked as an administrator would, and events of every kind there is to be audited."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from google.protobuf.message import Message

from chassis.core.stages import PIPELINE
from chassis.io.identity import Principal, principal_var
from chassis.io.postgres import Database
from heimdex.metrics.v1 import audit_pb2, stage_event_pb2
from metrics_svc.adapters.answer_store import PostgresAnswerStore
from metrics_svc.adapters.audit_store import FrozenDatabase, PostgresMoment
from metrics_svc.adapters.cost_store import PostgresCostStore
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.adapters.library_store import PostgresLibraryStore
from metrics_svc.domain.audit.scraped import Samples
from metrics_svc.grpc_api import AdminParts, AdminServicer
from metrics_svc.ports.audit import AuditParts
from tests.support.metrics_samples import (
    MINUTE_NS,
    NOW,
    operation_event,
    run_event,
    samples_of,
    search_event,
    stage_event,
    stamp,
)

__all__ = ["AuditLab", "NoView", "mixed_events"]

_OWNERS = ("ada", "bob", "cem")
_CACHE_BYTES = 64 << 20


class NoView:
    """A Prometheus view that shows nothing."""

    async def samples(self) -> Samples:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class _StoppedClock:
    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return 0


class AuditLab:
    """A database with an intake in front and an audit behind it; `store` takes events."""

    def __init__(self, database: Database, *, now: datetime = NOW, view: Any = None, keep_days: int = 400) -> None:
        self.database, self.now = database, now
        self.store = PostgresEventStore(database)
        self.answers = PostgresAnswerStore(database, cache_bytes=_CACHE_BYTES)
        self.before_answers: Callable[[], Any] | None = None
        """Called when the moment of an audit has been taken hold of."""
        audits = AuditParts(hold=self._hold, view=view or NoView(), keep_days=keep_days)
        values = dict.fromkeys(AdminParts.__slots__, cast(Any, None))
        self.servicer = AdminServicer(AdminParts(**{**values, "clock": _StoppedClock(now), "audit": audits}))

    async def add(self, *events: Message, at: datetime | None = None) -> None:
        """Take events in, as of the time of the lab."""
        await self.store.add(samples_of(*events, now=at or self.now))

    async def audit(self, **request: Any) -> audit_pb2.AuditMetricsResponse:
        """Ask for an audit; the request holds `range`, or `start_at` and `end_at` as datetimes, and `owner_id`."""
        stamps = {name: stamp(value) if isinstance(value, datetime) else value for name, value in request.items()}
        with _administrator():
            return await self.servicer.AuditMetrics(audit_pb2.AuditMetricsRequest(**stamps), cast(Any, None))

    async def execute(self, statement: str, *values: object) -> str:
        """Run a statement, and say how many rows it touched."""
        async with self.database.connection() as connection:
            return await connection.execute(statement, *values)

    @asynccontextmanager
    async def _hold(self) -> AsyncIterator[tuple[PostgresMoment, dict[str, Any]]]:
        async with FrozenDatabase.of(self.database) as frozen:
            if self.before_answers is not None:
                await self.before_answers()
            answers = self.answers.reading(frozen)
            library, costs = PostgresLibraryStore(frozen), PostgresCostStore(frozen)
            yield PostgresMoment(frozen), {"answers": answers, "costs": costs, "library": library}


def mixed_events(*, days: int = 4, per_day: int = 30, seed: int = 1, until: datetime = NOW) -> list[Message]:
    """Return events of all kinds and all kinds of flaws over some days before `until`, in no order."""
    draw = random.Random(seed)  # noqa: S311  # not a secret
    events: list[Message] = []
    for number in range(days * per_day):
        at = until - timedelta(microseconds=draw.randrange(days * 86_400_000_000))
        events += [_attempt(draw, number, at), _run(draw, number, at)]
        if number % 3 == 0:
            events += [_search(draw, number, at), _operation(draw, number, at)]
    draw.shuffle(events)
    return events


def _attempt(draw: random.Random, number: int, at: datetime) -> stage_event_pb2.StageEvent:
    event = stage_event(
        number,
        stage=draw.choice(PIPELINE).name,
        outcome=draw.choice(("SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED")),
        finished_at=at,
        owner_id=draw.choice(_OWNERS),
        duration_ns=_length(draw),
        model=draw.choice(("", "base@1", "tiny@2")),
        unmeasured_attempts=int(draw.random() < 0.05),
    )
    for field, most in (("cpu_ns", 1 << 40), ("gpu_ns", 1 << 40), ("energy_uj", 1 << 30), ("model_calls", 50)):
        if draw.random() < 0.7:
            setattr(event, field, draw.randrange(most))
    if draw.random() < 0.05:
        event.stage = 17 + draw.randrange(2)
    if draw.random() < 0.05:
        event.outcome = 9
    return _flawed(draw, event, at)


def _run(draw: random.Random, number: int, at: datetime) -> stage_event_pb2.StageEvent:
    changes = {"finished_at": at, "owner_id": draw.choice(_OWNERS), "duration_ns": _length(draw)}
    kind = draw.random()
    if kind < 0.7:
        event = run_event(number, video_duration_ns=draw.choice((0, 1, draw.randrange(90 * MINUTE_NS))), **changes)
        if draw.random() < 0.1:
            event.ClearField("video_duration_ns")
        if draw.random() < 0.8:
            event.elapsed_ns = draw.randrange(1 << 43)
        event.unmeasured_attempts = int(draw.random() < 0.1)
    else:
        outcome = "FAILED" if kind < 0.9 else "CANCELLED"
        event = run_event(number, failed_in=draw.choice(PIPELINE).name, outcome=outcome, **changes)
    if draw.random() < 0.04:
        event.outcome = 9
    if draw.random() < 0.1:
        event.provenance = stage_event_pb2.PROVENANCE_BACKFILLED
    return _flawed(draw, event, at)


def _search(draw: random.Random, number: int, at: datetime) -> stage_event_pb2.SearchEvent:
    latency_ns = -1 if draw.random() < 0.1 else draw.randrange(1 << 32)
    return search_event(
        number, owner_id=draw.choice(_OWNERS), at=at, latency_ns=latency_ns, results_count=draw.randrange(3)
    )


def _operation(draw: random.Random, number: int, at: datetime) -> stage_event_pb2.OperationEvent:
    event = operation_event(
        number,
        operation=draw.choice(("UPLOAD", "EXPORT")),
        outcome=draw.choice(("SUCCEEDED", "FAILED")),
        owner_id=draw.choice(_OWNERS),
        finished_at=at,
        duration_ns=-1 if draw.random() < 0.1 else _length(draw),
    )
    if draw.random() < 0.1:
        event.operation = 7
    if draw.random() < 0.1:
        event.finished_at.CopyFrom(stamp(NOW + timedelta(days=900)))
    return event


def _flawed(draw: random.Random, event: stage_event_pb2.StageEvent, at: datetime) -> stage_event_pb2.StageEvent:
    """Let some clocks run backwards, some be forgotten, and some be absurd."""
    flaw = draw.random()
    if flaw < 0.05:
        event.queued_at.CopyFrom(stamp(at + timedelta(hours=2)))
    elif flaw < 0.1:
        event.ClearField("queued_at")
    elif flaw < 0.12:
        event.finished_at.CopyFrom(stamp(NOW + timedelta(days=900)))
    elif flaw < 0.14:
        event.queued_at.CopyFrom(stamp(datetime.fromisoformat("1800-01-01T00:00:00Z")))
    return event


def _length(draw: random.Random) -> int:
    return draw.choice((0, 1, draw.randrange(1 << 34), draw.randrange(1 << 44), (1 << 63) - 1))


@contextmanager
def _administrator() -> AbstractContextManager[None]:  # type: ignore[misc]
    token = principal_var.set(Principal("ada", True, ""))
    try:
        yield
    finally:
        principal_var.reset(token)
