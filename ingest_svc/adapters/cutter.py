"""Makes clips with ffmpeg: plans are pure, everything that opens a file runs in limited processes.

For one source there is one run that decodes, frames, draws captions and encodes. A reel is encoded by one run as well;
its pictures come to it through a pipe, from one run per source, one after the other, so that twenty sources hold no
more memory than one. Before that the sound alone is decoded, once or more, to know what gain it needs.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import imageio_ffmpeg

from chassis.core.errors import HeimdexError, UpstreamUnavailable
from chassis.core.mediatime import NANOSECONDS_PER_SECOND
from chassis.io.concurrently import all_of
from ingest_svc.adapters.clip_font import lay_out_fonts
from ingest_svc.adapters.clip_look import copy_streams, look_at
from ingest_svc.adapters.clip_sound import Measured, measure_sound
from ingest_svc.adapters.ffmpeg_runs import FfmpegRuns, open_pipe
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.cutting.clip_plan import PICTURES, SOUND, ClipPlan, plan_clip
from ingest_svc.domain.exports.cutting.commands import (
    CAPTIONS,
    FONTS,
    GRAPH,
    RESULT,
    encode_command,
    feed_command,
    meter_command,
    pipe_input,
    thumbnail_command,
)
from ingest_svc.domain.exports.cutting.failures import damaged, is_damaged
from ingest_svc.domain.exports.cutting.limits import CutLimits
from ingest_svc.domain.exports.cutting.looks import SourceLook
from ingest_svc.domain.exports.cutting.picture_chain import PictureChain
from ingest_svc.domain.exports.cutting.stream_copy import may_copy
from ingest_svc.exports.ports import Clip, Made, Progress

__all__ = ["FfmpegCutter", "ffmpeg_program"]

_LOOKED_PART = 0.05
"""How much of the work is done when the encoder starts, as progress is told."""

_METER, _THUMBNAIL = "meter", "thumbnail.jpg"
_THUMBNAIL_SECONDS = 60.0
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


def ffmpeg_program() -> str:
    """Return the path of ffmpeg."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass(slots=True)
