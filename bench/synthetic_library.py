"""A video library that never was: seeded, so that it is the same everywhere, and as irregular as a real one.

Uploads follow the hours of a day and the days of a week and grow by half over the time; lengths and work have heavy
tails; some attempts fail and are tried again, some videos fail for good, some are cancelled, a few have no length; in
the middle a model is replaced; on one day everything breaks, in one week everything is slow. It comes as the events
that the services publish, so whatever takes events in can be tried with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.core.stages import PIPELINE, Stage
from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2

__all__ = ["Shape", "SyntheticLibrary"]

_NS = 1_000_000_000
_SHARE_OF_WORK = dict(zip(PIPELINE, (0.01, 0.01, 0.14, 0.42, 0.34, 0.05, 0.03), strict=True))
_MODELS: dict[Stage, tuple[str, str]] = {
    Stage.TRANSCRIPTION: ("whisper-base@1", "whisper-base@2"),
    Stage.SCENE_PROCESSING: ("clip-vit-b32@1", "clip-vit-b32@1"),
}
"""Before and after the middle of the time."""
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 10, 11, 12, 12, 11, 9, 8, 7, 6, 5, 4, 3], np.float64)
_WEEKDAYS = np.array([1.2, 1.2, 1.1, 1.1, 1.0, 0.6, 0.5])
_BREAKS_IN = (0.05, 0.3, 0.1, 0.35, 0.12, 0.06, 0.02)
_LONGEST_S = 4 * 3_600
_UNKNOWN_LENGTH, _FAILS, _FAILS_WHEN_BROKEN, _CANCELLED = 0.004, 0.02, 0.4, 0.005
_RETRIED, _SILENT, _BUSY, _WITHOUT_RESULT = 0.012, 0.03, 0.1, 0.06
_QUERIES = ("red car", "sunset over water", "who said budget", "dog runs", "=SUM(A1)", "applause", "whiteboard", "snow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large and how long; `until` is the first instant after it."""

    days: int = 90
    videos: int = 9_000
    searches: int = 20_000
    owners: int = 25
    seed: int = 20_261_121
    until: datetime = datetime(2026, 11, 21, tzinfo=UTC)


