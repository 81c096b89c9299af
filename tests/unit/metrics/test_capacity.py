"""What is measured of a stage, what is refused, and what is said when little is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chassis.core.errors import InvalidInput
from ingest_svc.domain.video import NEEDS as NEEDS_OF_INGEST
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.advice import duration_words
from metrics_svc.domain.capacity.capacity import ModelChange, StageChange, WhatIf
from metrics_svc.domain.capacity.load import load_of
from metrics_svc.domain.capacity.plan import plan_capacity
from metrics_svc.domain.capacity.recording import Pieces, Recording, Runs
from metrics_svc.domain.capacity.servers import live_servers
from metrics_svc.domain.capacity.trace import NEEDS, needs_of

DAY = Window(datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))
HOUR = 3_600.0


def pieces(rows, **changes: object):
    """Rows of (queued, started, service, worker); each of a run of its own, waits as they follow."""
    queued, started, service, worker = (np.array(column, float) for column in zip(*rows, strict=True))
    count = len(rows)
    values = {
        "run": np.arange(count),
        "attempt": np.ones(count, np.int64),
        "queued_s": queued,
        "started_s": started,
        "service_s": service,
        "wait_s": started - queued,
        "model": np.zeros(count, np.int64),
        "worker": worker.astype(np.int64),
        "slots": np.ones(count, np.int64),
        "is_corrected": np.zeros(count, bool),
        "is_skipped": np.zeros(count, bool),
    }
    return Pieces(**{**values, **changes})


def recording(work, window=DAY):
    runs = {int(run): queued for one in work.values() for run, queued in zip(one.run, one.queued_s, strict=True)}
    ended = Runs(key=np.array(list(runs), np.int64), queued_s=np.array(list(runs.values()), float))
    return Recording(window=window, runs=ended, pieces=work, models={})


def steady(count, *, every=600.0, service=300.0, worker=0):
    return [(number * every, number * every, service, worker) for number in range(count)]


def test_the_stages_wait_for_what_they_wait_for_in_ingest_svc():
    assert {stage.value: tuple(needs) for stage, needs in NEEDS_OF_INGEST.items()} == dict(NEEDS)


def test_a_stage_that_never_works_is_passed_through():
    assert needs_of("scene_processing", {"metadata": 1, "transcription": 1}) == ("metadata", "transcription")
    assert needs_of("stage_17", {"metadata": 1}) == ()


def test_utilisation_is_busy_time_over_the_time_of_all_servers():
    """R-AD3-05: two workers of one slot; work that reaches beyond the window counts as far as it lies within."""
    rows = [(0, 0, 6 * HOUR, 1), (0, 0, 3 * HOUR, 2), (0, 21 * HOUR, 6 * HOUR, 1)]
    load = load_of(pieces(rows), DAY)

    assert load.busy_servers == pytest.approx(12 / 24)
    assert load.servers.slots == 2
    assert load.utilisation == pytest.approx(0.25)


def test_the_busiest_hour_is_that_of_the_day_with_the_most_work():
    two_days = Window(DAY.start, DAY.end + timedelta(days=1))
    rows = [(at, at, 1_200, 1) for at in (14 * HOUR, 38 * HOUR, 3 * HOUR)]
    busiest = load_of(pieces(rows), two_days).busiest

    assert (busiest.hour, busiest.arrivals_per_hour) == (14, 1)
    assert busiest.busy_servers == pytest.approx(1_200 / HOUR)


def test_failed_and_retried_attempts_are_work_too():
    one = pieces(steady(4), attempt=np.array([1, 2, 3, 1]), is_skipped=np.array([False, False, False, True]))
    load = load_of(one, DAY)

    assert (load.pieces, load.retries, load.skipped) == (4, 2, 1)
    assert load.busy_servers == pytest.approx(4 * 300 / (24 * HOUR))


def test_a_worker_that_was_started_again_counts_once():
    """The process of the morning is gone; that of the afternoon took its place."""
    rows = [
        *steady(40, every=300, service=200, worker=1),
        *((20_000 + at, 20_000 + at, s, 2) for at, _, s, _ in steady(40)),
    ]

    servers = live_servers(pieces(rows))

    assert (servers.workers, servers.slots, servers.is_estimated) == (1, 1, False)


def test_a_worker_that_left_long_ago_is_not_counted():
    gone = [(at, at, 200, 1) for at in np.arange(0, 20 * 300, 300.0)]
    there = [(at, at, 200, 2 + number % 2) for number, at in enumerate(np.arange(0, 200 * 150, 150.0))]

    assert live_servers(pieces([*gone, *there])).workers == 2


def test_a_worker_busy_with_a_long_piece_is_still_counted():
    """It told nothing for as long as the longest piece takes."""
    quick = [(at, at, 10, 1) for at in np.arange(0, 20_000, 12.0)]
    slow = [(0, 0, 9_000, 2), (9_000, 9_000, 5_000, 2)]

    assert live_servers(pieces([*quick, *slow])).workers == 2


def test_slots_that_were_not_told_are_the_most_pieces_seen_at_once():
    rows = [(at, at + 0.0005, 100, 1) for at in (0, 0, 0, 100, 200, 300)]
    servers = live_servers(pieces(rows, slots=np.zeros(6, np.int64)))

    assert (servers.slots, servers.workers, servers.is_estimated) == (3, 1, True)


def test_a_worker_whose_work_took_no_time_is_a_worker():
    """Work that was given up before it began, or had nothing to do."""
    servers = live_servers(pieces([(0, 5, 0, 1), (0, 5, 0, 2)]))

    assert (servers.workers, servers.slots) == (2, 2)


def test_slots_are_multiplied_by_workers():
    rows = [(at, at, 100, worker) for at in range(0, 1_000, 50) for worker in (1, 2, 3)]
    servers = live_servers(pieces(rows, slots=np.full(60, 4)))

    assert (servers.workers, servers.slots, servers.slots_of(5)) == (3, 12, 20)


def test_work_that_nobody_timed_tells_nothing_about_servers():
    """Absent, not 0: backfilled work."""
    one = pieces(steady(40), service_s=np.full(40, np.nan))
    report = plan_capacity(recording({"metadata": one}), WhatIf())
    (stage,) = report.stages

    assert (stage.servers, stage.load, stage.forecast, stage.advice) == (None, None, None, None)
    assert (stage.measured.utilisation, stage.measured.mean_service_s) == (None, None)
    assert (report.coverage.measured, report.coverage.missing) == (0, 40)
    assert report.no_forecast_reason == "TOO_FEW_EVENTS"


@pytest.mark.parametrize(("count", "reason"), [(1, "TOO_FEW_EVENTS"), (29, "TOO_FEW_EVENTS"), (30, "")])
def test_below_thirty_pieces_nothing_is_forecast(count, reason):
    report = plan_capacity(recording({"metadata": pieces(steady(count))}), WhatIf())
    (stage,) = report.stages

    assert (report.no_forecast_reason, stage.no_forecast_reason) == (reason, reason)
    assert (stage.forecast is None, stage.advice is None, report.forecast_queue is None) == (bool(reason),) * 3
    assert stage.measured.mean_wait_s == 0
    assert ("30" in report.advice) == bool(reason)


def test_a_rare_stage_has_no_forecast_while_the_others_have():
    work = {"metadata": pieces(steady(60)), "transcription": pieces(steady(5))}
    report = plan_capacity(recording(work), WhatIf())

    assert [one.no_forecast_reason for one in report.stages] == ["", "TOO_FEW_EVENTS"]
    assert report.forecast_queue is not None


def test_an_empty_time_has_an_empty_answer():
    """R-AD2-07."""
    report = plan_capacity(Recording.empty(DAY), WhatIf())

    assert (report.stages, report.uploads, report.bottleneck) == ((), 0, None)
    assert report.advice == "Nothing was worked on in this time."


def test_videos_without_work_are_uploads_that_brought_none():
    one = recording({"metadata": pieces(steady(40))})
    idle = Runs(key=np.arange(80), queued_s=np.arange(80) * 300.0)
    with_idle, without = plan_capacity(replace(one, runs=idle), WhatIf()), plan_capacity(one, WhatIf())

    assert (with_idle.uploads, without.uploads) == (80, 40)
    assert with_idle.stages[0].offered == pytest.approx(without.stages[0].offered)


def test_absurd_clocks_break_nothing():
    """A moment in 1970, one in 9999, a length of a century: counted where it can be, and never NaN."""
    rows = steady(60)
    rows[3] = (-1.8e9, 1_800, 300, 0)
    rows[7] = (2.5e11, 2.5e11, 300, 0)
    rows[9] = (5_400, 5_400, 3.2e9, 0)
    report = plan_capacity(recording({"metadata": pieces(rows, wait_s=np.zeros(60))}), WhatIf())
    (stage,) = report.stages
    known = [stage.load, stage.measured.utilisation, stage.forecast.mean_s, stage.forecast.p95_s, stage.advice.workers]

    assert np.isfinite(known).all()
    assert report.uploads == 58
    assert stage.measured.busy_servers * 24 * HOUR == pytest.approx(58 * 300 + 24 * HOUR - 5_400, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"target_wait_s": 0.0}, "target_wait_s"),
        ({"target_wait_s": float("nan")}, "target_wait_s"),
        ({"target_wait_s": 1e9}, "target_wait_s"),
        ({"uploads_factor": 0.0}, "uploads_factor"),
        ({"uploads_factor": float("inf")}, "uploads_factor"),
        ({"stages": (StageChange(stage="metadata", workers=0),)}, "stages[0].workers"),
        ({"stages": (StageChange(stage="metadata", service_factor=-1.0),)}, "stages[0].service_factor"),
        ({"stages": (StageChange(stage="metadata"),) * 2}, "stages[1].processing_stage"),
        ({"stages": tuple(StageChange(stage=f"stage_{n}") for n in range(101))}, "stages"),
        ({"models": (ModelChange(model="clip", service_factor=101.0),)}, "models[0].service_factor"),
        ({"models": (ModelChange(model="clip", service_factor=2.0),) * 2}, "models[1].model"),
    ],
)
def test_what_can_not_be_is_refused_with_the_field(change, field):
    with pytest.raises(InvalidInput) as refused:
        WhatIf(**change)

    assert [violation.field for violation in refused.value.violations] == [field]


@pytest.mark.parametrize(
    ("what_if", "field"),
    [
        (WhatIf(stages=(StageChange(stage="dreaming", workers=2),)), "stages[0].processing_stage"),
        (WhatIf(models=(ModelChange(model="clip", service_factor=2.0),)), "models[0].model"),
    ],
)
def test_a_stage_or_model_that_is_not_there_is_refused_with_the_field(what_if, field):
    with pytest.raises(InvalidInput) as refused:
        plan_capacity(recording({"metadata": pieces(steady(40))}), what_if)

    assert [violation.field for violation in refused.value.violations] == [field]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0 ms"), (0.12, "120 ms"), (4.2, "4.2 s"), (35, "35 s"), (252, "4.2 min"), (5_400, "1.5 h"), (9e5, "10 d")],
)
def test_lengths_of_time_are_said_with_two_digits(seconds, words):
    assert duration_words(seconds) == words
