"""What the Prometheus view should show, and where the numbers of each series come from.

A second statement of the rules that metrics_svc.domain.answers.series shows by, on purpose: an audit that asked the
audited what is right would agree with every mistake of theirs.

The view is computed from sketches, by another path and in other units. Its counters are held against the raw events of
the audited days and the sketches of all other days; its gauges against the raw events of the present day.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from metrics_svc.domain.answers.series import Total
from metrics_svc.domain.audit.comparison import (
    FLOAT_ERROR,
    Cell,
    Check,
    Comparison,
    Difference,
    Labels,
    Numbers,
    Way,
    relative_error,
)
from metrics_svc.domain.events.measures import NANO, Measure
from metrics_svc.domain.events.sketch import RELATIVE_ERROR

__all__ = ["COUNTERS", "GAUGES", "VIEW", "Samples", "compare_view", "counters_of", "gauges_of"]

VIEW = "metrics"
"""The name under which differences of the view are told: the path of a scrape."""
Samples = Mapping[tuple[str, Labels], float]
"""Samples of a scrape by name and labels."""
_MOST_MODELS = 50
_MS_PER_S = 1_000.0


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter: the measure whose rows it adds up, by which of their words, and what it takes of each."""

    measure: Measure
    by: tuple[str, ...]
    value_of: Callable[[Total], float]
    only: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """Percentiles of the present day: the answer that tells them, its field with a gap for `p50`, and their unit."""

    path: str
    field: str
    per_unit: float
    stage_label: bool = False


def _samples(row: Total) -> float:
    return row.samples


def _seconds(row: Total) -> float:
    return row.total / NANO


def _amount(row: Total) -> float:
    return float(row.total)


COUNTERS: Mapping[str, Counter] = {
    "heimdex_library_runs_total": Counter(Measure.RUN, ("outcome",), _samples),
    "heimdex_library_run_failures_total": Counter(Measure.RUN, ("stage",), _samples, ("outcome", "failed")),
    "heimdex_library_processing_seconds_total": Counter(Measure.PROCESSING, (), _seconds),
    "heimdex_library_video_seconds_total": Counter(Measure.VIDEO_LENGTH, (), _seconds),
    "heimdex_library_attempts_total": Counter(Measure.WORK, ("stage", "outcome"), _samples),
    "heimdex_library_attempt_seconds_total": Counter(Measure.WORK, ("stage", "outcome"), _seconds),
    "heimdex_library_attempt_wait_seconds_total": Counter(Measure.WAIT, ("stage",), _seconds),
    "heimdex_library_cpu_seconds_total": Counter(Measure.CPU, ("stage",), _seconds),
    "heimdex_library_gpu_seconds_total": Counter(Measure.GPU, ("stage",), _seconds),
    "heimdex_library_model_calls_total": Counter(Measure.CALLS, ("model",), _amount),
    "heimdex_library_searches_total": Counter(Measure.SEARCH, (), _samples),
    "heimdex_library_empty_searches_total": Counter(Measure.EMPTY_SEARCH, (), _samples),
    "heimdex_library_search_seconds_total": Counter(Measure.SEARCH, (), _seconds),
    "heimdex_library_uploads_total": Counter(Measure.UPLOAD, ("outcome",), _samples),
    "heimdex_library_exports_total": Counter(Measure.EXPORT, ("outcome",), _samples),
}
"""Series that count since ever."""
GAUGES: Mapping[str, Gauge] = {
    "heimdex_library_stage_latency_seconds": Gauge("timeseries/latency", "series.{}_ms", _MS_PER_S, stage_label=True),
    "heimdex_library_processing_latency_seconds": Gauge("performance/latency", "{}_processing_ms", _MS_PER_S),
    "heimdex_library_queue_latency_seconds": Gauge("performance/latency", "{}_queue_ms", _MS_PER_S),
    "heimdex_library_rtf_ratio": Gauge("performance/rtf", "{}_rtf", 1.0),
    "heimdex_library_search_latency_seconds": Gauge("timeseries/search-quality", "{}_ms", _MS_PER_S),
}
"""Series that tell percentiles of the present day."""
_NAMES = frozenset({*COUNTERS, *GAUGES})
_QUANTILES = {"0.5": "p50", "0.95": "p95", "0.99": "p99"}


