"""Forecast and advice for a recorded day, against its truth: simulated piece by piece at the changed setting itself."""

from functools import cache

import numpy as np
import pytest

from metrics_svc.domain.capacity.capacity import StageChange, WhatIf
from metrics_svc.domain.capacity.plan import plan_capacity
from tests.support.capacity_events import recorded, recording_of
from tests.support.capacity_simulation import DAY_S, HOUR_S, daily, lognormal, poisson, simulate, truth, with_workers
from tests.support.capacity_simulation import stage_at_load as work

WITHIN = 0.20
TARGET_S = 120.0


def mean_waits(report):
    return {one.stage: one.forecast.mean_s for one in report.stages}


def p95(waits):
    return float(np.percentile(waits, 95))


# At twice these uploads the day is overloaded from nine to three and recovers in the evening.
DAY = [work("transcription", 8, 0.8, 1_000, lognormal, scv=1)]


@cache
def doubled_day(workers):
    lines = with_workers(DAY, {"transcription": workers})
    return truth(lines, daily(1_000), length_s=DAY_S, times=3)["transcription"]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_wait_at_twice_the_uploads_of_a_recorded_day_is_forecast(seed):
    """R-AD3-05: replay of a recorded day: forecast within 20 % of simulated truth."""
    report = plan_capacity(recorded(DAY, daily(500), length_s=DAY_S, seed=seed), WhatIf(uploads_factor=2))
    (stage,) = report.stages

    assert stage.forecast.mean_s == pytest.approx(doubled_day(8).mean(), rel=WITHIN)
    assert stage.forecast.p95_s == pytest.approx(p95(doubled_day(8)), rel=WITHIN)
    assert stage.load == pytest.approx(0.8, rel=0.05)
    assert stage.busiest_load > 1.3
    assert report.forecast_queue.mean_s == pytest.approx(stage.forecast.mean_s)


@pytest.mark.parametrize("seed", [1, 2])
def test_advice_for_twice_the_uploads_of_a_recorded_day_meets_the_target_and_one_worker_fewer_misses_it(seed):
    """R-AD3-05, R-AD2-12: workers needed for a target wait."""
    what_if = WhatIf(uploads_factor=2, target_wait_s=TARGET_S)
    (stage,) = plan_capacity(recorded(DAY, daily(500), length_s=DAY_S, seed=seed), what_if).stages

    assert stage.advice.waits.p95_s <= TARGET_S
    assert p95(doubled_day(stage.advice.workers)) <= TARGET_S
    assert p95(doubled_day(stage.advice.workers - 1)) > TARGET_S


def test_equal_questions_have_equal_answers_to_the_last_bit():
    recording = recorded(DAY, daily(100), length_s=DAY_S, seed=3)

    assert plan_capacity(recording, WhatIf()) == plan_capacity(recording, WhatIf())


def test_more_uploads_slower_work_and_fewer_workers_never_shorten_a_wait():
    recording = recorded(DAY, daily(300), length_s=DAY_S, seed=4)

    def wait(**changes: object):
        return mean_waits(plan_capacity(recording, WhatIf(**changes)))["transcription"]

    by_uploads = [wait(uploads_factor=factor) for factor in (0.5, 1, 1.5, 2, 3)]
    by_length = [wait(stages=(StageChange(stage="transcription", service_factor=factor),)) for factor in (0.5, 1, 2, 4)]
    by_workers = [wait(stages=(StageChange(stage="transcription", workers=count),)) for count in (16, 8, 4, 2)]

    for waits in (by_uploads, by_length, by_workers):
        assert waits == sorted(waits)
        assert waits[-1] > waits[0]


def test_a_stage_that_can_not_keep_up_says_by_how_much():
    """R-AD3-05: at four times the uploads 1.6 times as much comes as can be done: 36 min more wait every hour."""
    lines = [work("transcription", 8, 0.8, 200, lognormal, scv=1)]
    report = plan_capacity(recorded(lines, daily(100), length_s=DAY_S, seed=5), WhatIf(uploads_factor=4))
    (stage,) = report.stages
    truths = truth(lines, daily(400), length_s=DAY_S, times=1)["transcription"]

    assert stage.is_saturated
    assert stage.growth_s_per_hour == pytest.approx(0.6 * HOUR_S, rel=0.15)
    assert stage.saturation_uploads_per_hour == pytest.approx(250, rel=0.05)
    assert stage.forecast.mean_s == pytest.approx(truths.mean(), rel=WITHIN)
    assert "transcription can not keep up at 4 times the uploads" in report.advice
    assert f"{stage.advice.workers} workers for transcription (now 8)" in report.advice


def test_what_waits_at_the_end_of_a_recording_is_demand_too():
    """More came than could be done, so what ended says less than what came."""
    lines = [
        work("metadata", 1, 0.05, 100, lognormal, scv=1),
        work("transcription", 4, 1.3, 100, lognormal, scv=1, needs=("metadata",)),
    ]
    report = plan_capacity(recorded(lines, poisson(100), length_s=DAY_S, seed=9), WhatIf())
    metadata, transcription = report.stages

    assert transcription.measured.pieces < 0.85 * metadata.measured.pieces
    assert transcription.measured.utilisation == pytest.approx(1, abs=0.02)
    assert transcription.load == pytest.approx(1.3, rel=0.07)
    assert transcription.advice.workers > 5


def test_a_stage_of_a_newer_version_is_forecast_like_any_other():
    """It is handed out so long after the upload as it was."""
    newer = [work("metadata", 1, 0.3, 60, lognormal, scv=1), work("stage_17", 2, 0.7, 60, lognormal, scv=1)]
    report = plan_capacity(recorded(newer, poisson(60), length_s=5 * DAY_S, seed=10), WhatIf())
    stages = {one.stage: one for one in report.stages}

    assert list(stages) == ["metadata", "stage_17"]
    assert stages["stage_17"].forecast.mean_s == pytest.approx(stages["stage_17"].measured.mean_wait_s, rel=0.3)


def test_advice_counts_workers_of_several_slots():
    """A worker of four slots more is four pieces more at once."""
    seen = simulate(DAY, daily(500), length_s=DAY_S, seed=6)
    one, four = (recording_of(seen, length_s=DAY_S, slots=slots) for slots in (1, 4))
    (single,), (several,) = (plan_capacity(one, WhatIf(uploads_factor=4)).stages for one in (one, four))

    assert (several.workers, several.servers) == (8, 32)
    assert several.advice.servers == several.advice.workers * 4
    assert several.advice.workers == -(-single.advice.servers // 4)
