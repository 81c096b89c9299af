"""From a recording to an answer about capacity: measure, forecast, advise."""

from dataclasses import replace

import numpy as np

from chassis.core.errors import FieldViolation
from chassis.core.stages import PIPELINE
from metrics_svc.domain.answers.reports import add_up
from metrics_svc.domain.capacity.advice import advice_on
from metrics_svc.domain.capacity.capacity import Advice, CapacityReport, Reason, StageCapacity, WhatIf, refuse
from metrics_svc.domain.capacity.forecast import Line, Playback, Played, StageWork, waits_of
from metrics_svc.domain.capacity.load import MIN_STARTS, coverage_of, load_of
from metrics_svc.domain.capacity.passage import recorded_queue_s
from metrics_svc.domain.capacity.recording import Recording
from metrics_svc.domain.capacity.staffing import fewest_workers, slots_of
from metrics_svc.domain.capacity.trace import stages_in_order, trace_of

__all__ = ["plan_capacity"]


def plan_capacity(recording: Recording, what_if: WhatIf) -> CapacityReport:
    """Answer a question about capacity; takes up to half a second of one processor.

    Raises:
        InvalidInput: a change names a stage that does not exist, or a model that did nothing in the window.
    """
    _refuse_unknown(recording, what_if)
    stages = tuple(_measured(recording, name, what_if) for name in stages_in_order(recording.pieces))
    trace = trace_of(recording)
    recorded_s = recorded_queue_s(trace)
    report = CapacityReport(
        window=recording.window,
        coverage=add_up(stage.coverage for stage in stages),
        uploads=int(trace.uploads_s.size),
        what_if=what_if,
        stages=stages,
        measured_queue=waits_of(recorded_s, np.zeros(recorded_s.size, np.int64)),
    )
    if Playback.can_play(trace):
        models = {recording.models[one.model]: one.service_factor for one in what_if.models}
        work = {one.stage: _work(one, models) for one in stages}
        report = _forecast(report, Playback(trace, recording.window, uploads_factor=what_if.uploads_factor, work=work))
    else:
        reason = Reason.TOO_FEW_EVENTS
        without = tuple(replace(one, no_forecast_reason=reason) for one in stages)
        report = replace(report, stages=without, no_forecast_reason=reason)
    return replace(report, advice=advice_on(report))


def _refuse_unknown(recording: Recording, what_if: WhatIf) -> None:
    stages = {*PIPELINE, *recording.pieces}
    wrong = [
        FieldViolation(f"stages[{number}].processing_stage", "is no stage")
        for number, one in enumerate(what_if.stages)
        if one.stage not in stages
    ]
    wrong += [
        FieldViolation(f"models[{number}].model", "did nothing in this time")
        for number, one in enumerate(what_if.models)
        if one.model not in recording.models
    ]
    refuse(tuple(wrong))


def _measured(recording: Recording, name: str, what_if: WhatIf) -> StageCapacity:
    """Measure a stage, and put beside it the workers it would have."""
    pieces, change = recording.pieces[name], what_if.change_of(name)
    measured = load_of(pieces, recording.window)
    workers = measured.servers.workers if measured.servers else None
    servers = measured.servers.slots if measured.servers else None
    if change.workers:
        workers, servers = change.workers, slots_of(change.workers, measured.servers)
    reason = Reason.TOO_FEW_EVENTS if measured.starts < MIN_STARTS else "" if servers else Reason.SERVERS_UNKNOWN
    return StageCapacity(
        stage=name,
        measured=measured,
        coverage=coverage_of(pieces),
        service_factor=change.service_factor or 1.0,
        workers=workers,
        servers=servers,
        no_forecast_reason=reason,
    )


def _work(stage: StageCapacity, models: dict[int, float]) -> StageWork:
    return StageWork(dispatch_s=stage.measured.dispatch_s, service_factor=stage.service_factor, model_factors=models)


def _forecast(report: CapacityReport, playback: Playback) -> CapacityReport:
    uploads_per_hour = report.uploads_per_hour * report.what_if.uploads_factor
    stages = {one.stage: _offered(one, playback.loads[one.stage], uploads_per_hour) for one in report.stages}
    now = playback.play(lambda name, _: stages[name].servers)
    advised: dict[str, int | None] = {}

    def advise(name: str, line: Line) -> int | None:
        advised[name] = workers = _advised_workers(stages[name], line, report.what_if.target_wait_s)
        return slots_of(workers, stages[name].measured.servers) if workers else stages[name].servers

    then = playback.play(advise)
    are_known = all(one.servers for one in stages.values())
    return replace(
        report,
        stages=tuple(_with_forecast(one, now, then, advised[name]) for name, one in stages.items()),
        forecast_length_s=playback.scenario.length_s,
        forecast_queue=now.queue if are_known else None,
        advised_queue=then.queue,
        no_forecast_reason="" if are_known else Reason.SERVERS_UNKNOWN,
    )


def _offered(stage: StageCapacity, offered: float, uploads_per_hour: float) -> StageCapacity:
    saturation = uploads_per_hour * stage.servers / offered if stage.servers and offered else None
    return replace(stage, offered=offered, saturation_uploads_per_hour=saturation)


def _advised_workers(stage: StageCapacity, line: Line, target_s: float) -> int | None:
    """Return the fewest workers for the target; None where too little is known, or where no number is enough."""
    if stage.no_forecast_reason == Reason.TOO_FEW_EVENTS or stage.offered is None:
        return None
    busiest = stage.measured.busiest
    peak = busiest.busy_servers / stage.measured.busy_servers if busiest else 1.0
    return fewest_workers(
        line,
        kind=stage.measured.servers,
        offered=stage.offered,
        likely=stage.offered * peak,
        target_s=target_s,
    )


def _with_forecast(stage: StageCapacity, now: Played, then: Played, workers: int | None) -> StageCapacity:
    name = stage.stage
    if workers and name in then.waits:
        servers = slots_of(workers, stage.measured.servers)
        stage = replace(stage, advice=Advice(workers=workers, servers=servers, waits=then.waits[name]))
    return stage if stage.no_forecast_reason else replace(stage, forecast=now.waits.get(name))
