"""Waterfalls to answers: nanoseconds to milliseconds, and nothing in the place of what was not measured."""

from collections.abc import Iterable
from typing import Any

from heimdex.metrics.v1 import waterfall_pb2
from metrics_svc.codec.wire import stamp_of
from metrics_svc.domain.library.waterfall import Bar, Gap, RunPicture, Totals, Waterfall, coverage_of

__all__ = ["encode_waterfall"]

_NS_PER_MS, _NS_PER_SECOND, _UJ_PER_JOULE = 1e6, 1e9, 1e6
_MAX_INT32 = (1 << 31) - 1


def encode_waterfall(waterfall: Waterfall) -> waterfall_pb2.WaterfallResponse:
    """Return the answer of `videos/{video_id}/waterfall`."""
    video, coverage = waterfall.video, coverage_of(waterfall.runs)
    response = waterfall_pb2.WaterfallResponse(
        video_id=waterfall.video_id,
        owner_id=waterfall.owner_id,
        runs=map(_run, waterfall.runs),
        measured=coverage.measured,
        approximate=coverage.approximate,
        missing=coverage.missing,
    )
    if video is not None:
        response.filename, response.status = video.filename, "deleted" if video.is_deleted else video.state
        if video.duration_ns is not None:
            response.duration_s = video.duration_ns / _NS_PER_SECOND
    return response


def _run(run: RunPicture) -> waterfall_pb2.WaterfallRun:
    elapsed_ns = run.totals.elapsed_ns if run.totals else 0
    return waterfall_pb2.WaterfallRun(
        generation=run.generation,
        state=run.state,
        failed_stage=run.failed_stage,
        reason=run.reason,
        queued_at=stamp_of(run.queued_at),
        started_at=stamp_of(run.started_at),
        finished_at=stamp_of(run.finished_at),
        bars=[_bar(bar, elapsed_ns) for bar in run.bars],
        gaps=map(_gap, run.gaps),
        **(_totals(run.totals) if run.totals else {}),
        cpu_ms=_in_ms(_sum(bar.of.cpu_ns for bar in run.bars)),
        gpu_ms=_in_ms(_sum(bar.of.gpu_ns for bar in run.bars)),
        model_calls=_int32(_sum(bar.of.model_calls for bar in run.bars)),
        is_backfilled=run.is_backfilled,
    )


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "queue_ms": _in_ms(totals.queue_ns),
        "processing_ms": _in_ms(totals.processing_ns),
        "elapsed_ms": _in_ms(totals.elapsed_ns),
        "covered_ms": _in_ms(totals.covered_ns),
        "gap_ms": _in_ms(totals.gap_ns),
        "overlap_ms": _in_ms(totals.overlap_ns),
        "span_ms": _in_ms(totals.span_ns),
    }


def _bar(bar: Bar, elapsed_ns: int) -> waterfall_pb2.WaterfallBar:
    attempt = bar.of
    return waterfall_pb2.WaterfallBar(
        processing_stage=attempt.stage,
        attempt=attempt.attempt,
        outcome=attempt.outcome,
        reason=attempt.reason,
        model=attempt.model,
        worker=attempt.worker,
        start_ms=bar.start_ns / _NS_PER_MS,
        duration_ms=_in_ms(attempt.duration_ns),
        wait_ms=_in_ms(attempt.wait_ns),
        critical_ms=bar.critical_ns / _NS_PER_MS,
        critical_pct=100.0 * bar.critical_ns / elapsed_ns if elapsed_ns else None,
        cpu_ms=_in_ms(attempt.cpu_ns),
        gpu_ms=_in_ms(attempt.gpu_ns),
        energy_j=None if attempt.energy_uj is None else attempt.energy_uj / _UJ_PER_JOULE,
        model_calls=_int32(attempt.model_calls),
        items=attempt.items,
        bytes_read=attempt.bytes_read,
        is_clock_corrected=bar.is_clock_corrected,
    )


def _gap(gap: Gap) -> waterfall_pb2.WaterfallGap:
    return waterfall_pb2.WaterfallGap(
        start_ms=gap.start_ns / _NS_PER_MS,
        duration_ms=(gap.end_ns - gap.start_ns) / _NS_PER_MS,
        after_stage=gap.after_stage,
        before_stage=gap.before_stage,
    )


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _in_ms(length_ns: int | None) -> float | None:
    return None if length_ns is None else length_ns / _NS_PER_MS


def _int32(number: int | None) -> int | None:
    return None if number is None else min(number, _MAX_INT32)
