"""Clips of sources whose every instant is known: lengths, and sound beside picture."""

from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import pytest

from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.values import Strategy
from tests.support.cut_lab import Flashes, Seen, cut, ffmpeg, look, source_of, write_flashes

SYNC = 0.040


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


def in_sync(seen: Seen, expected: list[float]) -> bool:
    """Whether flashes are where they have to be, within a picture, and beeps with them."""
    flashes, beeps = seen.flashes(), seen.beeps()
    picture = float(1 / seen.rate)
    return (
        len(flashes) == len(beeps) == len(expected)
        and all(abs(flash - at) <= picture + 1e-6 for flash, at in zip(flashes, expected, strict=True))
        and all(abs(flash - beep) <= SYNC for flash, beep in zip(flashes, beeps, strict=True))
    )


@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 3.0), (0.2, 2.6), (1.013, 2.987), (0.48, 1.96)], ids=["whole", "grid", "odd", "flash"]
)
async def test_a_cut_is_as_long_as_asked_and_in_sync_wherever_it_begins(
    sandbox: MediaSandbox, tmp_path: Path, start: float, end: float
) -> None:
    """R-EXP-06: within one picture, sound within 40 ms; the only keyframe of the source is its first picture."""
    clip = write_flashes(tmp_path / "source.mov")

    made = await cut(sandbox, [source_of(clip, start, end)], tmp_path / "clip.mp4")

    seen = look(tmp_path / "clip.mp4")
    assert abs(seen.seconds - (end - start)) <= 1 / 25
    assert made.duration_ns == round(seen.seconds * 1e9)
    assert in_sync(seen, [at - start for at in (0.48, 1.48, 2.48) if start <= at < end])
    assert abs(len(seen.samples) / 48_000 - seen.seconds) <= SYNC


async def test_the_first_picture_is_never_one_of_the_scene_before(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """A scene begins at its first picture, and its start may have been rounded down to the millisecond."""
    rate = Fraction(30000, 1001)
    clip = write_flashes(tmp_path / "source.mov", Flashes(seconds=2, fps=rate, at=(0.5,), group=10))
    after_flash = 17 / float(rate) - 0.0009

    await cut(sandbox, [source_of(clip, after_flash, 1.5)], tmp_path / "clip.mp4")

    seen = look(tmp_path / "clip.mp4")
    assert max(seen.luma) < 100
    assert seen.rate == rate


async def test_a_variable_rate_becomes_constant_and_stays_in_sync(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """R-EXP-06."""
    clip = write_flashes(tmp_path / "source.mov", Flashes(fps=Fraction(30), is_uneven=True))

    made = await cut(sandbox, [source_of(clip, 0.3, 2.9)], tmp_path / "clip.mp4")

    seen = look(tmp_path / "clip.mp4")
    assert made.frame_rate == seen.rate == 30
    assert seen.times == pytest.approx([number / 30 for number in range(78)])
    assert in_sync(seen, [1.48 - 1.3, 1.48 - 0.3, 2.48 - 0.3])


async def test_a_slow_source_is_repeated_and_a_fast_one_thinned_out(sandbox: MediaSandbox, tmp_path: Path) -> None:
    slow = write_flashes(tmp_path / "slow.mov", Flashes(seconds=2, fps=Fraction(10), at=(0.5, 1.5)))
    fast = write_flashes(tmp_path / "fast.mov", Flashes(seconds=2, fps=Fraction(120), at=(0.5, 1.5)))

    await cut(sandbox, [source_of(slow)], tmp_path / "slow.mp4")
    await cut(sandbox, [source_of(fast)], tmp_path / "fast.mp4")

    slow_seen, fast_seen = look(tmp_path / "slow.mp4"), look(tmp_path / "fast.mp4")
    assert (slow_seen.rate, fast_seen.rate) == (30, 60)
    assert in_sync(slow_seen, [0.5, 1.5])
    assert in_sync(fast_seen, [0.5, 1.5])


async def test_a_reel_of_mixed_sources_has_one_shape_one_rate_one_sound_and_never_drifts(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    """R-EXP-06: other sizes, other rates, one without sound."""
    write_flashes(tmp_path / "a.mov", Flashes(fps=Fraction(24000, 1001)))
    write_flashes(tmp_path / "b.mov", Flashes(width=90, height=160, has_sound=False))
    write_flashes(tmp_path / "c.mov", Flashes(fps=Fraction(30), is_uneven=True, width=122, height=66))
    sources = [
        source_of(tmp_path / "a.mov", 0.111, 1.777, strategy=Strategy.BLUR_PAD),
        source_of(tmp_path / "b.mov", 0.9, 1.4),
        source_of(tmp_path / "c.mov", 1.2, 2.7, strategy=Strategy.LETTERBOX),
        source_of(tmp_path / "a.mov", 2.333, 3.0),
    ]

    made = await cut(sandbox, sources, tmp_path / "reel.mp4")

    seen = look(tmp_path / "reel.mp4")
    lengths = [source.span.length_ns / 1e9 for source in sources]
    assert (seen.width, seen.height, seen.rate, seen.aspect) == (108, 192, 30, 1)
    assert abs(seen.seconds - sum(lengths)) <= 1 / 30
    assert made.duration_ns == round(seen.seconds * 1e9)
    third, fourth = sum(lengths[:2]), sum(lengths[:3])
    expected = [0.48 - 0.111, 1.48 - 0.111, third + 1.48 - 1.2, third + 2.48 - 1.2, fourth + 2.48 - 2.333]
    assert seen.beeps() == pytest.approx(expected, abs=SYNC)
    flashes = seen.flashes()
    assert all(min(abs(flash - beep) for flash in flashes) <= SYNC for beep in seen.beeps())
    silent = seen.samples[round(lengths[0] * 48_000) + 2400 : round(third * 48_000) - 2400]
    assert float(abs(silent).max()) < 1e-4


async def test_a_source_whose_clock_does_not_begin_at_zero_is_cut_where_a_player_shows_it(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    write_flashes(tmp_path / "source.mov")
    shifted = tmp_path / "shifted.ts"
    ffmpeg("-i", str(tmp_path / "source.mov"), "-c:v", "copy", "-c:a", "mp2", "-output_ts_offset", "95", str(shifted))

    await cut(sandbox, [source_of(shifted, 1.2, 2.8)], tmp_path / "clip.mp4")

    assert in_sync(look(tmp_path / "clip.mp4"), [0.28, 1.28])
