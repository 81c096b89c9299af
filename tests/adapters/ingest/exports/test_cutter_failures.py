"""What goes wrong while a clip is made: a named error each time, and nothing left behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.core.errors import HeimdexError, UnreadableMedia, UpstreamUnavailable
from chassis.io.spending import Spending, spending_on
from ingest_svc.adapters.cutter import FfmpegCutter
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.cutting.limits import CutLimits
from ingest_svc.domain.exports.values import Encoding, Size
from ingest_svc.exports.ports import Clip, ClipSource
from tests.support.cut_lab import TINY, Flashes, cut, look, names, source_of, write_flashes
from tests.support.eventually import eventually
from tests.support.processes import alive, descendants
from tests.support.shared import MEDIA, needs_shared

SLOW = Encoding(size=Size(1080, 1920), crf=18, preset="veryslow")


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


@pytest.fixture(scope="module")
def flashes(tmp_path_factory: pytest.TempPathFactory) -> ClipSource:
    return source_of(write_flashes(tmp_path_factory.mktemp("flashes") / "source.mov", Flashes(group=25)))


def encoders() -> set[int]:
    """Pids of runs of ffmpeg below this process."""

    def is_ffmpeg(pid: int) -> bool:
        try:
            return b"libx264" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    return {pid for pid in descendants(os.getpid()) if is_ffmpeg(pid)}


async def refusal(cutter: FfmpegCutter, source: ClipSource, out: Path, encoding: Encoding = TINY) -> HeimdexError:
    """Cut what can not be cut, see that nothing is left, and return the error."""
    before = set(out.parent.iterdir())
    with pytest.raises(HeimdexError) as caught:
        await cutter.cut(Clip(sources=(source,), encoding=encoding), out)
    assert set(out.parent.iterdir()) == before
    assert encoders() == set()
    return caught.value


@needs_shared
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bitflips_mdat.mp4", "DECODE_FAILED"),
        ("empty.mp4", "EMPTY_FILE"),
        ("missing_moov.mp4", "INDEX_MISSING"),
        ("text_named.mp4", "INVALID_MEDIA"),
        ("truncated_mdat.mp4", "DECODE_FAILED"),
    ],
)
async def test_a_broken_source_is_a_named_error(
    sandbox: MediaSandbox, flashes: ClipSource, tmp_path: Path, name: str, reason: str
) -> None:
    """R-EXP-08: also one that was whole when it was uploaded."""
    if name == "bitflips_mdat.mp4":
        source = source_of(MEDIA / "broken" / name, 16, 18)
    else:
        source = ClipSource(
            path=MEDIA / "broken" / name, facts=flashes.facts, span=flashes.span, strategy=flashes.strategy
        )

    error = await refusal(FfmpegCutter(sandbox), source, tmp_path / "clip.mp4")

    assert isinstance(error, UnreadableMedia)
    assert error.reason == reason
    assert str(MEDIA) not in error.message


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {path}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{path}\n#EXT-X-ENDLIST\n",
        "[playlist]\nFile1={path}\n",
    ],
    ids=["concat", "hls", "pls"],
)
async def test_a_playlist_named_mp4_opens_no_other_file(
    sandbox: MediaSandbox, flashes: ClipSource, tmp_path: Path, text: str
) -> None:
    """Not by the child that looks, nor by ffmpeg itself."""
    playlist = tmp_path / "list.mp4"
    playlist.write_text(text.format(path=flashes.path))
    source = ClipSource(path=playlist, facts=flashes.facts, span=flashes.span, strategy=flashes.strategy)
    cutter = FfmpegCutter(sandbox)

    error = await refusal(cutter, source, tmp_path / "clip.mp4")
    with pytest.raises(UnreadableMedia) as by_ffmpeg:
        await cutter.thumbnail(playlist, tmp_path / "small.jpg")

    assert error.reason in {"UNSUPPORTED_CONTAINER", "INVALID_MEDIA", "DECODE_FAILED"}
    assert by_ffmpeg.value.reason == "DECODE_FAILED"
    assert not (tmp_path / "small.jpg").exists()


async def test_a_cut_beyond_the_end_is_a_named_error(
    sandbox: MediaSandbox, flashes: ClipSource, tmp_path: Path
) -> None:
    """Half a second is held; more would be a still picture that nobody asked for."""
    held = await cut(sandbox, [source_of(flashes.path, 2.0, 3.5)], tmp_path / "held.mp4")
    error = await refusal(FfmpegCutter(sandbox), source_of(flashes.path, 2.0, 6.0), tmp_path / "clip.mp4")

    assert look(tmp_path / "held.mp4").seconds == held.duration_ns / 1e9
    assert abs(held.duration_ns - 1_500_000_000) <= 40_000_000
    assert error.reason == "DECODE_FAILED"


async def test_a_cancelled_export_ends_its_processes_and_leaves_nothing(
    sandbox: MediaSandbox, flashes: ClipSource, tmp_path: Path
) -> None:
    cutter = FfmpegCutter(sandbox)
    async with asyncio.TaskGroup() as tasks:
        cutting = tasks.create_task(cutter.cut(Clip(sources=(flashes, flashes), encoding=SLOW), tmp_path / "clip.mp4"))
        running: set[int] = set()

        def it_runs() -> None:
            running.update(encoders())
            assert running

        await eventually(it_runs, within_seconds=20)
        cutting.cancel()

    assert not any(alive(pid) for pid in running)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("is_reel", [False, True], ids=["one", "reel"])
async def test_an_encoder_that_is_killed_from_outside_is_to_be_tried_again(
    sandbox: MediaSandbox, flashes: ClipSource, tmp_path: Path, *, is_reel: bool
) -> None:
    clip = Clip(sources=(flashes, flashes) if is_reel else (flashes,), encoding=SLOW)

    async def kill() -> None:
        def it_is_killed() -> None:
            victims = encoders()
            assert victims
            os.kill(victims.pop(), signal.SIGKILL)

        await eventually(it_is_killed, within_seconds=20)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill())
        with pytest.raises(UpstreamUnavailable) as caught:
            await FfmpegCutter(sandbox).cut(clip, tmp_path / "clip.mp4")

    assert caught.value.reason == "MEDIA_CHILD_KILLED"
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("limits", "encoding", "reason", "cause"),
    [
        (CutLimits(memory_bytes=160 * 2**20), SLOW, "MEDIA_CHILD_KILLED", "memory"),
        (CutLimits(base_seconds=1.0, seconds_per_second=0.1), SLOW, "MEDIA_TIMEOUT", "wall_clock"),
        (CutLimits(file_bytes=8_000), TINY, "SCRATCH_FULL", ""),
    ],
    ids=["memory", "time", "disk"],
)
async def test_limits_have_names(sandbox, flashes, tmp_path, *, limits, encoding, reason, cause):
    error = await refusal(FfmpegCutter(sandbox, limits), flashes, tmp_path / "clip.mp4", encoding)

    assert (error.reason, error.metadata.get("cause", "")) == (reason, cause)
    assert "/" not in error.message


async def test_all_processors_time_is_charged_to_the_work(
    sandbox: MediaSandbox, flashes: ClipSource, tmp_path: Path
) -> None:
    """R-AD3-01: as the kernel counts the children of this process when they have ended."""
    spending = Spending()
    before = os.times()
    with spending_on(spending):
        await cut(sandbox, [flashes, flashes], tmp_path / "clip.mp4")
    after = os.times()
    kernel_s = after.children_user + after.children_system - before.children_user - before.children_system

    assert spending.cpu_ns is not None
    assert spending.cpu_ns / 1e9 == pytest.approx(kernel_s, abs=0.15)


async def test_progress_rises_to_the_whole(sandbox: MediaSandbox, flashes: ClipSource, tmp_path: Path) -> None:
    told: list[float] = []

    await FfmpegCutter(sandbox).cut(
        Clip(sources=(flashes,), encoding=TINY), tmp_path / "clip.mp4", on_progress=told.append
    )

    assert told == sorted(told)
    assert told[-1] == 1.0
