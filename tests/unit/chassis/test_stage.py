"""The one way to measure."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import UnreadableMedia
from chassis.core.stages import Outcome, Stage
from chassis.io import metrics
from chassis.io.stage import measure_stage, report_stage, stage_event

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Jumping:
    """A clock whose wall time and monotonic time are told beforehand, call by call."""

    def __init__(self, walls=(0, 1), monotonic=(0, 10**9)) -> None:
        self._walls, self._monotonic = iter(walls), iter(monotonic)

    def now(self):
        return T0 + timedelta(seconds=next(self._walls))

    def monotonic_ns(self):
        return next(self._monotonic)


def measure(clock=None, report=None):
    return measure_stage(
        Stage.TRANSCRIPTION,
        video_id="v",
        owner_id="o",
        generation=2,
        attempt=3,
        fence=44,
        queued_at=T0,
        worker="w/h/1",
        clock=clock or Jumping(),
        report=report,
    )


def observed(outcome):
    name = "heimdex_stage_duration_seconds_count"
    return metrics.REGISTRY.get_sample_value(name, {"stage": "transcription", "outcome": outcome}) or 0


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (None, Outcome.SUCCEEDED, ""),
        (UnreadableMedia("x", reason="NO_VIDEO"), Outcome.FAILED, "NO_VIDEO"),
        (ValueError("secret text"), Outcome.FAILED, "INTERNAL"),
        (asyncio.CancelledError(), Outcome.CANCELLED, "STOPPING"),
        (KeyboardInterrupt(), Outcome.FAILED, "INTERNAL"),
    ],
)
def test_every_way_out_is_recorded_once_and_goes_on_its_way(error, outcome, reason):
    """R-STG-03, R-STG-04: the record, the histogram and the event are the same facts."""
    before = observed(outcome)
    with pytest.raises(type(error)) if error else nullcontext() as raised, measure() as span:
        span.items, span.bytes_read, span.model = 3, 4, "m@1"
        if error is not None:
            raise error
    assert raised is None or raised.value is error
    event = stage_event(span.record)

    assert (span.record.outcome, span.record.reason, span.record.duration_ns) == (outcome, reason, 10**9)
    assert observed(outcome) == before + 1
    assert event.event_id == "v/2/transcription/44"
    assert (event.items, event.bytes_read, event.model, event.duration_ns) == (3, 4, "m@1", 10**9)
    assert "secret" not in str(event)


def test_a_skipped_stage_says_why():
    """R-ING-04."""
    with measure() as span:
        span.skipped_reason = "NO_AUDIO"

    assert (span.record.outcome, span.record.reason) == (Outcome.SKIPPED, "NO_AUDIO")


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=2),
    st.lists(st.integers(0, 1 << 62), min_size=2, max_size=2),
)
def test_no_clock_that_jumps_makes_a_negative_length(walls, monotonic):
    """R-STG-04."""
    with measure(Jumping(walls, monotonic)) as span:
        pass

    assert span.record.duration_ns == max(0, monotonic[1] - monotonic[0])
    assert stage_event(span.record).duration_ns >= 0


def test_a_span_has_no_record_while_it_runs():
    with measure() as span, pytest.raises(RuntimeError, match="not ended"):
        _ = span.record


def test_what_was_not_counted_is_absent_and_not_zero():
    """R-STG-11."""
    with measure() as span:
        pass
    event = stage_event(span.record)

    optional = (
        "items",
        "bytes_read",
        "video_duration_ns",
        "cpu_ns",
        "gpu_ns",
        "energy_uj",
        "model_calls",
        "elapsed_ns",
    )
    assert [name for name in optional if event.HasField(name)] == []
    assert (event.worker_slots, event.unmeasured_attempts) == (0, 0)


def test_work_that_nobody_measured_has_no_length_in_its_event_and_none_in_the_histogram():
    """R-STG-11: poison is no work of zero nanoseconds."""
    with measure() as span:
        pass
    before = observed(Outcome.FAILED)
    record = replace(span.record, outcome=Outcome.FAILED, reason="POISON", duration_ns=None)
    report_stage(record)
    event = stage_event(record)

    assert (event.duration_ns, event.unmeasured_attempts) == (0, 1)
    assert observed(Outcome.FAILED) == before


def test_who_reports_by_himself_reports_once():
    """A result that could not be stored is a failure in the log, the histogram and the event alike."""
    told = []
    before = observed(Outcome.SUCCEEDED), observed(Outcome.FAILED)
    with measure(report=told.append) as span:
        pass
    assert (observed(Outcome.SUCCEEDED), observed(Outcome.FAILED)) == before
    assert told == [span.record]
    report_stage(replace(span.record, outcome=Outcome.FAILED))

    assert (observed(Outcome.SUCCEEDED), observed(Outcome.FAILED)) == (before[0], before[1] + 1)
