"""Questions about capacity and their answers as messages. What is not known stays absent."""

from typing import Any

from heimdex.metrics.v1 import capacity_pb2
from metrics_svc.codec.wire import optional, stamp_of
from metrics_svc.domain.capacity.capacity import (
    DEFAULT_TARGET_S,
    CapacityReport,
    ModelChange,
    StageCapacity,
    StageChange,
    WhatIf,
)
from metrics_svc.domain.capacity.forecast import Waits

__all__ = ["decode_target", "decode_what_if", "encode_capacity"]

_HOUR_S = 3_600.0


def decode_target(request: capacity_pb2.GetCapacityRequest) -> WhatIf:
    """Read a question about things as they are.

    Raises:
        InvalidInput: there can be no such target.
    """
    return WhatIf(target_wait_s=_or(optional(request, "target_wait_s"), DEFAULT_TARGET_S))


def decode_what_if(request: capacity_pb2.SimulateCapacityRequest) -> WhatIf:
    """Read a question about things as they could be. A factor that is absent is 1, one that is 0 is refused.

    Raises:
        InvalidInput: with a violation per field that is wrong.
    """
    return WhatIf(
        target_wait_s=_or(optional(request, "target_wait_s"), DEFAULT_TARGET_S),
        uploads_factor=_or(optional(request, "uploads_factor"), 1.0),
        stages=tuple(
            StageChange(
                stage=one.processing_stage,
                service_factor=optional(one, "service_factor"),
                workers=optional(one, "workers"),
            )
            for one in request.stages
        ),
        models=tuple(
            ModelChange(model=one.model, service_factor=_or(optional(one, "service_factor"), 1.0))
            for one in request.models
        ),
    )


def encode_capacity(report: CapacityReport) -> capacity_pb2.GetCapacityResponse:
    """Return the answer."""
    bottleneck, hours = report.bottleneck, report.forecast_length_s
    saturations = [one.saturation_uploads_per_hour for one in report.stages if one.saturation_uploads_per_hour]
    return capacity_pb2.GetCapacityResponse(
        stages=map(_stage, report.stages),
        observed_from_at=stamp_of(report.window.start),
        observed_until_at=stamp_of(report.window.end),
        uploads=report.uploads,
        uploads_per_hour=report.uploads_per_hour,
        uploads_factor=report.what_if.uploads_factor,
        target_wait_s=report.what_if.target_wait_s,
        bottleneck_stage=bottleneck.stage if bottleneck else "",
        bottleneck_load_pct=_percent(bottleneck.load) if bottleneck else None,
        saturation_uploads_per_hour=min(saturations, default=None),
        is_saturated=any(one.is_saturated for one in report.stages),
        **_waits(report.measured_queue, "avg_queue_s", "p95_queue_s"),
        **_waits(report.forecast_queue, "forecast_avg_queue_s", "forecast_p95_queue_s"),
        **_waits(report.advised_queue, "advised_avg_queue_s", "advised_p95_queue_s"),
        forecast_hours=None if hours is None else hours / _HOUR_S,
        no_forecast_reason=report.no_forecast_reason,
        advice=report.advice,
        measured=report.coverage.measured,
        approximate=report.coverage.approximate,
        missing=report.coverage.missing,
    )


def _stage(one: StageCapacity) -> capacity_pb2.StageCapacity:
    return capacity_pb2.StageCapacity(processing_stage=one.stage, **_measured(one), **_forecast(one), **_advised(one))


def _measured(one: StageCapacity) -> dict[str, Any]:
    load = one.measured
    busiest, servers = load.busiest, load.servers
    return {
        "pieces": load.pieces,
        "retries": load.retries,
        "skipped": load.skipped,
        "arrivals_per_hour": load.arrivals_per_hour,
        "arrival_scv": load.arrival_scv,
        "avg_service_s": load.mean_service_s,
        "service_scv": load.service_scv,
        "busiest_hour": busiest.hour if busiest else None,
        "busiest_hour_arrivals_per_hour": busiest.arrivals_per_hour if busiest else None,
        "workers": servers.workers if servers else None,
        "servers": servers.slots if servers else None,
        "servers_are_estimated": servers.is_estimated if servers else False,
        "utilisation_pct": _percent(load.utilisation),
        "busiest_hour_utilisation_pct": _percent(load.busiest_utilisation),
        "avg_wait_s": load.mean_wait_s,
        "p95_wait_s": load.p95_wait_s,
    }


def _forecast(one: StageCapacity) -> dict[str, Any]:
    waits = one.forecast
    return {
        "service_factor": one.service_factor,
        "forecast_workers": one.workers,
        "forecast_servers": one.servers,
        "load_pct": _percent(one.load),
        "busiest_hour_load_pct": _percent(one.busiest_load),
        "is_saturated": one.is_saturated,
        "wait_growth_s_per_hour": one.growth_s_per_hour,
        **_waits(waits, "forecast_avg_wait_s", "forecast_p95_wait_s"),
        "forecast_avg_wait_low_s": waits.low_s if waits else None,
        "forecast_avg_wait_high_s": waits.high_s if waits else None,
        "saturation_uploads_per_hour": one.saturation_uploads_per_hour,
        "no_forecast_reason": one.no_forecast_reason,
    }


def _advised(one: StageCapacity) -> dict[str, Any]:
    if one.advice is None:
        return {}
    return {
        "workers_needed": one.advice.workers,
        "servers_needed": one.advice.servers,
        **_waits(one.advice.waits, "advised_avg_wait_s", "advised_p95_wait_s"),
    }


def _waits(waits: Waits | None, mean: str, p95: str) -> dict[str, float]:
    return {mean: waits.mean_s, p95: waits.p95_s} if waits else {}


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _or(value: Any, otherwise: float) -> float:
    return otherwise if value is None else float(value)
