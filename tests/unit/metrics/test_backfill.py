"""A backfill as a value."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput
from chassis.core.ids import check_id
from metrics_svc.domain.backfill.backfill import (
    SHOWN,
    Backfill,
    BackfillState,
    EndPage,
    KnownRun,
    Problem,
    Tally,
    VideoEnd,
    after_page,
    backfill_id_of,
    problem_of_run,
    request_id_of,
    sentence_of,
)
from metrics_svc.domain.backfill.verification import Verification, read_place, write_place

NOW = datetime(2026, 11, 20, tzinfo=UTC)
BEGUN = Backfill(
    backfill_id="bf_1",
    request_id="r",
    dry_run=False,
    state=BackfillState.RUNNING,
    started_by="ada",
    started_at=NOW,
    updated_at=NOW,
)


def end(name, trouble="", finished_at=NOW):
    return VideoEnd(
        video_id=name,
        owner_id="ada",
        filename="f",
        state="ready",
        generation=1,
        finished_at=None if trouble else finished_at,
        trouble=trouble,
    )


@st.composite
def pages(draw):
    """A run of pages as ingest_svc answers them."""
    sizes = draw(st.lists(st.integers(0, 130), min_size=1, max_size=6))
    found, number, total = [], 0, sum(sizes)
    for place, size in enumerate(sizes):
        names = [f"v_{number + one:04d}" for one in range(size)]
        number += size
        troubles = draw(st.lists(st.sampled_from(["", "UNUSABLE_ID"]), min_size=size, max_size=size))
        failed = sum(map(bool, troubles))
        found.append(
            EndPage(
                tally=Tally(examined=size, changed=size - failed, failed=failed),
                videos=tuple(map(end, names, troubles)),
                last_video_id=names[-1] if names else "",
                is_last=place == len(sizes) - 1,
                videos_total=total if place == 0 else None,
            )
        )
    return found


@given(pages())
def test_counts_add_up_and_the_position_never_goes_back(found):
    """R-BKF-04."""
    backfill, position = BEGUN, ""
    for page in found:
        assert backfill.state is BackfillState.RUNNING
        backfill = after_page(backfill, page, NOW + timedelta(seconds=1))

        assert backfill.last_video_id >= position
        assert 0 <= backfill.progress_percent <= 100
        position = backfill.last_video_id
    everything = [video for page in found for video in page.videos]

    assert (backfill.state, backfill.progress_percent, backfill.pages) == (BackfillState.DONE, 100, len(found))
    assert backfill.tally.examined == len(everything)
    assert backfill.preview == tuple(video for video in everything if not video.trouble)[:SHOWN]
    assert backfill.failures == tuple(video for video in everything if video.trouble)[:SHOWN]
    assert (backfill.finished_at, backfill.updated_at) == (NOW + timedelta(seconds=1),) * 2


def test_progress_is_absent_until_the_number_of_videos_is_known():
    """R-STG-11: absent is not 0."""
    assert BEGUN.progress_percent is None
    assert replace(BEGUN, videos_total=0).progress_percent == 0
    grown = replace(BEGUN, videos_total=2, tally=Tally(examined=5, fine=5))
    assert grown.progress_percent == 100  # videos came while it ran


def test_counts_that_do_not_add_up_are_no_counts():
    with pytest.raises(ValueError, match="add up"):
        Tally(examined=2, changed=1)


def test_the_same_request_is_the_same_backfill():
    assert backfill_id_of("r") == backfill_id_of("r") != backfill_id_of("s")
    assert check_id(backfill_id_of("any \N{SNOWMAN} text"))
    assert request_id_of("mine", fresh="x") == "mine"
    assert request_id_of("", fresh="x") == "x"


@pytest.mark.parametrize("request_id", ["x" * 129, "a\0b"])
def test_an_id_of_a_request_that_can_not_be_kept_is_refused(request_id):
    with pytest.raises(InvalidInput) as refused:
        request_id_of(request_id, fresh="x")

    assert [one.field for one in refused.value.violations] == ["request_id"]


def test_a_request_is_not_used_for_both_kinds():
    assert BEGUN.of_kind(dry_run=False) is BEGUN
    with pytest.raises(InvalidInput) as refused:
        BEGUN.of_kind(dry_run=True)
    assert [one.field for one in refused.value.violations] == ["request_id"]


KNOWN = KnownRun(
    video_id="v",
    generation=1,
    is_backfilled=True,
    finished_at=NOW,
    duration_ns=None,
    queue_ns=None,
    elapsed_ns=None,
)


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (KNOWN, ""),
        (None, "RUN_NOT_COUNTED"),
        (replace(KNOWN, is_backfilled=False), "RUN_NOT_MARKED"),
        (replace(KNOWN, duration_ns=0), "RUN_INVENTED"),
        (replace(KNOWN, queue_ns=5), "RUN_INVENTED"),
        (replace(KNOWN, elapsed_ns=5), "RUN_INVENTED"),
        (replace(KNOWN, finished_at=NOW + timedelta(microseconds=1)), "RUN_OTHER_END"),
        (replace(KNOWN, finished_at=None), "RUN_OTHER_END"),
    ],
)
def test_a_run_is_counted_with_its_end_and_nothing_else(run, problem):
    """R-BKF-02, R-BKF-08."""
    assert problem_of_run(end("v"), run) == problem
    assert bool(sentence_of(problem)) == bool(problem)


def test_a_problem_of_a_newer_version_is_told_by_its_word():
    assert sentence_of("SOMETHING_NEW") == "SOMETHING_NEW"


def test_all_problems_are_counted_and_the_first_are_kept():
    problems = [Problem(end(f"v_{number}"), "RUN_NOT_COUNTED") for number in (3, 1, 2)]
    found = Verification()
    for _ in range(2):
        found = found.with_page(examined=5, backfilled=4, forgotten=1, problems=problems, shown=4)

    assert (found.examined, found.backfilled, found.forgotten, found.problems_total) == (10, 8, 2, 6)
    assert [one.end.video_id for one in found.problems] == ["v_1", "v_2", "v_3", "v_1"]
    assert found.going_on("t").next_token == "t"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=512))
def test_a_place_comes_back_as_it_was(video_id):
    assert read_place(write_place(video_id)) == video_id


@pytest.mark.parametrize(
    "token", ["!", "AAA", "AA==\n", "\N{SNOWMAN}", write_place("\0"), write_place("x" * 513), "_w=="]
)
def test_a_token_that_is_none_of_ours_is_refused(token):
    with pytest.raises(InvalidInput) as refused:
        read_place(token)

    assert [one.field for one in refused.value.violations] == ["page_token"]
