"""The check of exports on clips that are wrong in one thing each: it says that thing, and nothing else."""

from pathlib import Path

import pytest

from chassis.core.mediatime import TimeSpan
from heimdex.ingest.v1 import export_pb2
from ingest_svc.domain.exports.values import Strategy
from tests.support.export_clips import NS, Made, check, expected, ffmpeg, make, origin

GOOD, POOR, FAILED = (
    export_pb2.CHECK_VERDICT_GOOD,
    export_pb2.CHECK_VERDICT_POOR,
    export_pb2.CHECK_VERDICT_FAILED,
)
BLACK = "drawbox=c=black:t=fill:enable='between(n,20,29)'"
FROZEN = "select='not(between(n,16,45))',fps=30"
STILL = "loop=loop=-1:size=1,trim=end_frame=60"


def reasons(report: export_pb2.CheckReport) -> list[str]:
    return [reason.partition(":")[0] for reason in report.reasons]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("good") / "good.mp4")


async def test_a_good_clip_is_good_and_its_numbers_are_those_of_the_file(good):
    """R-EXP-06."""
    asked: list[str] = []

    report = await check(good, expected(origins=(origin(good),)), asked=asked)

    assert (report.verdict, list(report.reasons)) == (GOOD, [])
    assert (report.width_px, report.height_px, report.is_faststart) == (144, 256, True)
    assert (report.picture_format, report.sound_format) == ("h264 yuv420p bt709", "aac 48000 Hz stereo")
    assert report.duration_s == pytest.approx(2.0, abs=0.001)
    assert report.frame_rate == pytest.approx(30.0)
    assert report.av_sync_ms == pytest.approx(0, abs=0.1)
    assert report.loudness_lufs == pytest.approx(-14, abs=0.1)
    assert report.true_peak_dbtp == pytest.approx(-14, abs=0.3)
    assert (report.black_frames_pct, report.frozen_frames_pct) == (0, 0)
    assert not any(report.HasField(name) for name in ("subject_inside_pct", "path_jitter", "captions_safe_pct"))
    assert asked == ["measure"], "a clip without doubts costs one decode and no look at its source"


@pytest.mark.parametrize(
    "how",
    [
        Made(level_dbfs=None),
        Made(sound_filters="volume=0"),
        Made(pictures="color=c=gray:size=144x256:rate=30:duration=2"),
        Made(pictures="testsrc2=size=144x256:rate=30000/1001:duration=2"),
        Made(pictures="testsrc2=size=144x256:rate=60:duration=2", extra=("-bf", "3")),
        Made(pictures="testsrc2=size=144x256:rate=10:duration=2", filters="fps=30"),
        Made(sound_filters="aresample=44100"),
    ],
    ids=["no sound", "silence", "one colour", "29.97", "60 and B pictures", "each picture thrice", "44.1 kHz"],
)
async def test_every_kind_of_good_clip_is_good(tmp_path, how):
    """R-EXP-06."""
    clip = make(tmp_path / "clip.mp4", how)

    report = await check(clip, expected(has_sound=how.level_dbfs is not None, origins=(origin(clip),)))

    assert (report.verdict, list(report.reasons)) == (GOOD, [])
    assert report.HasField("loudness_lufs") == (how.level_dbfs is not None and "volume=0" not in how.sound_filters)