def counters_of(totals: Iterable[Total]) -> Samples:
    """Return what the counters should be."""
    rows = tuple(totals)
    found: dict[tuple[str, Labels], float] = defaultdict(float)
    for name, counter in COUNTERS.items():
        if not counter.by:
            found[name, ()] += 0.0
        for row in rows:
            if row.measure == counter.measure and (
                counter.only is None or getattr(row, counter.only[0]) == counter.only[1]
            ):
                labels = tuple(sorted((word, str(getattr(row, word))) for word in counter.by))
                found[name, labels] += counter.value_of(row)
    return dict(found)


def gauges_of(answers: Mapping[str, Numbers]) -> Samples:
    """Return what the gauges should be; `answers` are those of the present day, by path. Nothing known is no sample."""
    found = {}
    for name, gauge in GAUGES.items():
        for cell, value in answers[gauge.path].items():
            for quantile, percentile in _QUANTILES.items():
                stage = dict(cell.labels).get("processing_stage", "")
                is_told = stage not in ("", "total") if gauge.stage_label else not cell.labels
                if value is not None and is_told and cell.field == gauge.field.format(percentile):
                    labels = {"quantile": quantile} | ({"stage": stage} if gauge.stage_label else {})
                    found[name, tuple(sorted(labels.items()))] = value / gauge.per_unit
    return found


def compare_view(true: Samples, scrapes: Sequence[Samples]) -> Comparison:
    """Hold the view against the truth, which lies in time between a scrape and the next.

    A number that moved meanwhile may be anything from the one to the other. A view that shows nothing of ours has not
    been computed yet, or is not shown here: then nothing is compared.
    """
    ours = [{key: value for key, value in scrape.items() if key[0] in _NAMES} for scrape in scrapes]
    if not any(ours):
        return Comparison((Check(VIEW, Way.PROMETHEUS, 0, 0),), ())
    expected, *shown = (_bounded(samples) for samples in (true, *ours))
    keys = sorted({*expected, *(key for scrape in shown for key in scrape)})
    faults = []
    for key in keys:
        # A counter that is not there has counted nothing.
        told = (scrape.get(key, 0.0 if key[0] in COUNTERS else None) for scrape in shown)
        values = [value for value in told if value is not None]
        if not _is_between(key[0], expected.get(key), values):
            faults.append(_difference(key, expected.get(key), values))
    return Comparison((Check(VIEW, Way.PROMETHEUS, len(keys), len(faults)),), tuple(faults))


def _bounded(samples: Samples) -> Samples:
    """Add up series of which the view keeps only the largest apart, when there are more than it keeps."""
    models = {key: value for key, value in samples.items() if any(label == "model" for label, _ in key[1])}
    is_cut = len(models) > _MOST_MODELS
    rest = {key: value for key, value in samples.items() if not (is_cut and key in models)}
    for (name, _), value in models.items() if is_cut else ():
        rest[name, ()] = rest.get((name, ()), 0.0) + value
    return rest


def _is_between(name: str, true: float | None, values: Sequence[float]) -> bool:
    if name in COUNTERS:
        true = true or 0.0
    if true is None or not values or not all(math.isfinite(value) for value in values):
        return true is None and not values
    allowed = abs(true) * ((RELATIVE_ERROR if name in GAUGES else 0.0) + FLOAT_ERROR) + FLOAT_ERROR
    return min(values) - allowed <= true <= max(values) + allowed


def _difference(key: tuple[str, Labels], true: float | None, values: Sequence[float]) -> Difference:
    name, labels = key
    numbers = {Way.PROMETHEUS: values[-1] if values else None, Way.RAW: true}
    error = relative_error(numbers[Way.PROMETHEUS], true)
    return Difference(answer=VIEW, cell=Cell(name, labels), values=numbers, relative_error=error)
