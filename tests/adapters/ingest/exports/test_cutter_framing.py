"""What is in the frame: strategies, camera paths, captions; looked at picture by picture."""

from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chassis.core.mediatime import TimeSpan
from ingest_svc.adapters.cutter import FfmpegCutter
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Encoding, Size, Strategy
from tests.support.cut_lab import SECOND, TINY, cut, ffmpeg, look, names, source_of

STEP_NS = SECOND // 10
FRAME = Encoding(size=Size(216, 384), crf=18, preset="ultrafast")
STYLE = "Style: Big,Source Sans Pro Black,40,&HFFFFFF,&HFFFFFF,&H000000,&H000000,0,0,0,0,100,100,0,0,1,2,0,5,0,0,0,1"
HEAD = f"""[Script Info]
ScriptType: v4.00+
PlayResX: 108
PlayResY: 192

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
{STYLE}

[Events]
Format: Layer, Start, End, Style, Text
"""


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of 25 dark pictures a second with one white line, three pixels wide around x = 320.5 of 640."""
    path = tmp_path_factory.mktemp("line") / "line.mp4"
    picture = "color=size=640x360:rate=25:duration=3:color=0x202020,drawbox=x=319:y=0:w=3:h=360:color=white:t=fill"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p", str(path))
    return path


def path_of(*pieces: tuple[float, float, list[float]]) -> CameraPath:
    """A path of full height; pieces are begin and end in seconds and the places of the frame's centre."""
    made = [
        CameraPiece(TimeSpan(round(begin * SECOND), round(end * SECOND)), STEP_NS, tuple(x), tuple(0.5 for _ in x))
        for begin, end, x in pieces
    ]
    return CameraPath(width=9 / 16 * 9 / 16, height=1.0, pieces=tuple(made))


def line_at(picture: np.ndarray) -> float:
    """Where the middle of the white line is, in pixels; NaN where there is none."""
    columns = picture[..., 1].astype(float).mean(axis=0) - 40
    columns[columns < 20] = 0
    total = columns.sum()
    return float((columns * (np.arange(len(columns)) + 0.5)).sum() / total) if total else float("nan")


async def test_the_frame_follows_its_path_within_a_pixel_and_never_trembles(
    sandbox: MediaSandbox, line: Path, tmp_path: Path
) -> None:
    """A slow pan, slower than a pixel of the source per picture."""
    places = [0.42 + 0.005 * number for number in range(31)]
    source = source_of(line, strategy=Strategy.SMART, camera=path_of((0, 3, places)))

    await cut(sandbox, [source], tmp_path / "clip.mp4", encoding=FRAME)

    seen = look(tmp_path / "clip.mp4", keeps=True)
    width = 360 * 9 / 16
    at = [number / 25 for number in range(75)]
    left = [np.interp(t * 10, range(31), places) * 640 - width / 2 for t in at]
    expected = np.array([(320.5 - edge) * 216 / width for edge in left])
    found = np.array([line_at(picture) for picture in seen.pictures])
    assert np.abs(found - expected).max() <= 1.0
    assert np.abs(np.diff(found) - np.diff(expected)).max() <= 1.1
    assert (np.diff(found) <= 0.25).all()


async def test_a_jump_of_the_path_is_at_its_picture_exactly(sandbox: MediaSandbox, line: Path, tmp_path: Path) -> None:
    """Jumps are at cuts: one picture late, and a shot begins with the frame of the one before."""
    camera = path_of((0, 1.04, [0.45] * 12), (1.04, 1.96, [0.55] * 11), (1.96, 3, [0.4, 0.45] + [0.5] * 10))
    source = source_of(line, strategy=Strategy.SMART, camera=camera)

    await cut(sandbox, [source], tmp_path / "clip.mp4", encoding=FRAME)

    found = [line_at(picture) for picture in look(tmp_path / "clip.mp4", keeps=True).pictures]
    jumps = [number for number in range(1, 75) if abs(found[number] - found[number - 1]) > 20]
    assert jumps == [26, 49]


async def test_a_path_counts_from_the_start_of_the_cut(sandbox: MediaSandbox, line: Path, tmp_path: Path) -> None:
    camera = path_of((0, 0.6, [0.45] * 7), (0.6, 1.2, [0.55] * 7))
    source = source_of(line, 1.512, 2.712, strategy=Strategy.SMART, camera=camera)

    await cut(sandbox, [source], tmp_path / "clip.mp4", encoding=FRAME)

    found = [line_at(picture) for picture in look(tmp_path / "clip.mp4", keeps=True).pictures]
    jumps = [number for number in range(1, len(found)) if abs(found[number] - found[number - 1]) > 20]
    assert jumps in ([15], [16])