@pytest.mark.parametrize(
    ("reason", "verdict", "how"),
    [
        ("OUT_OF_SYNC", POOR, Made(sound_offset_s=0.1, extra=("-t", "2"))),
        ("SOUND_GAP", POOR, Made(sound_filters="aselect='not(between(t,0.5,0.7))'")),
        ("TOO_LOUD", POOR, Made(level_dbfs=-12.5)),
        ("TOO_QUIET", POOR, Made(level_dbfs=-15.5)),
        ("UNEVEN_RATE", POOR, Made(filters="select='not(eq(mod(n,3),1))'", extra=("-fps_mode", "vfr"))),
        ("PICTURE_FORMAT", POOR, Made(pixel_format="yuv420p10le")),
        ("PICTURE_FORMAT", POOR, Made(pixel_format="yuv444p")),
        ("PICTURE_FORMAT", POOR, Made(pixel_format="rgb24", extra=("-c:v", "libx264rgb"))),
        ("PICTURE_FORMAT", POOR, Made(tags="setparams=colorspace=smpte170m:color_primaries=smpte170m:range=tv")),
        ("PICTURE_FORMAT", POOR, Made(extra=("-flags", "+ildct"), filters="setfield=tff")),
        ("SOUND_FORMAT", POOR, Made(sound_codec="libmp3lame")),
        ("NOT_FASTSTART", POOR, Made(is_faststart=False)),
        ("LENGTH_OFF", POOR, Made(pictures="testsrc2=size=144x256:rate=30:duration=2.1", extra=("-t", "2.1"))),
        ("WRONG_LENGTH", FAILED, Made(filters="trim=end=1.5", extra=("-shortest",))),
        ("WRONG_SIZE", FAILED, Made(pictures="testsrc2=size=256x144:rate=30:duration=2")),
        ("WRONG_SIZE", FAILED, Made(filters="setsar=4/3")),
        ("NO_SOUND", FAILED, Made(level_dbfs=None)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_one_wrong_thing_is_named_and_no_other(tmp_path, reason, verdict, how):
    """R-EXP-06: duration within a picture, sound within 40 ms, size and format."""
    if reason == "LENGTH_OFF":  # the tone ends at 2.0 s: make it as long as the picture
        how = Made(pictures=how.pictures, extra=how.extra, sound_filters="apad=whole_dur=2.1")

    report = await check(make(tmp_path / "clip.mp4", how))

    assert (reasons(report), report.verdict) == ([reason], verdict)


async def test_a_clip_that_players_turn_is_of_the_wrong_size(tmp_path, good):
    """R-EXP-05."""
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", str(good), "-c", "copy", "-movflags", "+faststart", str(turned))

    report = await check(turned)

    assert (reasons(report), report.verdict) == (["WRONG_SIZE"], FAILED)


async def test_over_full_scale_is_clipped(tmp_path):
    clip = make(tmp_path / "clip.mp4", Made(level_dbfs=0.5))

    report = await check(clip, expected(loudness_lufs=0.5))

    assert (reasons(report), report.verdict) == (["CLIPPED"], POOR)


async def test_ten_black_pictures_are_a_fault_where_the_source_is_lit_and_none_where_it_is_black(tmp_path, good):
    clip = make(tmp_path / "clip.mp4", Made(pictures=f"testsrc2=size=144x256:rate=30:duration=2,{BLACK}"))
    long_source = expected(origins=(origin(good),))

    lost = await check(clip, long_source)
    shown = await check(clip, expected(origins=(origin(clip),)))

    assert lost.black_frames_pct == pytest.approx(100 * 10 / 60)
    assert (reasons(lost), "where the source is not" in lost.reasons[0]) == (["BLACK_PICTURES"], True)
    assert (reasons(shown), "begin later" in shown.reasons[0]) == (["BLACK_PICTURES"], True), (
        "a sixth is too much anyway"
    )


async def test_few_black_pictures_of_the_source_are_good(tmp_path):
    few = BLACK.replace("20,29", "20,22")
    clip = make(tmp_path / "clip.mp4", Made(filters=few))

    report = await check(clip, expected(origins=(origin(clip),)))

    assert (report.verdict, report.black_frames_pct) == (GOOD, pytest.approx(5.0))


async def test_a_frozen_second_is_a_fault_where_the_source_moves_and_none_where_it_stands_still(tmp_path, good):
    asked: list[str] = []
    clip = make(tmp_path / "clip.mp4", Made(filters=FROZEN))

    frozen = await check(clip, expected(origins=(origin(good),)), asked=asked)
    still = await check(clip, expected(origins=(origin(clip),)))
    unknown = await check(clip)

    assert asked == ["measure", "look"]
    assert frozen.frozen_frames_pct == pytest.approx(100 * 30 / 60, abs=2)
    assert (reasons(frozen), frozen.verdict) == (["FROZEN_PICTURES"], POOR)
    assert (still.verdict, still.frozen_frames_pct) == (GOOD, 0)
    assert reasons(unknown) == ["FROZEN_PICTURES"], "it moves before and after: without a source that is all to go by"


async def test_what_moves_outside_the_frame_does_not_make_a_still_clip_frozen(tmp_path):
    """The source is looked at through the frame: a slide in the middle, somebody moving at its side."""
    side = tmp_path / "side.mp4"
    still = "color=c=gray:size=456x256:rate=30:duration=2"
    ffmpeg(
        *("-f", "lavfi", "-i", still, "-f", "lavfi", "-i", "testsrc2=size=96x256:rate=30:duration=2"),
        *("-filter_complex", "[0][1]overlay=0:0", "-c:v", "libx264", "-preset", "ultrafast", str(side)),
    )
    clip = make(tmp_path / "clip.mp4", Made(pictures="color=c=gray:size=144x256:rate=30:duration=2"))
    source = {"width": 456, "height": 256}

    cropped = await check(clip, expected(origins=(origin(side, **source),)))
    whole = await check(clip, expected(origins=(origin(side, **source, strategy=Strategy.LETTERBOX),)))

    assert (cropped.verdict, reasons(whole)) == (GOOD, ["FROZEN_PICTURES"])


async def test_captions_do_not_hide_a_frozen_picture(tmp_path, good):
    words = "drawbox=x=20:y=150:w=80:h=20:c=white@0.5:t=fill:enable='lt(mod(n,6),3)'"
    clip = make(tmp_path / "clip.mp4", Made(filters=f"{FROZEN},{words}"))
    box = (20 / 144, 150 / 256, 80 / 144, 20 / 256)

    hidden = await check(clip, expected(origins=(origin(good),)))
    seen = await check(clip, expected(origins=(origin(good),), caption_boxes=(box,)))

    assert (reasons(hidden), reasons(seen)) == ([], ["FROZEN_PICTURES"])


async def test_a_source_that_has_gone_bad_blames_nobody(tmp_path, good):
    clip = make(tmp_path / "clip.mp4", Made(filters=FROZEN))
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video")

    report = await check(clip, expected(origins=(origin(bad),)))

    assert report.verdict == GOOD


async def test_a_reel_is_held_against_each_of_its_sources(tmp_path, good):
    """The frozen stretch lies in the second source alone, and it moves there."""
    clip = make(tmp_path / "clip.mp4", Made(filters=FROZEN))
    half = expected(lengths_ns=(NS // 2, 3 * NS // 2), origins=(origin(clip), origin(good)))

    report = await check(clip, half)

    assert reasons(report) == ["FROZEN_PICTURES"]


async def test_several_stretches_are_looked_at_in_one_go_up_to_the_end_of_the_source(tmp_path):
    """A second in the middle and the last one; the second source is broken in one place, and tells what it can."""
    moving = "testsrc2=size=144x256:rate=30:duration=4"
    source = make(tmp_path / "source.mp4", Made(pictures=moving, level_dbfs=None))
    hurt = tmp_path / "hurt.mp4"
    whole = source.read_bytes()
    hurt.write_bytes(whole[: len(whole) // 2] + bytes(300) + whole[len(whole) // 2 + 300 :])
    frozen = f"{FROZEN},trim=end=3,tpad=stop_mode=clone:stop_duration=1"
    clip = make(tmp_path / "clip.mp4", Made(pictures=moving, filters=frozen, level_dbfs=None))
    wanted = {"duration_ns": 4 * NS, "lengths_ns": (4 * NS,), "has_sound": False}
    asked: list[str] = []

    reports = [
        await check(clip, expected(**wanted, origins=(origin(path, span=TimeSpan(0, 4 * NS)),)), asked=asked)
        for path in (source, hurt)
    ]

    assert asked == ["measure", "look"] * 2
    assert [reasons(report) for report in reports] == [["FROZEN_PICTURES"]] * 2
    assert reports[0].frozen_frames_pct == pytest.approx(100 * 60 / 120, abs=2)


async def test_a_track_without_one_whole_picture_is_no_picture(tmp_path, good):
    """The index is there, and the pictures are not."""
    head = tmp_path / "head.mp4"
    whole = good.read_bytes()
    head.write_bytes(whole[: whole.index(b"mdat") + 4])

    report = await check(head)

    assert (reasons(report), report.verdict) == (["DAMAGED", "NO_PICTURE", "NO_SOUND"], FAILED)


async def test_a_truncated_file_a_damaged_one_and_no_video_have_failed(tmp_path, good):
    whole = good.read_bytes()
    cut, hurt, text = tmp_path / "cut.mp4", tmp_path / "hurt.mp4", tmp_path / "text.mp4"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    middle = len(whole) // 2
    hurt.write_bytes(whole[:middle] + bytes(2000) + whole[middle + 2000 :])
    text.write_text("hello")

    reports = [await check(path) for path in (cut, hurt, text)]

    assert [report.verdict for report in reports] == [FAILED] * 3
    assert [reasons(report)[0] for report in reports] == ["DAMAGED", "DAMAGED", "UNREADABLE"]


async def test_a_file_without_pictures_has_failed(tmp_path, good):
    sound = tmp_path / "sound.mp4"
    ffmpeg("-i", str(good), "-vn", "-c", "copy", "-movflags", "+faststart", str(sound))

    report = await check(sound)

    assert (reasons(report), report.verdict) == (["NO_PICTURE"], FAILED)
    assert not report.HasField("duration_s")
