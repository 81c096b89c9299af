"""Streams are copied when nothing has to change, and only then."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.values import Encoding
from ingest_svc.exports.ports import Made
from tests.support.cut_lab import TINY, cut, ffmpeg, look, source_of

BT709 = ("-vf", "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709")
PICTURES = ("-f", "lavfi", "-i", "testsrc2=size=108x192:rate=25:duration=4")
RIGHT = ("-c:v", "libx264", "-profile:v", "high", "-pix_fmt", "yuv420p", "-g", "25", "-sc_threshold", "0", *BT709)
SOUND = ("-f", "lavfi", "-i", "sine=frequency=500:sample_rate=48000:duration=4")
LOUD = ("-af", "volume=7.75dB", "-ac", "2", "-c:a", "aac", "-b:a", "128k")
SCRIPT = "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Start, End, Style, Text\n"
TITLE = ("-metadata", "title=secret", "-metadata", "location=+48.2+16.3/", "-metadata:s:v", "handler_name=secret")


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is what a clip of TINY is, with a keyframe every second."""
    path = tmp_path_factory.mktemp("right") / "right.mp4"
    ffmpeg(*PICTURES, *SOUND, *RIGHT, *LOUD, *TITLE, str(path))
    return path


def packets(path: Path) -> tuple[list[bytes], list[bytes]]:
    with av.open(str(path)) as container:
        found = ([], [])
        for packet in container.demux():
            if packet.size:
                found[packet.stream.type == "audio"].append(bytes(packet))
    return found


def whole(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_whole_file_that_is_right_is_copied_bit_by_bit(
    sandbox: MediaSandbox, right: Path, tmp_path: Path
) -> None:
    made = await cut(sandbox, [source_of(right)], tmp_path / "clip.mp4")

    seen = look(tmp_path / "clip.mp4")
    given, copied = packets(right), packets(tmp_path / "clip.mp4")
    assert made.is_stream_copy
    assert made.duration_ns == 4 * 10**9
    assert (len(seen.times), seen.rate, seen.profile, seen.sound) == (100, 25, "High", "aac 48000 stereo")
    assert given[1] == copied[1]
    assert given[0][1:] == copied[0][1:]
    assert given[0][0].endswith(copied[0][0][4:])
    assert b"x264 - core" not in copied[0][0]


async def test_a_copy_begins_and_ends_at_keyframes_and_stays_in_sync(
    sandbox: MediaSandbox, right: Path, tmp_path: Path
) -> None:
    made = await cut(sandbox, [source_of(right, 1.01, 2.99)], tmp_path / "clip.mp4")

    seen, given = look(tmp_path / "clip.mp4", keeps=True), look(right, keeps=True)
    assert made.is_stream_copy
    assert seen.seconds == made.duration_ns / 1e9 == 2.0
    assert seen.times[0] == pytest.approx(0, abs=0.001)
    assert (seen.pictures[0] == given.pictures[25]).all()
    assert (seen.pictures[-1] == given.pictures[74]).all()
    assert abs(len(seen.samples) / 48_000 - 2) <= 0.04


async def test_nothing_of_the_source_but_its_streams_is_in_a_copy(
    sandbox: MediaSandbox, right: Path, tmp_path: Path
) -> None:
    await cut(sandbox, [source_of(right)], tmp_path / "clip.mp4")

    assert b"secret" in whole(right)
    copied = whole(tmp_path / "clip.mp4")
    assert b"secret" not in copied
    assert b"+48.2" not in copied
    assert copied.index(b"moov") < copied.index(b"mdat")


ODD = {
    "untagged": (*PICTURES, *SOUND, *RIGHT[:-2], *LOUD),
    "main": (*PICTURES, *SOUND, *RIGHT, "-profile:v", "main", *LOUD),
    "444": (*PICTURES, *SOUND, "-c:v", "libx264", "-pix_fmt", "yuv444p", "-g", "25", *BT709, *LOUD),
    "quiet": (*PICTURES, *SOUND, *RIGHT, *LOUD[2:]),
    "mono": (*PICTURES, *SOUND, *RIGHT, "-af", "volume=7.75dB", "-c:a", "aac"),
    "mp3": (*PICTURES, *SOUND, *RIGHT, *LOUD[:4], "-c:a", "mp3"),
    "pixels": (*PICTURES, *SOUND, *RIGHT[:-1], RIGHT[-1] + ",setsar=4/3", *LOUD),
    "rate": ("-f", "lavfi", "-i", "testsrc2=size=108x192:rate=20:duration=4", *SOUND, *RIGHT, *LOUD),
    "size": ("-f", "lavfi", "-i", "testsrc2=size=216x384:rate=25:duration=4", *SOUND, *RIGHT, *LOUD),
    "open": (*PICTURES, *SOUND, *RIGHT, "-x264-params", "open-gop=1:bframes=3:b-adapt=0", *LOUD),
}


async def made_of(sandbox: MediaSandbox, path: Path, out: Path, span: tuple[float, float], encoding: Encoding) -> Made:
    return await cut(sandbox, [source_of(path, *span)], out, encoding=replace(encoding, preset="ultrafast"))


@pytest.mark.parametrize("fault", sorted(ODD))
async def test_a_source_that_is_not_right_is_encoded(sandbox: MediaSandbox, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "odd.mp4"
    ffmpeg(*ODD[fault], str(path))

    made = await made_of(sandbox, path, tmp_path / "clip.mp4", (1.0, 2.0), TINY)

    seen = look(tmp_path / "clip.mp4")
    assert not made.is_stream_copy
    assert (seen.width, seen.height, seen.pixel_format, seen.colours) == (108, 192, "yuv420p", (1, 1, 1, 1))


@pytest.mark.parametrize(
    ("span", "encoding"),
    [((0.5, 2.0), TINY), ((1.0, 2.5), TINY), ((1.0, 2.0), replace(TINY, max_bps=20_000))],
    ids=["start", "end", "bit rate"],
)
async def test_a_cut_that_is_not_right_is_encoded(
    sandbox: MediaSandbox, right: Path, tmp_path: Path, span: tuple[float, float], encoding: Encoding
) -> None:
    made = await made_of(sandbox, right, tmp_path / "clip.mp4", span, encoding)

    assert not made.is_stream_copy


async def test_captions_and_reels_are_encoded(sandbox: MediaSandbox, right: Path, tmp_path: Path) -> None:
    source = source_of(right, 1.0, 2.0)
    reel = await cut(sandbox, [source, source], tmp_path / "reel.mp4")
    captioned = await cut(sandbox, [source], tmp_path / "captioned.mp4", subtitles=SCRIPT)

    assert not reel.is_stream_copy
    assert not captioned.is_stream_copy
