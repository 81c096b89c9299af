"""Which old videos can be given an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_svc.domain.backfill import Candidate, Trouble, Verdict, check, judge
from ingest_svc.domain.video import VideoState

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OLD = Candidate(
    id="v_old",
    owner_id="ada",
    filename="old.mp4",
    state=VideoState.READY,
    generation=1,
    has_start=False,
    has_end=False,
    ended_at=None,
    changed_at=datetime(2025, 3, 1, tzinfo=UTC),
    has_beginning=True,
    backfilled_by=None,
)
TERMINAL = [VideoState.READY, VideoState.FAILED, VideoState.CANCELLED]


def judged(video, backfill_id="b"):
    one = judge(video, backfill_id=backfill_id, now=NOW)
    return one.verdict, one.trouble


@pytest.mark.parametrize("state", TERMINAL)
def test_what_ended_without_an_end_gets_one(state):
    """R-BKF-01."""
    assert judged(replace(OLD, state=state)) == (Verdict.CHANGED, None)
    assert check(replace(OLD, state=state), now=NOW) is Trouble.NO_END


@pytest.mark.parametrize("state", sorted(set(VideoState) - set(TERMINAL)))
def test_what_has_not_ended_is_left_alone_and_is_no_trouble(state):
    video = replace(OLD, state=state)

    assert judged(video) == (Verdict.UNFINISHED, None)
    assert check(video, now=NOW) is None


def test_a_measured_end_is_left_alone():
    """R-BKF-01: new rows untouched."""
    measured = replace(OLD, has_start=True, has_end=True, ended_at=OLD.changed_at)

    assert judged(measured) == (Verdict.FINE, None)
    assert check(measured, now=NOW) is None


def test_a_video_counts_as_changed_for_the_backfill_that_changed_it_alone():
    """R-BKF-04: the same page twice has the same counts; a second backfill finds nothing to do."""
    filled = replace(OLD, has_end=True, ended_at=OLD.changed_at, backfilled_by="b")

    assert judged(filled) == (Verdict.CHANGED, None)
    assert judged(filled, "another") == (Verdict.FINE, None)


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({"has_start": True}, Trouble.LENGTH_WOULD_BE_INVENTED),
        ({"changed_at": None}, Trouble.NO_BELIEVABLE_TIME),
        ({"changed_at": NOW + timedelta(hours=1)}, Trouble.NO_BELIEVABLE_TIME),
        ({"changed_at": datetime(1970, 1, 1, tzinfo=UTC)}, Trouble.NO_BELIEVABLE_TIME),
        ({"has_beginning": False}, Trouble.NO_BELIEVABLE_TIME),
        ({"id": "a b"}, Trouble.UNUSABLE_ID),
        ({"id": "a.b.>"}, Trouble.UNUSABLE_ID),
        ({"owner_id": ""}, Trouble.UNUSABLE_ID),
        ({"owner_id": "x" * 513}, Trouble.UNUSABLE_ID),
    ],
)
def test_what_can_not_be_known_is_not_made_up(change, trouble):
    """R-BKF-02: it is counted as failed, with the reason, and stays as it is."""
    video = replace(OLD, **change)

    assert judged(video) == (Verdict.FAILED, trouble)
    assert check(video, now=NOW) is trouble


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({}, None),
        ({"has_start": True}, Trouble.START_INVENTED),
        ({"ended_at": OLD.changed_at + timedelta(seconds=1)}, Trouble.END_AFTER_LAST_CHANGE),
        ({"ended_at": None}, Trouble.END_AFTER_LAST_CHANGE),
        ({"changed_at": NOW}, None),  # somebody gave it a title since
    ],
)
def test_a_check_finds_what_no_backfill_would_have_left(change, trouble):
    """R-BKF-08."""
    filled = replace(OLD, has_end=True, ended_at=OLD.changed_at, backfilled_by="b")

    assert check(replace(filled, **change), now=NOW) is trouble


moments = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
candidates = st.builds(
    Candidate,
    id=st.text(max_size=70),
    owner_id=st.text(max_size=5),
    filename=st.just("f"),
    state=st.sampled_from(VideoState),
    generation=st.just(1),
    has_start=st.booleans(),
    has_end=st.booleans(),
    ended_at=moments,
    changed_at=moments,
    has_beginning=st.booleans(),
    backfilled_by=st.none() | st.just("b"),
)


@given(candidates)
def test_every_video_has_one_verdict_and_only_a_failure_has_a_reason(video):
    verdict, trouble = judged(video)

    assert (verdict is Verdict.FAILED) == (trouble is not None)
    if verdict is Verdict.CHANGED and not video.has_end:
        assert video.state.is_terminal
        assert not video.has_start
        assert video.changed_at <= NOW + timedelta(minutes=5)
