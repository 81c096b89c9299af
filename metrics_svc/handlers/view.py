"""The gauges that Prometheus is shown: the same answers that gRPC gives for today, as numbers with labels."""

from collections.abc import Mapping
from datetime import datetime

from metrics_svc.domain.answers.quantiles import Quantiles
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.timing import TOTAL
from metrics_svc.handlers import answers, timing
from metrics_svc.ports.answers import AnswerStore
from metrics_svc.ports.library import LibraryStore, StorageStore

__all__ = ["Gauges", "latest_gauges"]

Gauges = dict[str, Mapping[tuple[str, ...], float]]
"""By name, then by the values of the labels."""
_TODAY = Question(range_text="1d")
_MS_PER_S = 1e3
_OBJECTS = "objects"


async def latest_gauges(*, store: AnswerStore, library: LibraryStore, storage: StorageStore, now: datetime) -> Gauges:
    """Return every gauge of `metrics_svc.domain.answers.series`; what was not measured has no series."""
    return {
        **await _latencies(store, now),
        **await _bytes(storage),
        "heimdex_library_videos": {(state,): count for state, count in (await library.videos_by_state()).items()},
    }


async def _latencies(store: AnswerStore, now: datetime) -> Gauges:
    stages = await timing.stage_latency(_TODAY, store=store, now=now)
    latency = await answers.processing_latency(_TODAY, store=store, now=now)
    rtf = await answers.rtf_distribution(_TODAY, store=store, now=now)
    searches = await timing.search_quality(_TODAY, store=store, now=now)
    return {
        "heimdex_library_stage_latency_seconds": {
            (series.stage, *label): value
            for series in stages.series
            if series.stage != TOTAL
            for label, value in _seconds(series.summary.quantiles).items()
        },
        "heimdex_library_processing_latency_seconds": _seconds(latency.processing_ms),
        "heimdex_library_queue_latency_seconds": _seconds(latency.queue_ms),
        "heimdex_library_rtf_ratio": _by_quantile(rtf.rtf),
        "heimdex_library_search_latency_seconds": _seconds(searches.whole.summary.quantiles),
    }


async def _bytes(storage: StorageStore) -> Gauges:
    objects = (await storage.stores()).get(_OBJECTS)
    kinds = await storage.by_kind("")
    gauges: Gauges = {"heimdex_library_storage_bytes": {(kind,): size for kind, size in kinds.items()}}
    if objects is not None and objects.free_bytes is not None and objects.total_bytes is not None:
        gauges["heimdex_library_disk_free_bytes"] = {(): objects.free_bytes}
        gauges["heimdex_library_disk_total_bytes"] = {(): objects.total_bytes}
    return gauges


def _seconds(quantiles: Quantiles | None) -> dict[tuple[str, ...], float]:
    return {label: value / _MS_PER_S for label, value in _by_quantile(quantiles).items()}


def _by_quantile(quantiles: Quantiles | None) -> dict[tuple[str, ...], float]:
    if quantiles is None:
        return {}
    return {("0.5",): quantiles.p50, ("0.95",): quantiles.p95, ("0.99",): quantiles.p99}
