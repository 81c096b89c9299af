from datetime import UTC, datetime, timedelta

import pytest

from metrics_svc.domain.alerts.readings import (
    DISK_FRESH,
    Disk,
    RunEnds,
    Searches,
    StageLoad,
    VideoRtf,
    Waiting,
    backlog_reading,
    busy_since,
    contradiction_reading,
    disk_reading,
    failure_reading,
    quality_reading,
    queue_reading,
    rtf_reading,
    slowness_reading,
    stall_reading,
)
from metrics_svc.domain.alerts.state import Reading

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USUAL = Searches(1_000, 80, 40.0)


def test_rtf_is_the_percentile_and_unknown_without_a_video():
    assert rtf_reading(VideoRtf(0, None)) is None
    assert rtf_reading(VideoRtf(12, 3.25)) == Reading(
        3.25, 12, "", "The slowest twentieth of 12 videos took 3.25 times their length or longer."
    )


def test_a_queue_is_as_long_as_its_oldest_video_has_waited():
    """R-AD3-04: unknown in an empty library, 0 when nothing waits."""
    assert queue_reading(Waiting(is_known=False, waiting=0, oldest_at=None), NOON) is None
    assert queue_reading(Waiting(is_known=True, waiting=0, oldest_at=None), NOON) == Reading(
        0, 0, "", "No video waits."
    )
    assert queue_reading(Waiting(is_known=True, waiting=7, oldest_at=NOON - 40 * MINUTE), NOON) == Reading(
        2400, 7, "", "7 videos wait to be begun, the oldest for 40 minutes."
    )
    assert queue_reading(Waiting(is_known=True, waiting=1, oldest_at=NOON + MINUTE), NOON).value == 0


def test_failures_are_a_share_of_what_ended_and_the_samples_are_the_failed_ones():
    assert failure_reading(RunEnds(ready=0, failed=0)) is None
    assert failure_reading(RunEnds(ready=9, failed=0)).value == 0
    assert failure_reading(RunEnds(ready=6, failed=2)) == Reading(25, 2, "", "2 of 8 runs failed, 25 percent.")


def test_a_stage_stands_still_for_multiples_of_its_usual_p99():
    hour = NOON - timedelta(hours=1)
    slow = StageLoad("transcription", 4, hour, NOON - 10 * MINUTE, 120e9)
    quick = StageLoad("indexing", 1, hour, NOON - MINUTE, 1e9)  # taken for 30 s: 2 times
    idle = StageLoad("metadata", 1, hour, None, None)

    assert stall_reading((), NOON) == Reading(0, 0, "", "No stage has work.")
    assert stall_reading((idle,), NOON) is None
    assert stall_reading((quick, idle, slow), NOON) == Reading(
        5,
        4,
        "transcription",
        "Stage transcription has 4 pieces of work and has ended none for 10 minutes,"
        " 5 times its usual p99 of 2 minutes.",
    )


def test_an_end_before_the_work_came_is_no_silence():
    """A stage that had nothing to do for a day is not stalled when work comes."""
    fresh = StageLoad("transcription", 1, NOON - MINUTE, NOON - timedelta(days=1), 60e9)

    assert stall_reading((fresh,), NOON).value == 1


def test_a_stage_is_busy_since_somebody_saw_it_so_without_a_pause():
    before = {"transcription": NOON - 5 * MINUTE, "indexing": NOON - 9 * MINUTE, "metadata": NOON + MINUTE}
    messages = {"transcription": 2, "indexing": 0, "metadata": 1, "downloading": 3}

    assert busy_since(messages, before, NOON, was_paused=False) == {
        "transcription": NOON - 5 * MINUTE,
        "metadata": NOON,
        "downloading": NOON,
    }
    assert set(busy_since(messages, before, NOON, was_paused=True).values()) == {NOON}


def test_search_quality_compares_with_the_days_before():
    assert quality_reading(Searches(0, 0, None), USUAL) is None
    assert quality_reading(Searches(50, 30, 40.0), Searches(19, 0, 40.0)) is None
    assert quality_reading(Searches(50, 0, 40.0), USUAL).value == 0
    assert quality_reading(Searches(50, 20, 40.0), USUAL) == Reading(
        32, 50, "", "20 of 50 searches found nothing, 40 percent; in the days before it was 8 percent."
    )


def test_slowness_compares_with_the_days_before():
    assert slowness_reading(Searches(50, 0, None), USUAL) is None
    assert slowness_reading(Searches(50, 0, 90.0), Searches(1_000, 0, None)) is None
    assert slowness_reading(Searches(50, 0, 90.0), Searches(1_000, 0, 0.0)) is None
    assert slowness_reading(Searches(50, 0, 1_234.5), USUAL).sentence == (
        "p95 of 50 searches was 1234 ms, 30.9 times the 40 ms of the days before."
    )
    assert slowness_reading(Searches(1, 0, 90.0), USUAL).value == 2.25


def test_the_fullest_disk_counts_and_an_old_measurement_does_not():
    """R-AD3-04: a rule without data is unknown."""
    objects = Disk("objects", 20 * 10**9, 100 * 10**9, NOON - MINUTE)
    index = Disk("index", 5 * 10**9, 100 * 10**9, NOON - MINUTE)
    old = Disk("index", 0, 100, NOON - DISK_FRESH - MINUTE)

    assert disk_reading((), NOON) is None
    assert disk_reading((old, Disk("objects", 1, 0, NOON)), NOON) is None
    assert disk_reading((objects, old), NOON).value == 20
    assert disk_reading((objects, index), NOON) == Reading(5, 1, "index", "5 of 100 GB are free for index, 5 percent.")


@pytest.mark.parametrize("count", [0, 1, 2_000_000])
def test_counts_are_values_as_they_are(count):
    assert backlog_reading(count).value == count
    assert (contradiction_reading(count).value, contradiction_reading(count).samples) == (count, count)
