"""Plans of a clip that touch no file: rates, places, rectangles, gains, arguments, errors."""

import signal
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from chassis.core.errors import UnreadableMedia, UpstreamUnavailable
from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.cutting.commands import Input, encode_command, feed_command, pipe_input
from ingest_svc.domain.exports.cutting.crop_moves import Move, crops_of, expression
from ingest_svc.domain.exports.cutting.failures import error_from_run, is_damaged, too_slow
from ingest_svc.domain.exports.cutting.gain import (
    GENTLE,
    QUICK,
    Gain,
    Heard,
    Tried,
    best,
    first_gain,
    next_gain,
    read_meter,
)
from ingest_svc.domain.exports.cutting.geometry import Fit, Rect, cover, fit
from ingest_svc.domain.exports.cutting.limits import CutLimits
from ingest_svc.domain.exports.cutting.looks import SourceLook, read_look
from ingest_svc.domain.exports.cutting.picture_chain import picture_chain
from ingest_svc.domain.exports.cutting.rates import RATES, clip_rate, source_rate
from ingest_svc.domain.exports.cutting.timeline import place
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Quality, Ratio, Size, Strategy, encoding_of

HD = SourceLook(width=1920, height=1080, average_rate=Fraction(25))
FRAME = Size(1080, 1920)
SECOND = 10**9


def rated(average: str, base: str = "90000") -> SourceLook:
    return replace(HD, average_rate=Fraction(average), base_rate=Fraction(base))


@pytest.mark.parametrize(
    ("average", "base", "rate"),
    [
        ("25", "25", "25"),
        ("24000/1001", "24000/1001", "24000/1001"),
        ("23.98", "24", "24000/1001"),
        ("29.972", "90000", "30000/1001"),
        ("20.42", "30000/1001", "30000/1001"),
        ("10.51", "90000", "30"),
        ("10", "10", "30"),
        ("12.5", "12.5", "25"),
        ("15", "15", "30"),
        ("20", "20", "60"),
        ("1", "1", "30"),
        ("35", "35", "30"),
        ("47", "90000", "50"),
        ("120", "120", "60"),
        ("1000", "1000", "60"),
        ("0", "0", "30"),
        ("0", "24", "24"),
        ("25", "50", "25"),
    ],
)
def test_a_source_gets_the_rate_that_suits_it(average: str, base: str, rate: str) -> None:
    assert source_rate(rated(average, base)) == Fraction(rate)


def test_a_reel_has_the_highest_rate_of_its_sources() -> None:
    assert clip_rate([rated("24"), rated("50"), rated("10")]) == 50
    assert all(rate <= 60 for rate in RATES)


def test_a_cut_begins_where_a_picture_begins_if_one_is_near() -> None:
    """Half a picture is 20 ms here: 7 ms late, it is the one before; 33 ms late, the one after."""
    look = replace(HD, shown_ns=SECOND, next_ns=1_040_000_000)
    span = TimeSpan(1_007_000_000, 2_007_000_000)
    (near,) = place([span], [look], Fraction(25))
    (after,) = place([TimeSpan(1_033_000_000, 2_033_000_000)], [look], Fraction(25))
    (slow,) = place([span], [replace(look, shown_ns=0, next_ns=5 * SECOND)], Fraction(25))

    assert (near.seek_ns, near.lead_ns, near.shift_ns) == (998_000_000, 2_000_000, -7_000_000)
    assert after.shift_ns == 7_000_000
    assert (slow.seek_ns, slow.lead_ns, slow.shift_ns) == (0, 1_007_000_000, 0)
    assert (near.pictures, near.samples) == (25, 48_000)


def test_borders_of_a_reel_are_rounded_from_the_exact_sum() -> None:
    """A hundred cuts of 1.01 pictures are 101 pictures, not 100."""
    spans = [TimeSpan(0, 40_400_000)] * 100
    placed = place(spans, [HD] * 100, Fraction(25))

    assert sum(one.pictures for one in placed) == 101
    assert sum(one.samples for one in placed) == 101 * 1920


@pytest.mark.parametrize(
    ("look", "frame", "covered", "fitted"),
    [
        (HD, FRAME, Rect(656, 0, 608, 1080), Fit(1080, 608, 0, 656)),
        (replace(HD, is_turned=True), FRAME, Rect(0, 0, 1080, 1920), Fit(1080, 1920, 0, 0)),
        (replace(HD, width=720, height=576, aspect=Fraction(64, 45)), Size(1920, 1080), Rect(0, 0, 720, 576), None),
        (replace(HD, width=1080, height=1920), Size(1080, 1080), Rect(0, 420, 1080, 1080), Fit(608, 1080, 236, 0)),
        (replace(HD, width=201, height=101), Size(1080, 1080), Rect(50, 0, 100, 101), Fit(1080, 542, 0, 268)),
    ],
    ids=["wide", "turned", "anamorphic", "square", "odd"],
)
def test_pictures_are_cut_and_fitted_in_the_middle(
    look: SourceLook, frame: Size, covered: Rect, fitted: Fit | None
) -> None:
    assert cover(look, frame) == covered
    if fitted is not None:
        assert fit(look, frame) == fitted


