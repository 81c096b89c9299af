"""Numbers for people."""

from datetime import UTC, datetime

import pytest
from rich.console import Console

from client.output import clock, elapsed, milliseconds, size, word
from client.stage_board import StageBoard
from client.types import Step, Video
from client.video_view import failure_of
from client.wire import error_of


@pytest.mark.parametrize(("seconds", "expected"), [(0, "00:00"), (59.99, "00:59"), (61, "01:01"), (3725, "1:02:05")])
def test_clock(seconds: float, expected: str) -> None:
    assert clock(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "-"), (0.42, "0.4 ms"), (12.4, "12 ms"), ("2345", "2.35 s"), (0, "0.0 ms")]
)
def test_milliseconds_never_show_zero_for_what_was_not_measured(value: float | None, expected: str) -> None:
    assert milliseconds(value) == expected


def test_sizes_and_words() -> None:
    assert [size(999), size(434_493), size(3_500_000_000)] == ["999 B", "434.5 kB", "3.5 GB"]
    assert word("VIDEO_STATE_READY", "VIDEO_STATE_") == "ready"
    assert word(None, "VIDEO_STATE_") == ""


def test_elapsed_of_a_running_step_counts_to_now_and_is_never_negative() -> None:
    now = datetime(2026, 11, 21, 5, 0, 2, tzinfo=UTC)

    assert elapsed({"started_at": "2026-11-21T05:00:00.500Z"}, now=now) == 1500
    assert elapsed({"started_at": "2026-11-21T05:00:09Z"}, now=now) == 0
    assert (
        elapsed({"started_at": "2026-11-21T05:00:00.123456789Z", "finished_at": "2026-11-21T05:00:01.123456789Z"})
        == 1000
    )
    assert elapsed({}) is None


def test_board_tells_each_end_once_and_shows_every_stage() -> None:
    board = StageBoard()
    running: Step = {"stage": "STAGE_METADATA", "state": "STEP_STATE_RUNNING", "attempts": 2}
    done: Step = {"stage": "STAGE_METADATA", "state": "STEP_STATE_DONE", "attempts": 2}
    ends = [board.update({"steps": [step]}) for step in (running, done, done)]
    screen = Console(width=100)
    with screen.capture() as captured:
        screen.print(board)

    assert ends == [[], [done], []]
    shown = captured.get()
    for stage in ("downloading", "metadata", "transcription", "finalizing", "attempt 2"):
        assert stage in shown


def test_failure_names_stage_message_and_reason() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "UNREADABLE_MEDIA"}]
    video: Video = {
        "state": "VIDEO_STATE_FAILED",
        "processing_stage": "metadata",
        "error": {"message": "not a video", "details": details},
    }

    assert failure_of(video) == "the video failed in stage metadata: not a video [UNREADABLE_MEDIA]"
    assert failure_of({"state": "VIDEO_STATE_CANCELLED"}) == "the video is cancelled, not ready"


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"code": "x"}', b'{"code": 5, "details": [1, null]}', b"\xff\xfe"]
)
def test_any_body_becomes_an_error(body: bytes) -> None:
    assert str(error_of(500, body))
