"""Sources of every kind become the same kind of clip: 8-bit BT.709, upright, steady, playable from the first byte."""

from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest_svc.adapters.clip_look import look_at
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.values import Encoding, Size, Strategy
from ingest_svc.exports.ports import Clip
from tests.support.cut_lab import TINY, Seen, cut, ffmpeg, look, source_of
from tests.support.shared import MEDIA, needs_shared

BARS = "smptehdbars=size=320x180:rate=25:duration=0.4"
"""Colours that are known: in BT.709, as the generator says."""
WIDE = Encoding(size=Size(320, 180), crf=10, preset="ultrafast")
SDR = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
LIGHT = f"{SDR},zscale=transfer=linear:npl=203,format=gbrpf32le"


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


def is_proper(seen: Seen, out: Path, size: Size) -> bool:
    data = out.read_bytes()
    return (
        (seen.codec, seen.profile in {"High", "Constrained Baseline"}) == ("h264", True)
        and (seen.width, seen.height, seen.aspect) == (size.width, size.height, 1)
        and (seen.pixel_format, seen.colours) == ("yuv420p", (1, 1, 1, 1))
        and seen.times == pytest.approx([float(number / seen.rate) for number in range(len(seen.times))], abs=1e-4)
        and data.index(b"moov") < data.index(b"mdat")
    )


@needs_shared
@pytest.mark.parametrize(
    ("name", "start", "end", "rate"),
    [
        ("derived/rotated90_metadata.mp4", 0.2, 1.2, Fraction(30000, 1001)),
        ("video/fire2.mp4", 0.0, 2.3, Fraction(30)),
        ("video/h265_10bits.mp4", 0.0, 1.0, Fraction(30)),
        ("video/video-1080p-60fps-2s.mp4", 0.5, 1.0, Fraction(60)),
        ("derived/vfr_dropped.mp4", 0.5, 2.5, Fraction(30000, 1001)),
        ("derived/objects_reel_noaudio.mp4", 2.0, 3.0, Fraction(25)),
        ("video/cockatoo.mp4", 8.0, 8.5, Fraction(60)),
        ("video/video-3s_indeo4.avi", 1.0, 2.0, Fraction(30)),
        ("video/av1_video.mkv", 1.0, 2.0, Fraction(25)),
        ("video/nasa_13013.mp4", 2.0, 3.0, Fraction(30000, 1001)),
    ],
)
async def test_a_real_clip_comes_out_proper(sandbox, tmp_path, *, name, start, end, rate):
    """R-EXP-05, R-EXP-06."""
    source = source_of(MEDIA / name, start, end, strategy=Strategy.BLUR_PAD)

    made = await cut(sandbox, [source], tmp_path / "clip.mp4")

    seen = look(tmp_path / "clip.mp4")
    assert is_proper(seen, tmp_path / "clip.mp4", TINY.size)
    assert made.frame_rate == seen.rate == rate
    assert abs(seen.seconds - (end - start)) <= 1 / rate
    assert bool(seen.sound) is (source.facts.audio is not None)
    assert max(seen.luma) > 20


@needs_shared
async def test_a_turned_source_stands_upright(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """A quarter turn makes 960x540 fill an upright frame: as a player that turns it shows it."""
    clip = MEDIA / "derived" / "rotated90_metadata.mp4"
    ffmpeg("-ss", "1", "-i", str(clip), "-frames:v", "1", "-vf", "scale=108:192", str(tmp_path / "truth.png"))

    await cut(sandbox, [source_of(clip, 1.0, 1.2, strategy=Strategy.LETTERBOX)], tmp_path / "clip.mp4")

    ffmpeg("-i", str(tmp_path / "clip.mp4"), "-frames:v", "1", str(tmp_path / "first.png"))
    assert difference(tmp_path / "truth.png", tmp_path / "first.png") < 6


def difference(one: Path, other: Path) -> float:
    """Mean difference of two pictures, 0 to 255."""
    with Image.open(one) as first, Image.open(other) as second:
        a, b = (np.asarray(picture.convert("RGB"), np.int16) for picture in (first, second))
    return float(np.abs(a - b).mean())


HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p10le", "-x265-params")
ODD_COLOURS = {
    "pq": (
        f"{LIGHT},zscale=primaries=bt2020:transfer=smpte2084:matrix=bt2020nc:range=limited:npl=203",
        *(*HEVC, "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"),
    ),
    "hlg": (
        f"{LIGHT},zscale=primaries=bt2020:transfer=arib-std-b67:matrix=bt2020nc:range=limited:npl=203",
        *(*HEVC, "log-level=error:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"),
    ),
    "wide": (
        f"{SDR},zscale=primaries=bt2020:transfer=bt2020-10:matrix=bt2020nc:range=limited",
        *(*HEVC, "log-level=error:colorprim=bt2020:transfer=bt2020-10:colormatrix=bt2020nc"),
    ),
    "full": (
        f"{SDR},scale=out_color_matrix=bt709:out_range=pc,format=yuvj420p,setparams=range=pc",
        *("-c:v", "libx264", "-crf", "8"),
    ),
    "601": (
        f"{SDR},scale=out_color_matrix=smpte170m,format=yuv420p,setparams=colorspace=smpte170m",
        *("-c:v", "libx264", "-crf", "8"),
    ),
    "ten": (f"{SDR},format=yuv422p10le", "-c:v", "prores_ks"),
    "rgb": (f"{SDR},format=gbrp", "-c:v", "libx264rgb", "-crf", "8"),
}


@pytest.mark.parametrize("kind", sorted(ODD_COLOURS))
async def test_colours_are_those_of_the_source_whatever_they_are_coded_in(
    sandbox: MediaSandbox, tmp_path: Path, kind: str
) -> None:
    """Bars in HDR, wide gamut, full range, BT.601, 10 bits and RGB look as they do in plain BT.709."""
    path = tmp_path / ("odd.mov" if kind == "ten" else "odd.mp4")
    chain, *coder = ODD_COLOURS[kind]
    ffmpeg("-f", "lavfi", "-i", BARS, "-vf", chain, *coder, str(path))
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        BARS,
        "-vf",
        f"{SDR},format=yuv420p",
        "-c:v",
        "libx264",
        "-crf",
        "8",
        str(tmp_path / "plain.mp4"),
    )

    await cut(sandbox, [source_of(path)], tmp_path / "clip.mp4", encoding=WIDE)

    seen = look(tmp_path / "clip.mp4", keeps=True)
    plain = look(tmp_path / "plain.mp4", keeps=True)
    assert is_proper(seen, tmp_path / "clip.mp4", WIDE.size)
    found, truth = (one.pictures[3][20:90:10, 10:310:20].astype(int) for one in (seen, plain))
    assert np.abs(found - truth).mean() < 6
    assert np.percentile(np.abs(found - truth), 95) < 24