class SyntheticLibrary:
    """The events of a library of a shape; equal shapes give equal events."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._begin_ns = int((shape.until - timedelta(days=shape.days)).timestamp()) * _NS

    def stage_events(self) -> Iterator[stage_event_pb2.StageEvent]:
        """Return the events of all stages and ends of runs, a video after the other, by time of upload."""
        random = np.random.default_rng(self._shape.seed)
        for number, uploaded_ns in enumerate(self._moments(random, self._shape.videos)):
            yield from self._video(random, number, int(uploaded_ns))

    def searches(self) -> Iterator[stage_event_pb2.SearchEvent]:
        """Return the searches, by time."""
        random = np.random.default_rng(self._shape.seed + 1)
        moments = self._moments(random, self._shape.searches)
        latencies = random.lognormal(np.log(45e6), 0.5, moments.size)
        empty = random.random(moments.size) < _WITHOUT_RESULT
        for number, at_ns in enumerate(moments):
            yield stage_event_pb2.SearchEvent(
                event_id=f"search/{number}",
                owner_id=self._owner(random),
                at=_stamp(int(at_ns)),
                latency_ns=int(latencies[number]),
                results_count=0 if empty[number] else int(random.integers(1, 20)),
                query_text=_QUERIES[int(random.integers(len(_QUERIES)))],
            )

    def _moments(self, random: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """Return rising moments in nanoseconds, busy when people are busy."""
        first = datetime.fromtimestamp(self._begin_ns / _NS, UTC)
        weekday = (first.weekday() + np.arange(self._shape.days)) % 7
        growth = 1 + 0.5 * np.arange(self._shape.days) / self._shape.days
        weights = np.outer(_WEEKDAYS[weekday] * growth, _HOURS).ravel()
        hours = random.choice(weights.size, count, p=weights / weights.sum())
        return np.sort(self._begin_ns + hours * 3_600 * _NS + random.integers(0, 3_600 * _NS, count))

    def _owner(self, random: np.random.Generator) -> str:
        return f"owner-{min(int(random.zipf(1.4)), self._shape.owners)}"

    def _video(
        self, random: np.random.Generator, number: int, uploaded_ns: int
    ) -> Iterator[stage_event_pb2.StageEvent]:
        fate = self._fate(random, number, uploaded_ns)
        at_ns, work_ns, fence = uploaded_ns, 0, 0
        first_ns: int | None = None
        for stage in PIPELINE:
            for attempt in range(1, 4):
                fence += 1
                queued_ns = at_ns + (2 ** (attempt - 1) * _NS if attempt > 1 else 0)
                event = _attempt(
                    random,
                    fate,
                    stage,
                    attempt=attempt,
                    fence=fence,
                    queued_ns=queued_ns,
                    model=self._model(stage, uploaded_ns),
                )
                yield event
                at_ns = event.started_at.ToNanoseconds() + event.duration_ns
                first_ns = event.started_at.ToNanoseconds() if first_ns is None else first_ns
                work_ns += event.duration_ns
                if event.outcome != stage_pb2.OUTCOME_FAILED or stage is fate.last:
                    break
            if stage is fate.last:
                break
        yield _end_of_run(
            fate,
            uploaded_ns=uploaded_ns,
            first_ns=uploaded_ns if first_ns is None else first_ns,
            at_ns=at_ns,
            work_ns=work_ns,
            fence=fence,
        )

    def _fate(self, random: np.random.Generator, number: int, uploaded_ns: int) -> "_Fate":
        """Decide what becomes of a video: on the broken day many fail, in the slow week work takes longer."""
        day = (uploaded_ns - self._begin_ns) // (86_400 * _NS)
        slow_from = self._shape.days * 3 // 4
        length_s = min(random.lognormal(np.log(180), 1.1), _LONGEST_S) if random.random() > _UNKNOWN_LENGTH else None
        factor = random.lognormal(np.log(0.18), 0.35) * (2.5 if slow_from <= day < slow_from + 7 else 1.0)
        fails = random.random() < (_FAILS_WHEN_BROKEN if day == self._shape.days * 2 // 3 else _FAILS)
        is_cancelled = random.random() < _CANCELLED
        return _Fate(
            video=f"video-{number}",
            owner=self._owner(random),
            length_ns=None if length_s is None else int(length_s * _NS),
            work_ns=(length_s or 60.0) * factor * _NS,
            last=PIPELINE[int(random.choice(7, p=_BREAKS_IN))] if fails or is_cancelled else None,
            is_cancelled=is_cancelled,
        )

    def _model(self, stage: Stage, uploaded_ns: int) -> str:
        old, new = _MODELS.get(stage, ("", ""))
        return new if uploaded_ns > self._begin_ns + self._shape.days * 43_200 * _NS else old


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fate:
    video: str
    owner: str
    length_ns: int | None
    work_ns: float
    last: Stage | None
    """Where it breaks; None: it becomes ready."""
    is_cancelled: bool


def _attempt(  # an attempt has these parts
    random: np.random.Generator, fate: _Fate, stage: Stage, *, attempt: int, fence: int, queued_ns: int, model: str
) -> stage_event_pb2.StageEvent:
    wait_s = random.exponential(0.4) + (random.exponential(20) if random.random() < _BUSY else 0.0)
    started_ns = queued_ns + int(wait_s * _NS)
    duration_ns = max(1, int(fate.work_ns * _SHARE_OF_WORK[stage] * random.lognormal(0, 0.25)))
    outcome = stage_pb2.OUTCOME_SUCCEEDED
    if stage is fate.last:
        outcome = stage_pb2.OUTCOME_CANCELLED if fate.is_cancelled else stage_pb2.OUTCOME_FAILED
    elif attempt < 3 and random.random() < _RETRIED:  # noqa: PLR2004  # the third attempt of a video that lives succeeds
        outcome = stage_pb2.OUTCOME_FAILED
    elif stage is Stage.TRANSCRIPTION and random.random() < _SILENT:
        outcome = stage_pb2.OUTCOME_SKIPPED
    return stage_event_pb2.StageEvent(
        event_id=f"{fate.video}/1/{stage}/{fence}",
        video_id=fate.video,
        owner_id=fate.owner,
        generation=1,
        stage=stage_pb2.Stage.Value(f"STAGE_{stage.name}"),
        attempt=attempt,
        outcome=outcome,
        reason="UPSTREAM_UNAVAILABLE" if outcome == stage_pb2.OUTCOME_FAILED else "",
        queued_at=_stamp(queued_ns),
        started_at=_stamp(started_ns),
        finished_at=_stamp(started_ns + duration_ns),
        duration_ns=duration_ns,
        cpu_ns=int(duration_ns * 0.9),
        video_duration_ns=fate.length_ns,
        model=model,
        model_calls=1 + duration_ns // (2 * _NS) if model else None,
        worker=f"{stage}/bench/{fence % 2}",
        worker_slots=1,
    )


def _end_of_run(  # a run has these times
    fate: _Fate, *, uploaded_ns: int, first_ns: int, at_ns: int, work_ns: int, fence: int
) -> stage_event_pb2.StageEvent:
    word = "completed" if fate.last is None else "failed"
    outcome = "SUCCEEDED" if fate.last is None else "CANCELLED" if fate.is_cancelled else "FAILED"
    return stage_event_pb2.StageEvent(
        event_id=f"{fate.video}/1/{word}/{fence}",
        video_id=fate.video,
        owner_id=fate.owner,
        generation=1,
        stage=stage_pb2.STAGE_COMPLETED if fate.last is None else stage_pb2.STAGE_FAILED,
        outcome=stage_pb2.Outcome.Value(f"OUTCOME_{outcome}"),
        reason="" if fate.last is None else "CANCELLED" if fate.is_cancelled else "UNREADABLE_MEDIA",
        queued_at=_stamp(uploaded_ns),
        started_at=_stamp(first_ns),
        finished_at=_stamp(at_ns),
        duration_ns=work_ns,
        elapsed_ns=at_ns - first_ns,
        video_duration_ns=fate.length_ns,
        worker="ingest_svc/bench/1",
        failed_stage=stage_pb2.Stage.Value(f"STAGE_{fate.last.name}") if fate.last else stage_pb2.STAGE_UNSPECIFIED,
    )


def _stamp(at_ns: int) -> Timestamp:
    return Timestamp(seconds=at_ns // _NS, nanos=at_ns % _NS)
