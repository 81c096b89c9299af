"""The one way to measure a piece of work: a log line, a histogram sample and a stage event from the same record."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.core.clock import Clock, SystemClock
from chassis.core.errors import HeimdexError
from chassis.core.stages import Outcome, Stage, StageRecord
from chassis.io import logs, metrics
from chassis.io.energy import EnergyMeter
from chassis.io.spending import Spending, spending_on
from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2

__all__ = [
    "StageSpan",
    "measure_stage",
    "outcome_to_proto",
    "reason_of",
    "report_stage",
    "stage_event",
    "stage_from_proto",
    "stage_to_proto",
    "timestamp",
    "worker_name",
]

_log = logs.get_logger(__name__)


class StageSpan:
    """A piece of work while it runs; the handler fills in what it counted. `record` is there once it has ended.

    What the work uses up is charged to `spending` by whoever measures it; see `chassis.io.spending`.
    """

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.items: int | None = None
        self.bytes_read: int | None = None
        self.video_duration_ns: int | None = None
        self.spending = Spending()
        self.model = ""
        self.skipped_reason = ""
        self._record: StageRecord | None = None

    @property
    def record(self) -> StageRecord:
        """The finished record.

        Raises:
            RuntimeError: the work has not ended.
        """
        if self._record is None:
            raise RuntimeError("the stage has not ended")
        return self._record


def worker_name(service: str) -> str:
    """Return `service/host/pid`."""
    return f"{service}/{socket.gethostname()}/{os.getpid()}"


def reason_of(error: BaseException) -> str:
    """Return the machine-readable reason of an error."""
    return error.reason if isinstance(error, HeimdexError) else "INTERNAL"


@contextmanager
def measure_stage(  # noqa: PLR0913  # the identity of a piece of work has these parts
    stage: Stage,
    *,
    video_id: str,
    owner_id: str,
    generation: int,
    attempt: int,
    fence: int,
    queued_at: datetime,
    worker: str,
    worker_slots: int = 0,
    clock: Clock | None = None,
    report: Callable[[StageRecord], None] | None = None,
) -> Iterator[StageSpan]:
    """Measure the block and feed the record to the log and the histogram; the caller publishes it as an event.

    An exception passes through after it was recorded: cancelled for CancelledError, failed for all others. Who gives a
    `report` calls `report_stage` itself, once it is certain how the work ended.
    """
    clock, energy = clock or SystemClock(), _energy_meter()
    started_at, started_ns, packages = clock.now(), clock.monotonic_ns(), energy.read()
    span = StageSpan(started_at)
    outcome, reason = Outcome.SUCCEEDED, ""
    try:
        with spending_on(span.spending):
            yield span
        if span.skipped_reason:
            outcome, reason = Outcome.SKIPPED, span.skipped_reason
    except asyncio.CancelledError:
        outcome, reason = Outcome.CANCELLED, "STOPPING"
        raise
    except BaseException as error:
        outcome, reason = Outcome.FAILED, reason_of(error)
        raise
    finally:
        span._record = StageRecord(  # noqa: SLF001  # the span and its measure are one thing in two parts
            video_id=video_id,
            owner_id=owner_id,
            generation=generation,
            stage=stage,
            attempt=attempt,
            fence=fence,
            outcome=outcome,
            reason=reason,
            queued_at=queued_at,
            started_at=started_at,
            finished_at=clock.now(),
            duration_ns=max(0, clock.monotonic_ns() - started_ns),
            video_duration_ns=span.video_duration_ns,
            items=span.items,
            bytes_read=span.bytes_read,
            model=span.model,
            worker=worker,
            cpu_ns=span.spending.cpu_ns,
            gpu_ns=span.spending.gpu_ns,
            energy_uj=span.spending.energy_with(energy.used_by(span.spending.cpu_ns, packages, energy.read())),
            model_calls=span.spending.model_calls,
            worker_slots=worker_slots,
        )
        (report or report_stage)(span.record)


@cache
def _energy_meter() -> EnergyMeter:
    return EnergyMeter()


def report_stage(record: StageRecord) -> None:
    """Feed a record to the log and the histogram; one whose length nobody measured goes to the log alone."""
    if record.duration_ns is not None:
        metrics.STAGE_DURATION.labels(record.stage, record.outcome).observe(record.duration_ns / 1e9)
    log = _log.warning if record.outcome is Outcome.FAILED else _log.info
    log(
        "a stage has ended",
        stage=record.stage,
        outcome=record.outcome,
        reason=record.reason,
        attempt=record.attempt,
        duration_ms=None if record.duration_ns is None else round(record.duration_ns / 1e6, 3),
        items=record.items,
        model=record.model,
    )


def timestamp(at: datetime | None) -> Timestamp | None:
    """Return a protobuf timestamp; None stays None."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def stage_to_proto(stage: Stage) -> "stage_pb2.Stage.ValueType":
    """Return the enum value of a stage."""
    return stage_pb2.Stage.Value(f"STAGE_{stage.name}")


def stage_from_proto(value: int) -> Stage:
    """Return the stage of an enum value.

    Raises:
        ValueError: a value from a newer version, or UNSPECIFIED.
    """
    return Stage(stage_pb2.Stage.Name(value).removeprefix("STAGE_").lower())  # type: ignore[arg-type]


def outcome_to_proto(outcome: Outcome) -> "stage_pb2.Outcome.ValueType":
    """Return the enum value of an outcome."""
    return stage_pb2.Outcome.Value(f"OUTCOME_{outcome.name}")


def stage_event(record: StageRecord) -> stage_event_pb2.StageEvent:
    """Return the telemetry record as a message."""
    return stage_event_pb2.StageEvent(
        event_id=record.event_id,
        video_id=record.video_id,
        owner_id=record.owner_id,
        generation=record.generation,
        stage=stage_to_proto(record.stage),
        attempt=record.attempt,
        outcome=outcome_to_proto(record.outcome),
        reason=record.reason,
        queued_at=timestamp(record.queued_at),
        started_at=timestamp(record.started_at),
        finished_at=timestamp(record.finished_at),
        duration_ns=record.duration_ns or 0,
        video_duration_ns=record.video_duration_ns,
        items=record.items,
        bytes_read=record.bytes_read,
        model=record.model,
        worker=record.worker,
        cpu_ns=record.cpu_ns,
        gpu_ns=record.gpu_ns,
        energy_uj=record.energy_uj,
        model_calls=record.model_calls,
        worker_slots=record.worker_slots,
        unmeasured_attempts=1 if record.duration_ns is None else 0,
    )