class FfmpegCutter:
    """Makes clips, at most `limits.clips` at a time.

    Attributes:
        sandbox: entered by its owner; looks at sources and copies streams.
        limits: what one clip may spend.
        program: path of ffmpeg.
    """

    sandbox: MediaSandbox
    limits: CutLimits = field(default_factory=CutLimits)
    program: str = field(default_factory=ffmpeg_program)
    _slots: asyncio.Semaphore = field(init=False)
    _runs: FfmpegRuns = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.limits.clips)
        self._runs = FfmpegRuns(self.program, self.limits)

    async def cut(self, clip: Clip, out: Path, *, on_progress: Progress | None = None) -> Made:
        """Write the clip to `out`, which does not exist yet; nothing is left behind on failure.

        Raises:
            UnreadableMedia: a source can not be used, or is damaged where it is cut.
            UpstreamUnavailable: the disk is full (`SCRATCH_FULL`), or a process was killed from outside; try again.
        """
        async with self._slots:
            with _scratch(out) as folder:
                looks, measured = await self._get_to_know(clip, folder)
                plan = plan_clip(clip, looks)
                is_copy = _may_copy(clip, plan, measured)
                notes, duration_ns = measured.notes, plan.duration_ns
                if is_copy:
                    pictures = await copy_streams(self.sandbox, clip.sources[0], folder, RESULT, on_progress)
                    duration_ns = round(pictures * NANOSECONDS_PER_SECOND / plan.rate)
                else:
                    _write_captions(clip, folder)
                    notes += await self._encode(plan, measured, folder, on_progress)
                size_bytes = _hand_over(folder / RESULT, out)
        return Made(
            size_bytes=size_bytes,
            duration_ns=duration_ns,
            frame_rate=plan.rate,
            is_stream_copy=is_copy,
            notes=notes,
        )

    async def thumbnail(self, clip: Path, out: Path) -> None:
        """Write a JPEG of a finished clip, its longer side at most 480 pixels.

        Raises:
            UnreadableMedia: the clip can not be read.
            UpstreamUnavailable: the disk is full, or the process was killed from outside; try again.
        """
        with _scratch(out) as folder:
            command = thumbnail_command(clip, _THUMBNAIL, self.limits)
            await self._runs.run(command, folder, _THUMBNAIL_SECONDS)
            if not (folder / _THUMBNAIL).is_file():
                raise damaged("it holds no picture.")
            _hand_over(folder / _THUMBNAIL, out)

    async def _get_to_know(self, clip: Clip, folder: Path) -> tuple[tuple[SourceLook, ...], Measured]:
        """Look at the sources and listen to them, side by side."""
        looks: list[SourceLook] = []
        heard: list[Measured | HeimdexError] = []

        async def look() -> None:
            looks.extend(await look_at(self.sandbox, clip, folder))

        async def listen() -> None:
            try:
                heard.append(await self._listen(clip, folder))
            except HeimdexError as error:
                heard.append(error)  # whoever looks knows better what is wrong with a file

        await all_of(look(), listen())
        if isinstance(heard[0], HeimdexError):
            raise heard[0]
        return tuple(looks), heard[0]

    async def _listen(self, clip: Clip, folder: Path) -> Measured:
        plan = plan_clip(clip, ())
        wall_seconds = self.limits.wall_seconds(plan.duration_ns)
        own = folder / _METER
        own.mkdir()

        async def meter(graph: str) -> str:
            (own / GRAPH).write_text(graph, encoding="utf-8")
            command = meter_command(plan.sound_inputs(self.limits), SOUND)
            return (await self._runs.run(command, own, wall_seconds)).answer

        return await measure_sound(plan, clip.loudness_lufs, meter)

    async def _encode(
        self, plan: ClipPlan, measured: Measured, folder: Path, on_progress: Progress | None
    ) -> tuple[str, ...]:
        """Write the clip into the folder and return notes on damage."""
        _write_graph(folder, plan.encode_graph(measured.gain))
        if plan.is_reel:
            inputs = (pipe_input(plan.encoding.size, plan.rate), *plan.sound_inputs(self.limits))
        else:
            inputs = (plan.source_input(0, self.limits),)
        sound = SOUND if plan.has_sound else None
        command = encode_command(
            inputs, plan.encoding, rate=plan.rate, pictures=PICTURES, sound=sound, limits=self.limits
        )
        told = _Told(plan.pictures, on_progress)
        if plan.is_reel:
            corrupt = await self._encode_reel(command, plan, folder, told)
        else:
            corrupt = (await self._runs.run(command, folder, self.limits.wall_seconds(plan.duration_ns), told)).corrupt
        if told.pictures != plan.pictures:
            raise damaged(f"it holds {told.pictures} of {plan.pictures} pictures.")
        if is_damaged(corrupt, plan.pictures):
            raise damaged(f"{corrupt} pictures could not be decoded whole.")
        return (f"SOURCE_DAMAGED: {corrupt} pictures could not be decoded whole.",) if corrupt else ()

    async def _encode_reel(self, command: Sequence[str], plan: ClipPlan, folder: Path, told: "_Told") -> int:
        """Encode what one run after the other writes into a pipe, and return how many pictures were damaged."""
        wall_seconds = self.limits.wall_seconds(plan.duration_ns)
        corrupt = 0
        reading, writing = open_pipe()

        async def encode() -> None:
            try:
                running = self._runs.start(command, folder, stdin=reading)
            finally:
                os.close(reading)
            await self._runs.finish(running, wall_seconds, told)

        async def feed() -> None:
            nonlocal corrupt
            try:
                for number in range(len(plan.sources)):
                    own = folder / f"source-{number}"
                    own.mkdir()
                    _write_graph(own, plan.feed_graph(number))
                    given = feed_command(plan.source_input(number, self.limits), PICTURES)
                    run = await self._runs.finish_writer(self._runs.start(given, own, stdout=writing), wall_seconds)
                    if run is None:
                        return
                    corrupt += run.corrupt
            finally:
                os.close(writing)

        await all_of(encode(), feed())
        return corrupt


@dataclass(slots=True)
class _Told:
    """Hears how far the encoder is, and tells it on."""

    expected: int
    on_progress: Progress | None
    pictures: int = 0

    def __call__(self, key: str, value: str) -> None:
        if key != "frame" or not value.isdigit():
            return
        self.pictures = int(value)
        if self.on_progress is not None:
            part = min(1.0, self.pictures / self.expected)
            self.on_progress(_LOOKED_PART + (1 - _LOOKED_PART) * part)


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """Lend a private folder beside a result; it goes away with all that is in it.

    Raises:
        UpstreamUnavailable: the disk is full, or does not work.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=".cut-", dir=out.parent.absolute()))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        reason = "SCRATCH_FULL" if error.errno in _FULL else "SCRATCH_FAILED"
        raise UpstreamUnavailable(f"The scratch space failed: {error.strerror}", reason=reason) from error


def _may_copy(clip: Clip, plan: ClipPlan, measured: Measured) -> bool:
    if plan.is_reel or clip.subtitles is not None:
        return False
    source = clip.sources[0]
    return may_copy(
        source.facts, plan.looks[0], source.span, clip.encoding, heard=measured.heard, target_lufs=clip.loudness_lufs
    )


def _write_graph(folder: Path, graph: PictureChain) -> None:
    (folder / GRAPH).write_text(graph.text, encoding="utf-8")
    for name, text in graph.files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_captions(clip: Clip, folder: Path) -> None:
    if clip.subtitles is not None:
        (folder / CAPTIONS).write_text(clip.subtitles, encoding="utf-8")
        lay_out_fonts(folder, FONTS, clip.subtitles)


def _hand_over(made: Path, out: Path) -> int:
    """Give a whole file its name, and return its length."""
    size_bytes = made.stat().st_size
    made.replace(out)
    return size_bytes
