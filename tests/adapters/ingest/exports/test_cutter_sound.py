"""How loud clips are: measured on what came out, by ffmpeg's meter and by ours."""

import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ingest_svc.adapters.cutter import ffmpeg_program
from ingest_svc.adapters.media_sandbox import MediaSandbox
from tests.support.cut_lab import Flashes, cut, ffmpeg, look, source_of, write_flashes
from tests.support.shared import MEDIA, needs_shared

PICTURES = ("-f", "lavfi", "-i", "color=size=64x64:rate=25:duration={0}")


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


def loudness(path: Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP."""
    command = (ffmpeg_program(), "-nostdin", "-hide_banner", "-i", str(path), "-vn")
    meter = (*command, "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-")
    said = subprocess.run(meter, capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"I:\s+(\S+) LUFS", said)[-1]), float(re.findall(r"Peak:\s+(\S+) dBFS", said)[-1])


def heard(path: Path, sound: str, seconds: float = 4, *more: str) -> Path:
    pictures = [word.format(seconds) for word in PICTURES]
    ffmpeg(*pictures, "-f", "lavfi", "-i", sound, *more, "-shortest", "-c:v", "libx264", str(path))
    return path


@needs_shared
@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("derived/speech_reel.mp4", 0, 12),
        ("video/friday.mp4", 0, 6),
        ("video/big_buck_bunny_0_30.webm", 10, 22),
        ("video/smpte-2997.mp4", 0, 10),
        ("video/video-1080p-60fps-2s.mp4", 0, 1),
        ("video/fire2.mp4", 0, 2),
    ],
)
async def test_real_clips_come_out_as_loud_as_they_have_to_and_do_not_clip(
    sandbox: MediaSandbox, tmp_path: Path, name: str, start: float, end: float
) -> None:
    """Speech, music over quiet, a clock that ticks, 5.1, a telephone: -14 LUFS within 1, at most -1 dBTP."""
    made = await cut(sandbox, [source_of(MEDIA / name, start, end)], tmp_path / "clip.mp4")

    lufs, peak = loudness(tmp_path / "clip.mp4")
    assert abs(lufs + 14) <= 1
    assert peak <= -1
    assert made.notes == ()
    assert look(tmp_path / "clip.mp4").sound == "aac 48000 stereo"


@pytest.mark.parametrize(
    "sound",
    [
        "anoisesrc=amplitude=1:duration=4:sample_rate=48000:color=pink",
        "sine=frequency=60:sample_rate=44100:duration=4,volume=-30dB",
        "sine=frequency=1000:sample_rate=8000:duration=4,volume=12dB",
    ],
    ids=["noise", "hum", "loud"],
)
async def test_hard_sounds_do_not_clip(sandbox: MediaSandbox, tmp_path: Path, sound: str) -> None:
    source = heard(tmp_path / "source.mov", sound, 4, "-c:a", "pcm_s16le")

    await cut(sandbox, [source_of(source)], tmp_path / "clip.mp4")

    lufs, peak = loudness(tmp_path / "clip.mp4")
    assert abs(lufs + 14) <= 1
    assert peak <= -1


async def test_what_can_not_be_made_loud_without_clipping_says_so(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """Clicks of 2 ms over next to nothing."""
    clicks = "aevalsrc='if(lt(mod(t,0.7),0.002),0.9,0.002*sin(2000*t))':s=48000:d=4"
    source = heard(tmp_path / "source.mov", clicks, 4, "-c:a", "pcm_s16le")

    made = await cut(sandbox, [source_of(source)], tmp_path / "clip.mp4")

    assert loudness(tmp_path / "clip.mp4")[1] <= -1
    assert [note.partition(":")[0] for note in made.notes] == ["LOUDNESS_MISSED"]


@pytest.mark.parametrize(
    ("sound", "seconds", "loudest"),
    [("anullsrc=sample_rate=48000", 2, 0), ("sine=sample_rate=48000", 0.32, 0.125 * 0.707)],
    ids=["silence", "short"],
)
async def test_what_has_no_loudness_is_left_as_it_is(
    sandbox: MediaSandbox, tmp_path: Path, sound: str, seconds: float, loudest: float
) -> None:
    source = heard(tmp_path / "source.mov", sound, seconds, "-c:a", "pcm_s16le")

    made = await cut(sandbox, [source_of(source)], tmp_path / "clip.mp4")

    after = look(tmp_path / "clip.mp4").samples
    assert [note.partition(":")[0] for note in made.notes] == ["LOUDNESS_UNKNOWN"]
    assert np.abs(after).max() == pytest.approx(loudest, abs=0.02)


async def test_edges_are_faded_and_joins_do_not_click(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """A tone that is cut anywhere begins and ends at nothing, and between two cuts of it there is no step."""
    source = source_of(
        heard(tmp_path / "source.mov", "sine=frequency=100:sample_rate=48000:duration=4", 4, "-c:a", "pcm_s16le")
    )
    pieces = [source_of(source.path, 0.5025, 1.5025), source_of(source.path, 2.0, 3.0)]

    await cut(sandbox, pieces, tmp_path / "reel.mp4")

    samples = look(tmp_path / "reel.mp4").samples[:, 0]
    loudest = float(np.abs(samples).max())
    steps = np.abs(np.diff(samples))
    assert np.abs(samples[:48]).max() < loudest * 0.15
    assert np.abs(samples[96_000 - 96 : 96_000]).max() < loudest * 0.15
    assert steps[46_000:50_000].max() <= steps[10_000:40_000].max() * 1.5


async def test_sources_without_sound_make_a_clip_without_sound(sandbox: MediaSandbox, tmp_path: Path) -> None:
    silent = write_flashes(tmp_path / "silent.mov", Flashes(seconds=1, at=(0.48,), has_sound=False))

    made = await cut(sandbox, [source_of(silent), source_of(silent)], tmp_path / "clip.mp4")

    seen = look(tmp_path / "clip.mp4")
    assert (seen.sound, len(seen.samples), made.notes) == ("", 0, ())
    assert seen.flashes() == pytest.approx([0.48, 1.48])