def test_filters_are_those_a_source_needs_and_no_others() -> None:
    (placed,) = place([TimeSpan(0, SECOND)], [HD], Fraction(25))

    def text(look: SourceLook, strategy: Strategy = Strategy.CENTER_CROP) -> str:
        return picture_chain(
            look, strategy, None, placed=placed, rate=Fraction(25), frame=FRAME, source="0:0", result="v", name="c0"
        ).text

    plain = text(HD)
    assert not any(word in plain for word in ("bwdif", "tonemap", "zscale", "overlay", ",pad="))
    assert "deint=interlaced" in text(replace(HD, is_interlaced=True, is_flagged=True))
    assert "deint=all" in text(replace(HD, is_interlaced=True))
    assert "tonemap" in text(replace(HD, transfer=16))
    assert "tonemap" not in text(replace(HD, primaries=9))
    assert "primariesin=bt2020" in text(replace(HD, primaries=9))
    assert "in_color_matrix=smpte170m" in text(replace(HD, width=640, height=480))
    assert "in_range=pc" in text(replace(HD, is_full_range=True))
    assert "drawbox" in text(replace(HD, has_alpha=True))
    assert "pad=1080:1920:0:656" in text(HD, Strategy.LETTERBOX)
    assert "gblur" in text(HD, Strategy.BLUR_PAD)
    assert text(HD, Strategy.SMART) == text(HD, Strategy.BLUR_PAD)
    assert text(replace(HD, is_turned=True), Strategy.BLUR_PAD) == text(replace(HD, is_turned=True))
    assert plain.index("fps=") < plain.index("crop=")
    slow = text(replace(HD, average_rate=Fraction(10)))
    assert slow.index("fps=") > slow.index("crop=")


def test_a_path_that_stands_still_is_one_crop() -> None:
    still = CameraPath(0.32, 1.0, (CameraPiece(TimeSpan(0, SECOND), SECOND, (0.3, 0.3), (0.5, 0.5)),))

    crops = crops_of(still, HD, FRAME, pictures=25, rate=Fraction(25), shift_ns=0)

    assert (crops.window, crops.enlarged) == ((608, 1080), FRAME)
    assert (crops.window_x, crops.frame_x) == ((Move(0, 272, 0),), (Move(0, 0, 0),))


def test_moves_are_a_tree_of_choices() -> None:
    moves = [Move(0, 4, 0), Move(3, 5.25, 0.5), Move(9, 0, 0)]

    assert expression(moves) == "if(lt(n,3),4,if(lt(n,9),floor(5.7500+0.500000*(n-3)),0))"


def test_a_gain_alone_where_peaks_allow_it() -> None:
    assert first_gain(Heard(-20.0, -10.0), -14) == Gain(6.0)
    assert first_gain(Heard(-20.0, -3.0), -14) == Gain(6.0, GENTLE)
    assert first_gain(Heard(-8.0, 0.5), -14) == Gain(-6.0)
    assert first_gain(Heard(None, -3.0), -14) is None
    assert first_gain(Heard(-65.0, -50.0), -14) is None


def test_what_a_limiter_takes_is_made_up_for_and_a_quick_one_takes_over_from_a_gentle_one() -> None:
    near = [Tried(Gain(6, GENTLE), -14.2)]
    short = [Tried(Gain(6, GENTLE), -15.6)]
    second = next_gain(short, -14)
    assert next_gain(near, -14) is None
    assert second == Gain(pytest.approx(8.0), GENTLE)
    far = [*short, Tried(Gain(8, GENTLE), -15.2)]
    assert next_gain(far, -14) == Gain(12, QUICK)
    endless = [Tried(Gain(6 + n, QUICK), -20.0) for n in range(6)]
    assert next_gain(endless, -14) is None
    assert best([*far, Tried(Gain(12, QUICK), -13.1)], -14) == Tried(Gain(12, QUICK), -13.1)


def test_the_meter_s_last_words_count() -> None:
    text = (
        "frame:0\nlavfi.r128.I=-30.5\nlavfi.r128.true_peak=0.1\nnoise=x\nlavfi.r128.I=-20.1\nlavfi.r128.true_peak=0.5\n"
    )

    heard = read_meter(text)

    assert heard == Heard(-20.1, pytest.approx(-6.02, abs=0.01))
    assert read_meter("lavfi.r128.I=-70.000\nlavfi.r128.true_peak=0.000\n") == Heard(None, None)
    assert read_meter("lavfi.r128.I=abc\n") == Heard(None, None)


