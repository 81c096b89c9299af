"""What Prometheus is shown of the store: totals since ever as counters, percentiles of the present day as gauges.

The same sketches answer here and over gRPC, so the two can be compared (the audit does). Labels come from closed sets
or from what our own services name; never an id.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from chassis.core.stages import Outcome, Stage
from metrics_svc.domain.events.measures import NANO, Measure

__all__ = ["Family", "Kind", "Total", "families_of"]

_MOST_MODELS = 50
Labels = tuple[str, ...]


class Kind(StrEnum):
    """How a series behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Total:
    """All samples of a measure, stage, outcome and model since ever; `total` is their exact sum."""

    measure: str
    stage: str
    outcome: str
    model: str
    measured: int
    approximate: int
    missing: int
    total: int

    @property
    def samples(self) -> int:
        """How many samples there are, known or not."""
        return self.measured + self.approximate + self.missing


@dataclass(frozen=True, slots=True)
class Family:
    """All series of a name; `samples` by the values of `labels`, in their order. A counter's name lacks `_total`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    samples: Mapping[Labels, float]


def families_of(totals: Iterable[Total], latest: Mapping[str, Mapping[Labels, float]]) -> tuple[Family, ...]:
    """Return every family; `latest` holds gauges that were computed elsewhere, by name."""
    rows = tuple(totals)
    return (
        *(_counter(name, text, labels, rows, rule) for name, text, labels, rule in _COUNTERS),
        *(Family(name, Kind.GAUGE, text, labels, latest.get(name, {})) for name, text, labels in _GAUGES),
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which rows of the store a counter adds up, by which labels, and what it takes from each."""

    measure: Measure
    labels_of: Callable[[Total], Labels]
    value_of: Callable[[Total], float]
    takes: Callable[[Total], bool] = lambda _row: True


def _counter(name: str, text: str, labels: tuple[str, ...], rows: Iterable[Total], rule: _Rule) -> Family:
    samples: dict[Labels, float] = defaultdict(float)
    for row in rows:
        if row.measure == rule.measure and rule.takes(row):
            samples[rule.labels_of(row)] += rule.value_of(row)
    if not labels:
        samples[()] += 0.0
    return Family(name, Kind.COUNTER, text, labels, _bounded(samples) if labels == ("model",) else samples)


def _bounded(samples: Mapping[Labels, float]) -> dict[Labels, float]:
    """Keep the largest models apart; the rest is one series, so that a broken sender can not flood Prometheus."""
    kept: dict[Labels, float] = defaultdict(float)
    for rank, (key, value) in enumerate(sorted(samples.items(), key=lambda item: (-item[1], item[0]))):
        kept[key if rank < _MOST_MODELS else ("other",)] += value
    return kept


def _seconds(row: Total) -> float:
    return row.total / NANO


def _samples(row: Total) -> float:
    return row.samples


def _nothing(_row: Total) -> Labels:
    return ()


def _stage(row: Total) -> Labels:
    return (row.stage,)


def _outcome(row: Total) -> Labels:
    return (row.outcome,)


def _stage_and_outcome(row: Total) -> Labels:
    return row.stage, row.outcome


def _model(row: Total) -> Labels:
    return (row.model,)


_COUNTERS: tuple[tuple[str, str, tuple[str, ...], _Rule], ...] = (
    (
        "heimdex_library_runs",
        "Runs of videos that ended.",
        ("outcome",),
        _Rule(Measure.RUN, _outcome, _samples),
    ),
    (
        "heimdex_library_run_failures",
        "Runs that failed, by the stage where they broke.",
        ("stage",),
        _Rule(Measure.RUN, _stage, _samples, lambda row: row.outcome == Outcome.FAILED),
    ),
    (
        "heimdex_library_processing_seconds",
        "Processing time of runs that became ready.",
        (),
        _Rule(Measure.PROCESSING, _nothing, _seconds, lambda row: row.stage == Stage.COMPLETED),
    ),
    (
        "heimdex_library_video_seconds",
        "Length of videos that became ready.",
        (),
        _Rule(Measure.VIDEO_LENGTH, _nothing, _seconds),
    ),
    (
        "heimdex_library_attempts",
        "Attempts at a stage that ended.",
        ("stage", "outcome"),
        _Rule(Measure.WORK, _stage_and_outcome, _samples),
    ),
    (
        "heimdex_library_attempt_seconds",
        "Length of attempts at a stage.",
        ("stage", "outcome"),
        _Rule(Measure.WORK, _stage_and_outcome, _seconds),
    ),
    (
        "heimdex_library_attempt_wait_seconds",
        "Time from handed out to begun.",
        ("stage",),
        _Rule(Measure.WAIT, _stage, _seconds),
    ),
    ("heimdex_library_cpu_seconds", "CPU time of stages.", ("stage",), _Rule(Measure.CPU, _stage, _seconds)),
    ("heimdex_library_gpu_seconds", "Accelerator time of stages.", ("stage",), _Rule(Measure.GPU, _stage, _seconds)),
    (
        "heimdex_library_model_calls",
        "Calls of models.",
        ("model",),
        _Rule(Measure.CALLS, _model, lambda row: float(row.total)),
    ),
    ("heimdex_library_searches", "Searches answered.", (), _Rule(Measure.SEARCH, _nothing, _samples)),
    (
        "heimdex_library_empty_searches",
        "Searches without a result.",
        (),
        _Rule(Measure.EMPTY_SEARCH, _nothing, _samples),
    ),
    ("heimdex_library_search_seconds", "Length of searches.", (), _Rule(Measure.SEARCH, _nothing, _seconds)),
    ("heimdex_library_uploads", "Uploads that ended.", ("outcome",), _Rule(Measure.UPLOAD, _outcome, _samples)),
    ("heimdex_library_exports", "Exports that ended.", ("outcome",), _Rule(Measure.EXPORT, _outcome, _samples)),
)
_GAUGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("heimdex_library_stage_latency_seconds", "Length of attempts that succeeded today.", ("stage", "quantile")),
    ("heimdex_library_processing_latency_seconds", "Processing time of videos ready today.", ("quantile",)),
    ("heimdex_library_queue_latency_seconds", "Waiting time of videos ready today.", ("quantile",)),
    ("heimdex_library_rtf_ratio", "Processing time over length of videos ready today.", ("quantile",)),
    ("heimdex_library_search_latency_seconds", "Length of searches of today.", ("quantile",)),
    ("heimdex_library_videos", "Videos by state.", ("state",)),
    ("heimdex_library_storage_bytes", "Bytes stored, by kind.", ("kind",)),
    ("heimdex_library_disk_free_bytes", "Free bytes of the file system of the object store.", ()),
    ("heimdex_library_disk_total_bytes", "Size of the file system of the object store in bytes.", ()),
)