@pytest.mark.parametrize("is_flagged", [True, False])
async def test_fields_are_woven_apart_when_flagged_and_when_found(
    sandbox: MediaSandbox, tmp_path: Path, *, is_flagged: bool
) -> None:
    path = tmp_path / "fields.mp4"
    moving = "color=gray:size=320x180:rate=50:duration=1,format=yuv420p,drawbox=w=40:h=180:t=fill:color=white:x=0"
    scroll = f"{moving},scroll=h=0.02,interlace=scan=tff:lowpass=off"
    flags = ("-flags", "+ildct+ilme") if is_flagged else ("-vf", "setfield=prog")
    ffmpeg("-f", "lavfi", "-i", scroll, *flags, "-c:v", "libx264", "-crf", "8", "-pix_fmt", "yuv420p", str(path))

    await cut(sandbox, [source_of(path)], tmp_path / "clip.mp4", encoding=WIDE)

    def combing(seen: Seen) -> float:
        rows = seen.pictures[12][..., 1].astype(int)
        return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())

    before, after = look(path, keeps=True), look(tmp_path / "clip.mp4", keeps=True)
    assert after.rate == 25
    assert combing(before) > 5
    assert combing(after) < combing(before) / 4


async def test_a_source_that_is_steady_is_not_taken_for_fields(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """Thin lines that move are lines: a deinterlacer would blur them."""
    path = tmp_path / "lines.mp4"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25:duration=1",
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "libx264",
        str(path),
    )

    (seen,) = await look_at(sandbox, Clip(sources=(source_of(path),), encoding=TINY), tmp_path)

    assert not seen.is_interlaced


async def test_see_through_pictures_stand_on_black(sandbox: MediaSandbox, tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    half = (
        "color=white:size=320x180:rate=25:duration=0.2,"
        "format=yuva444p10le,geq=lum=940:cb=512:cr=512:a='if(gt(X,160),1023,0)'"
    )
    ffmpeg("-f", "lavfi", "-i", half, "-c:v", "prores_ks", "-profile:v", "4", str(path))

    await cut(sandbox, [source_of(path)], tmp_path / "clip.mp4", encoding=WIDE)

    picture = look(tmp_path / "clip.mp4", keeps=True).pictures[2]
    assert picture[:, :150].max() < 30
    assert picture[:, 170:].min() > 220


async def test_a_size_that_changes_on_the_way_is_brought_to_the_first_one(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    """As calls and broadcasts do."""
    parts = []
    for number, size in enumerate(("320x180", "240x240")):
        part = tmp_path / f"{number}.ts"
        pictures = f"testsrc2=size={size}:rate=25:duration=0.6"
        ffmpeg(
            "-f",
            "lavfi",
            "-i",
            pictures,
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-output_ts_offset",
            str(number * 0.6),
            str(part),
        )
        parts.append(part.read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))

    made = await cut(sandbox, [source_of(tmp_path / "both.ts", 0, 1.16)], tmp_path / "clip.mp4")

    assert is_proper(look(tmp_path / "clip.mp4"), tmp_path / "clip.mp4", TINY.size)
    assert made.duration_ns == 1_160_000_000


async def test_nothing_is_told_of_the_source_but_what_it_shows(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """Titles, places and chapters stay behind."""
    path = tmp_path / "told.mp4"
    told = ("-metadata", "title=secret", "-metadata", "location=+48.2+16.3/", "-metadata:s:v", "handler_name=secret")
    ffmpeg("-f", "lavfi", "-i", BARS, "-pix_fmt", "yuv420p", "-c:v", "libx264", *told, str(path))

    await cut(sandbox, [source_of(path)], tmp_path / "clip.mp4")

    assert b"secret" in path.read_bytes()
    assert b"secret" not in (tmp_path / "clip.mp4").read_bytes()
    assert b"+48.2" not in (tmp_path / "clip.mp4").read_bytes()
