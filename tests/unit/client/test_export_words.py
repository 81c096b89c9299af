"""How shorts are asked for and told of, in words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import ClientError, HeimdexApiError
from client.export_errors import ADVICE, countdown, failure_of, in_words, quota_line
from client.export_spec import Choices, parse_seconds, parse_segment, print_seconds, print_segment

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("62.5", 62.5),
        ("1:02.5", 62.5),
        ("01:02", 62),
        ("90:00", 5400),
        ("1:01:02.25", 3662.25),
        ("7200", 7200),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "x", "-1", "1:60", "1:60:00", ":5", "5:", "1:2:3:4", "1,5", "nan", "1e3", "٣"]
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ClientError, match=r"is no time; write seconds"):
        parse_seconds(text)


@given(st.integers(0, 100 * 3600 * 1000))
def test_a_printed_time_is_read_again_to_the_millisecond(milliseconds: int) -> None:
    assert round(parse_seconds(print_seconds(milliseconds / 1000)) * 1000) == milliseconds


def test_a_scene_or_a_range_is_told_apart() -> None:
    assert parse_segment("s_abc") == {"scene": "s_abc"}
    assert parse_segment("v_a-b@1:02.5-1:30") == {"video": "v_a-b", "start_s": 62.5, "end_s": 90.0}
    assert parse_segment("v@0-7.25") == {"video": "v", "start_s": 0.0, "end_s": 7.25}


@pytest.mark.parametrize("text", ["", "v@", "@1-2", "v@5", "v@-5", "v@5-", "v@9-5", "v@5-5", "v@a-b"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ClientError):
        parse_segment(text)


@given(st.integers(0, 3 * 3600 * 1000), st.integers(1, 180_000))
def test_a_printed_range_is_read_again(start_ms: int, length_ms: int) -> None:
    printed = print_segment({"video": "v_1", "start_s": start_ms / 1000, "end_s": (start_ms + length_ms) / 1000})
    read = parse_segment(printed)

    assert round(read["start_s"] * 1000) == start_ms
    assert round(read["end_s"] * 1000) == start_ms + length_ms
    assert read["video"] == "v_1"


def test_choices_become_fields_of_the_contract() -> None:
    """R-EXP-05."""
    chosen = Choices(ratio="4:5", strategy="center-crop", quality="high", captions="box", snaps=False)

    assert chosen.as_json() == {
        "aspect_ratio": "ASPECT_RATIO_4_5",
        "aspect_ratio_strategy": "ASPECT_RATIO_STRATEGY_CENTER_CROP",
        "output_quality": "OUTPUT_QUALITY_HIGH",
        "caption_style": "CAPTION_STYLE_BOX",
        "snap_to_words": False,
    }
    with pytest.raises(ClientError, match="ratio '3:2' is none of 9:16"):
        Choices(ratio="3:2").as_json()


def test_every_word_of_the_contract_can_be_chosen() -> None:
    from client.export_spec import CAPTIONS, QUALITIES, RATIOS, STRATEGIES
    from heimdex.ingest.v1 import export_pb2 as contract

    for table, enum in (
        (RATIOS, contract.AspectRatio),
        (STRATEGIES, contract.AspectRatioStrategy),
        (QUALITIES, contract.OutputQuality),
        (CAPTIONS, contract.CaptionStyle),
    ):
        assert set(table.values()) == {name for name in enum.keys() if not name.endswith("_UNSPECIFIED")}  # noqa: SIM118


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (0.2, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "2 min"),
        (3600, "1 h"),
        (11_501, "3 h 12 min"),
        (86_399, "24 h"),
        (86_400, "24 h"),
    ],
)
def test_a_countdown_never_ends_before_it_says(seconds: float, expected: str) -> None:
    """R-EXP-04."""
    assert countdown(seconds) == expected


def test_a_quota_says_when_the_next_one_comes_back() -> None:
    """R-EXP-04."""
    line = quota_line({"limit": 10, "used": 10, "reset_at": "2026-11-21T15:11:30Z"}, now=NOW)

    assert line == "0 of 10 exports are left in these 24 hours; one more in 3 h 12 min (2026-11-21 15:11 UTC)"
    assert quota_line({"limit": 10, "remaining": 10}) == "10 of 10 exports are left in these 24 hours"


def refused(reason: str, message: str = "it can not be", **more: object) -> str:
    with pytest.raises(HeimdexApiError) as caught, in_words():
        raise HeimdexApiError(400, "FAILED_PRECONDITION", message, reason=reason, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_used_up_quota_counts_down() -> None:
    """R-EXP-04."""
    said = refused("EXPORT_QUOTA_EXCEEDED", metadata={"limit": "10", "used": "10"}, retry_after_seconds=11_501.2)

    assert said == "10 of 10 exports of the last 24 hours are used; next one in 3 h 12 min [EXPORT_QUOTA_EXCEEDED]"


def test_a_refusal_says_what_to_do() -> None:
    said = refused("SCENE_TOO_LONG", "the clip would be 180.1 s long and at most 180 s are made; choose less of it")

    assert said.startswith("the clip would be 180.1 s long and at most 180 s are made; choose less of it; for a part")
    assert "heimdex export VIDEO@START-END --to FILE" in said
    assert said.endswith("[SCENE_TOO_LONG]")
    assert refused("SOMETHING_ELSE") == "it can not be [SOMETHING_ELSE]"


@pytest.mark.parametrize("reason", sorted(ADVICE))
def test_every_reason_has_a_sentence_that_ends_with_its_word(reason: str) -> None:
    said = refused(reason)

    assert said.endswith(f"[{reason}]")
    assert ADVICE[reason] in said


def test_advice_names_the_thing_it_is_about() -> None:
    waiting = refused("VIDEO_NOT_READY", metadata={"video": "v_1"})
    stuck = failure_of(
        {"id": "e_1", "status": "EXPORT_STATE_FAILED", "error_message": "too slow", "error_reason": "MEDIA_TIMEOUT"}
    )

    assert waiting == "it can not be; see how far it is: heimdex video get v_1 [VIDEO_NOT_READY]"
    assert stuck == "the export failed: too slow; try again: heimdex exports retry e_1 [MEDIA_TIMEOUT]"


def test_what_is_said_already_is_not_said_twice() -> None:
    gone = "the source file of the video is gone; upload it again"

    assert refused("SOURCE_MISSING", gone) == f"{gone} [SOURCE_MISSING]"


def test_an_export_without_a_file_says_why() -> None:
    """R-EXP-08."""
    broken = failure_of(
        {
            "status": "EXPORT_STATE_FAILED",
            "error_message": "a video of it was deleted",
            "error_reason": "SOURCE_MISSING",
        }
    )
    nameless = failure_of({"status": "EXPORT_STATE_FAILED"})

    assert broken.startswith("the export failed: a video of it was deleted; ")
    assert broken.endswith("[SOURCE_MISSING]")
    assert nameless == "the export failed: no reason was given"
    assert "heimdex exports retry e1" in failure_of({"id": "e1", "status": "EXPORT_STATE_CANCELLED"})
    assert "[EXPORT_EXPIRED]" in failure_of({"status": "EXPORT_STATE_EXPIRED"})
    assert "heimdex exports wait e1" in failure_of({"id": "e1", "status": "EXPORT_STATE_QUEUED"})
