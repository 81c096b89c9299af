"""What the answers should be, computed from the events themselves by the sentences of the contract, row by row."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Any

import numpy as np

from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2

__all__ = ["Truth", "end_of", "percentiles_of"]

_BACKFILLED = stage_event_pb2.PROVENANCE_BACKFILLED
_ENDS = (stage_pb2.STAGE_COMPLETED, stage_pb2.STAGE_FAILED)
_MS, _S = 1e6, 1e9


def percentiles_of(values: Sequence[float], unit: str) -> dict[str, float]:
    """Median, 95th and 99th percentile by `percentile_cont`; nothing of nothing."""
    if not values:
        return {}
    told = np.percentile(np.asarray(values, np.float64), (50, 95, 99)).tolist()
    return dict(zip((f"p50_{unit}", f"p95_{unit}", f"p99_{unit}"), told, strict=True))


@dataclass(frozen=True)
class Sample:
    """A value, None when it is not known, and whether it is approximate."""

    value: int | None
    is_approximate: bool = False


def end_of(event: Any) -> datetime:
    """When an event counts."""
    return (event.at if isinstance(event, stage_event_pb2.SearchEvent) else event.finished_at).ToDatetime(tzinfo=UTC)


class Truth:
    """The events of a window and perhaps of one owner."""

    def __init__(self, events: Iterable[Any], start: datetime, end: datetime, owner_id: str = "") -> None:
        self._mine = [(at, e) for e in events if owner_id in {"", e.owner_id} and start <= (at := end_of(e)) < end]
        mine = [event for _, event in self._mine]
        self.start, self.end = start, end
        self.searches = [e for e in mine if isinstance(e, stage_event_pb2.SearchEvent)]
        self.operations = [e for e in mine if isinstance(e, stage_event_pb2.OperationEvent)]
        stages = [e for e in mine if isinstance(e, stage_event_pb2.StageEvent)]
        self.runs = [e for e in stages if e.stage in _ENDS]
        self.attempts = [e for e in stages if e.stage not in _ENDS]
        self.ready = [e for e in self.runs if _ended(e) == "ready"]

    def by_period(self, first_day_of: Callable[[date], date], periods: Iterable[date]) -> dict[date, "Truth"]:
        """What counts in each period, by its first day."""
        parts: dict[date, list[Any]] = {period: [] for period in periods}
        for at, event in self._mine:
            parts[first_day_of(at.date())].append(event)
        return {period: Truth(events, self.start, self.end) for period, events in parts.items()}

    def latency(self) -> dict[str, Any]:
        work, queue, total, elapsed = (list(map(of, self.ready)) for of in (_processing, _queue, _total, _elapsed))
        return {
            "videos_measured": len(_known(work)),
            **_summary(work, "processing_ms", _MS),
            "videos_with_queue": len(_known(queue)),
            **_summary(queue, "queue_ms", _MS),
            "videos_with_total": len(_known(total)),
            **_summary(total, "total_ms", _MS),
            "videos_with_elapsed": len(_known(elapsed)),
            **_summary(elapsed, "elapsed_ms", _MS),
            **_coverage(work),
        }

    def rtf(self) -> dict[str, Any]:
        both = [e for e in self.ready if _processing(e).value is not None and e.video_duration_ns]
        return {
            "videos_measured": len(both),
            "videos_without_duration": sum(not e.video_duration_ns for e in self.ready),
            **_summary([_rtf(e) for e in self.ready], "rtf", 1e9),
            **({"avg_video_duration_s": fmean(e.video_duration_ns for e in both) / _S} if both else {}),
            **({"avg_processing_duration_s": fmean(e.duration_ns for e in both) / _S} if both else {}),
            **_coverage(map(_rtf, self.ready)),
        }

    def queue(self) -> dict[str, Any]:
        both = [e for e in self.ready if _total(e).value is not None]
        told = {"videos_measured": len(both), **_coverage(map(_total, self.ready))}
        if both:
            waiting, working = fmean(_queue(e).value for e in both) / _S, fmean(e.duration_ns for e in both) / _S
            told |= {
                "avg_queue_time_s": waiting,
                "avg_processing_time_s": working,
                "avg_total_time_s": waiting + working,
            }
            told |= {"queue_time_pct": 100 * waiting / (waiting + working)} if waiting + working else {}
            told |= {"processing_time_pct": 100 * working / (waiting + working)} if waiting + working else {}
        return told

    def stages(self, **filters: str) -> dict[tuple[str, ...], dict[str, Any]]:
        told = {}
        for key, events in _by(self.attempts, lambda e: (_stage(e), _outcome(e), e.model)).items():
            if filters.get("model", key[2]) == key[2] and filters.get("outcome", key[1]) == key[1]:
                work, waits = list(map(_work, events)), [Sample(_wait(e)) for e in events]
                sums = {"sum_ms": sum(_known(work)) / _MS, "max_ms": max(_known(work)) / _MS} if _known(work) else {}
                told[key] = {
                    "count": len(_known(work)),
                    **_summary(work, "ms", _MS),
                    **sums,
                    **_summary(waits, "wait_ms", _MS),
                    **_coverage(work),
                }
        return told

    def failures(self) -> dict[str, Any]:
        ended = Counter(map(_ended, self.runs))
        stages = Counter(_stage_word(e.failed_stage) for e in self.runs if _ended(e) == "failed")
        return {
            "stages": {stage: (count, 100 * count / ended["failed"]) for stage, count in stages.items()},
            **{f"videos_{end}": ended[end] for end in ("failed", "cancelled", "otherwise")},
            "measured": ended["failed"],
            "approximate": 0,
        }

    def throughput(self) -> dict[str, Any]:
        ended = Counter(map(_ended, self.runs))
        lengths = [e.video_duration_ns for e in self.ready if e.HasField("video_duration_ns")]
        work, rtf = _known(map(_processing, self.ready)), _known(map(_rtf, self.ready))
        return {
            **{f"videos_{end}": ended[end] for end in ("ready", "failed", "cancelled", "otherwise")},
            **({"hours_ready": sum(lengths) / 3.6e12} if lengths or not self.ready else {}),
            "videos_without_duration": sum(not e.video_duration_ns for e in self.ready),
            **({"avg_processing_s": fmean(work) / _S} if work else {}),
            **({"avg_rtf": fmean(rtf) / 1e9} if rtf else {}),
        }

    def series(self, outcome: str = "succeeded", model: str = "") -> dict[str, dict[str, Any]]:
        chosen = [e for e in self.attempts if _outcome(e) == outcome and model in {"", e.model}]
        samples = {stage: list(map(_work, events)) for stage, events in _by(chosen, _stage).items()}
        if outcome == "succeeded" and not model:
            samples["total"] = list(map(_processing, self.ready))
        return {
            stage: {"count": len(_known(of)), **_summary(of, "ms", _MS), **_coverage(of)}
            for stage, of in samples.items()
        }

    def search(self) -> dict[str, Any]:
        latencies = [Sample(e.latency_ns if e.latency_ns >= 0 else None) for e in self.searches]
        empty = sum(not e.results_count for e in self.searches)
        return {
            "searches": len(self.searches),
            "searches_without_result": empty,
            **({"zero_result_rate_pct": 100 * empty / len(self.searches)} if self.searches else {}),
            **_summary(latencies, "ms", _MS),
            **_coverage(latencies),
        }

    def operation_rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        rows = _by(self.operations, lambda e: (_OPERATIONS[e.operation], _outcome(e)))
        told = {key: [Sample(e.duration_ns if e.duration_ns >= 0 else None) for e in of] for key, of in rows.items()}
        if self.searches:
            told["search", "succeeded"] = [Sample(e.latency_ns if e.latency_ns >= 0 else None) for e in self.searches]
        return {
            key: {
                "count": len(_known(of)),
                **_summary(of, "ms", _MS),
                **({"max_ms": max(_known(of)) / _MS} if _known(of) else {}),
                **_coverage(of),
            }
            for key, of in told.items()
        }


_OPERATIONS = ("operation_0", "upload", "export")


def _by(events: Iterable[Any], key_of: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    for event in events:
        found[key_of(event)].append(event)
    return dict(found)


def _stage_word(number: int) -> str:
    known = stage_pb2.Stage.values()
    return stage_pb2.Stage.Name(number).removeprefix("STAGE_").lower() if number in known else f"stage_{number}"


def _stage(event: Any) -> str:
    return _stage_word(event.stage)


def _outcome(event: Any) -> str:
    known = stage_pb2.Outcome.values()
    name = stage_pb2.Outcome.Name(event.outcome) if event.outcome in known else f"OUTCOME_OUTCOME_{event.outcome}"
    return name.removeprefix("OUTCOME_").lower()


def _ended(run: Any) -> str:
    if run.stage == stage_pb2.STAGE_COMPLETED:
        return "ready" if run.outcome == stage_pb2.OUTCOME_SUCCEEDED else "otherwise"
    return {stage_pb2.OUTCOME_FAILED: "failed", stage_pb2.OUTCOME_CANCELLED: "cancelled"}.get(run.outcome, "otherwise")


def _wait(event: Any) -> int | None:
    if event.provenance == _BACKFILLED or not (event.HasField("queued_at") and event.HasField("started_at")):
        return None
    gap = event.started_at.ToDatetime(tzinfo=UTC) - event.queued_at.ToDatetime(tzinfo=UTC)
    return max(0, gap // timedelta(microseconds=1) * 1_000)


def _is_corrected(event: Any) -> bool:
    told = event.HasField("queued_at") and event.HasField("started_at") and event.provenance != _BACKFILLED
    return bool(told and event.started_at.ToNanoseconds() < event.queued_at.ToNanoseconds())


def _work(attempt: Any) -> Sample:
    return Sample(None if attempt.unmeasured_attempts else attempt.duration_ns, _is_corrected(attempt))


def _processing(run: Any) -> Sample:
    is_partial = bool(run.unmeasured_attempts) or _is_corrected(run)
    return Sample(None if run.provenance == _BACKFILLED else run.duration_ns, is_partial)


def _queue(run: Any) -> Sample:
    return Sample(_wait(run), _is_corrected(run))


def _total(run: Any) -> Sample:
    work, wait = _processing(run), _wait(run)
    return Sample(None if work.value is None or wait is None else work.value + wait, work.is_approximate)


def _elapsed(run: Any) -> Sample:
    known = run.HasField("elapsed_ns") and run.provenance != _BACKFILLED
    return Sample(run.elapsed_ns if known else None, _is_corrected(run))


def _rtf(run: Any) -> Sample:
    work = _processing(run)
    if work.value is None or not run.video_duration_ns:
        return Sample(None, work.is_approximate)
    return Sample(work.value / run.video_duration_ns * 1e9, work.is_approximate)  # type: ignore[arg-type]


def _known(samples: Iterable[Sample]) -> list[int]:
    return [sample.value for sample in samples if sample.value is not None]


def _summary(samples: Iterable[Sample], unit: str, scale: float) -> dict[str, float]:
    values = [value / scale for value in _known(samples)]
    return {f"avg_{unit}": fmean(values), **percentiles_of(values, unit)} if values else {}


def _coverage(samples: Iterable[Sample]) -> dict[str, int]:
    several = list(samples)
    known = [sample for sample in several if sample.value is not None]
    approximate = sum(sample.is_approximate for sample in known)
    return {
        "measured": len(known) - approximate,
        "approximate": approximate,
        "missing": len(several) - len(known),
    }