async def test_each_strategy_fills_the_frame_its_own_way(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """R-EXP-05."""
    wide = tmp_path / "wide.mp4"
    sides = "color=size=320x180:rate=25:duration=0.4:color=red,drawbox=x=110:w=100:color=lime:t=fill"
    ffmpeg("-f", "lavfi", "-i", sides, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(wide))
    middles, tops = {}, {}
    for strategy in Strategy:
        await cut(sandbox, [source_of(wide, strategy=strategy)], tmp_path / f"{strategy}.mp4")
        picture = look(tmp_path / f"{strategy}.mp4", keeps=True).pictures[5].astype(int)
        middles[strategy], tops[strategy] = picture[96], picture[5, 54]

    def is_green(colour: np.ndarray) -> bool:
        return bool(colour[1] > 200 and colour[0] < 60)

    assert is_green(tops[Strategy.CENTER_CROP])
    assert all(is_green(middles[Strategy.CENTER_CROP][x]) for x in (3, 54, 104))
    assert all(int(middles[other][3][0]) > 180 for other in (Strategy.LETTERBOX, Strategy.BLUR_PAD, Strategy.SMART))
    assert tops[Strategy.LETTERBOX].max() < 20
    assert 60 < tops[Strategy.BLUR_PAD].max() < 230
    assert (tops[Strategy.BLUR_PAD] == tops[Strategy.SMART]).all()


async def test_captions_are_burned_in_when_they_are_said(sandbox: MediaSandbox, line: Path, tmp_path: Path) -> None:
    script = HEAD + "Dialogue: 0,0:00:00.40,0:00:00.80,Big,WORD\n"

    await cut(sandbox, [source_of(line, 0, 1.2)], tmp_path / "clip.mp4", subtitles=script)

    lit = [int((picture[80:112, :40] > 150).any()) for picture in look(tmp_path / "clip.mp4", keeps=True).pictures]
    assert lit == [0] * 10 + [1] * 10 + [0] * 10


HOSTILE = (
    "';[0:v]drawtext=text=x[out]",
    "\\,scale=2:2;movie=/etc/passwd",
    "%{localtime}\\n$(id)`id`",
    "[in]null[out];amovie=x",
    "-i /etc/passwd -y /tmp/x",
    "\u202e\u0000\ufffe\U000e0001",
)


async def test_no_text_becomes_an_instruction(sandbox: MediaSandbox, line: Path, tmp_path: Path) -> None:
    """Whatever is said, the picture outside of the captions stays, and nothing appears in the folder."""
    events = "".join(f"Dialogue: 0,0:00:00.00,0:00:01.00,Big,{text}\n" for text in HOSTILE)
    before = names(tmp_path)

    await cut(sandbox, [source_of(line, 0, 0.4)], tmp_path / "clip.mp4", subtitles=HEAD + events)

    seen = look(tmp_path / "clip.mp4", keeps=True)
    assert (len(seen.pictures), seen.width, seen.height) == (10, TINY.size.width, TINY.size.height)
    assert names(tmp_path) - before == {"clip.mp4"}


async def test_a_thumbnail_is_small_and_upright(sandbox: MediaSandbox, line: Path, tmp_path: Path) -> None:
    large = Encoding(size=Size(720, 1280), crf=30, preset="ultrafast")
    await cut(sandbox, [source_of(line, 0, 0.4)], tmp_path / "clip.mp4", encoding=large)

    await FfmpegCutter(sandbox).thumbnail(tmp_path / "clip.mp4", tmp_path / "small.jpg")

    with Image.open(tmp_path / "small.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (270, 480))


async def test_odd_sizes_and_pixels_that_are_not_square_keep_their_shape(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """A circle stays one: as wide as it is high, in every strategy."""
    odd = tmp_path / "odd.webm"
    circle = "color=size=301x181:rate=25:duration=0.2,format=gray,geq=lum='if(lt(hypot((X-150)*2,Y-90),40),235,16)'"
    ffmpeg("-f", "lavfi", "-i", f"{circle},setsar=2", "-c:v", "libvpx", "-pix_fmt", "yuv420p", str(odd))
    for strategy in (Strategy.CENTER_CROP, Strategy.LETTERBOX):
        await cut(sandbox, [source_of(odd, strategy=strategy)], tmp_path / f"{strategy}.mp4", encoding=FRAME)
        seen = look(tmp_path / f"{strategy}.mp4", keeps=True)
        bright = seen.pictures[2][..., 1] > 128
        across, down = int(bright.any(axis=0).sum()), int(bright.any(axis=1).sum())

        assert seen.aspect == Fraction(1)
        assert abs(across - down) <= 3
        assert across == pytest.approx(170 if strategy is Strategy.CENTER_CROP else 29, abs=3)