def test_every_input_of_a_stranger_is_guarded_and_the_result_is_not() -> None:
    (placed,) = place([TimeSpan(0, SECOND)], [HD], Fraction(25))
    limits = CutLimits(max_pixels=1000)
    source = Input.of_file(Path("/x/-i"), placed, limits)
    encoding = encoding_of(Ratio.R_9_16, Quality.MEDIUM)
    command = encode_command([source], encoding, rate=Fraction(25), pictures="p", sound=None, limits=limits)

    before = command[: command.index("-i")]
    assert before[before.index("-protocol_whitelist") + 1] == "file"
    assert before[before.index("-max_pixels") + 1] == "1000"
    assert "concat" not in before[before.index("-format_whitelist") + 1].split(",")
    assert "h264" in before[before.index("-codec_whitelist") + 1].split(",")
    assert command[command.index("-i") + 1] == "file:/x/-i"
    assert "-nostdin" in command
    assert command[-1] == "file:clip.mp4"
    assert ("-map_metadata", "-1") == command[command.index("-map_metadata") :][:2]
    assert feed_command(source, "p")[-1] == "pipe:1"
    assert pipe_input(FRAME, Fraction(25)).arguments[-1] == "pipe:0"


@pytest.mark.parametrize("ratio", list(Ratio))
@pytest.mark.parametrize("quality", list(Quality))
def test_high_stays_below_sixty_megabytes_a_minute(ratio: Ratio, quality: Quality) -> None:
    """What the rate control allows at most, its buffer and the sound included."""
    encoding = encoding_of(ratio, quality)

    bits = 60 * (encoding.max_bps + encoding.audio_bps) + 2 * encoding.max_bps
    assert bits / 8 < 60_000_000


@pytest.mark.parametrize(
    ("code", "words", "kind", "reason"),
    [
        (228, "", UpstreamUnavailable, "SCRATCH_FULL"),
        (229, "", UpstreamUnavailable, "SCRATCH_FULL"),
        (-signal.SIGXFSZ, "", UpstreamUnavailable, "SCRATCH_FULL"),
        (244, "", UnreadableMedia, "MEDIA_CHILD_KILLED"),
        (187, "x264 [error]: malloc of size 5 failed", UnreadableMedia, "MEDIA_CHILD_KILLED"),
        (-signal.SIGKILL, "", UpstreamUnavailable, "MEDIA_CHILD_KILLED"),
        (-signal.SIGXCPU, "", UnreadableMedia, "MEDIA_TIMEOUT"),
        (-signal.SIGSEGV, "", UnreadableMedia, "MEDIA_CHILD_KILLED"),
        (183, "/secret/path", UnreadableMedia, "DECODE_FAILED"),
        (69, "", UnreadableMedia, "DECODE_FAILED"),
        (234, "Error opening input: Invalid argument", UnreadableMedia, "DECODE_FAILED"),
        (234, "/secret/path", UpstreamUnavailable, "CUT_FAILED"),
    ],
)
def test_every_end_has_a_name(code: int, words: str, kind: type, reason: str) -> None:
    error = error_from_run(code, words, memory_bytes=2**30)

    assert (type(error), error.reason) == (kind, reason)
    assert "/" not in error.message


def test_a_little_damage_is_borne_and_more_is_not() -> None:
    assert not is_damaged(1, 25)
    assert is_damaged(2, 25)
    assert not is_damaged(30, 1500)
    assert is_damaged(31, 1500)
    assert too_slow(7.4).metadata["limit_seconds"] == "7"


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", 0), ("width", True), ("aspect", [1, 0]), ("aspect", 1.0), ("matrix", -1), ("pixel_format", "x" * 300)],
)
def test_an_answer_that_is_none_is_refused(key: str, value: object) -> None:
    """The child that looks has touched a stranger's file."""
    right = {
        "width": 2, "height": 2, "aspect": [1, 1], "is_turned": False, "is_rotated": False, "pixel_format": "yuv420p",
        "has_alpha": False, "matrix": 1, "primaries": 1, "transfer": 1, "is_full_range": False, "is_interlaced": False,
        "is_flagged": False, "average_rate": [25, 1], "base_rate": [25, 1], "open_ns": 0, "shown_ns": 0,
        "next_ns": None, "x264_build": 0, "copy": None,
    }  # fmt: skip

    assert read_look(right).width == 2
    with pytest.raises(ValueError, match=r"\w"):
        read_look(right | {key: value})
