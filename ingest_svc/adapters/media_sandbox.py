"""Where media files are opened: in a child process with limits, one per file, never in this process.

The child's answers are read as a stranger's: types and ranges are checked, and only files whose names we gave are taken
from its folder.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from chassis.core.errors import UnreadableMedia, UpstreamUnavailable
from ingest_svc.adapters import media_process
from ingest_svc.adapters.media_process import MediaProcess, absolute
from ingest_svc.domain.media_failures import error_from_event, nonsense, too_slow
from ingest_svc.domain.media_limits import SandboxLimits
from ingest_svc.domain.media_report import (
    ProbeResult,
    SceneDetectionResult,
    SceneOptions,
    audio_only_scenes,
    read_probe,
    read_scenes,
)
from ingest_svc.domain.probe import AcceptanceLimits, MediaFacts, judge

__all__ = ["MediaSandbox", "ProgressCallback", "SandboxLimits"]

ProgressCallback = Callable[[float], None]
"""Called in the event loop with the part of the work that is done, 0 to 1, at most ten times a second."""

Command = Literal["probe", "outline", "scenes", "sample", "measure", "look", "inspect", "copy"]

_AUDIO_NAME = "audio.flac"
_SPARED: tuple[Command, ...] = ("probe", "scenes")
"""Every video needs these: a child of each is kept ready."""


@dataclass(slots=True)
class MediaSandbox:
    """Probes files and cuts them into scenes, in children that are used once.

    One idle child per kind of work is kept ready, so that starting Python and loading the decoders costs no video any
    time. Enter it before use; leaving it ends every child.

    Attributes:
        limits: what one child may spend.
        acceptance: the largest media that is taken.
        keeps_spares: whether idle children are kept ready.
    """

    limits: SandboxLimits = field(default_factory=SandboxLimits)
    acceptance: AcceptanceLimits = field(default_factory=AcceptanceLimits)
    keeps_spares: bool = True
    _spares: dict[Command, MediaProcess] = field(default_factory=dict, init=False)
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.limits.children)

    async def __aenter__(self) -> Self:
        for command in _SPARED:
            await self._refill(command)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.keeps_spares = False
        while self._spares:
            _, spare = self._spares.popitem()
            await media_process.end(spare)

    async def probe(self, path: Path, out_dir: Path, *, on_progress: ProgressCallback | None = None) -> ProbeResult:
        """Read what a file holds and leave its sound, 16 kHz mono, in `out_dir`.

        Raises:
            UnreadableMedia: the file can not be used; the reason is a RefusalReason.
            UpstreamUnavailable: the child was killed from outside, or the scratch space is full; try again.
        """
        request = {
            "path": absolute(path),
            "audio_name": _AUDIO_NAME,
            "max_duration_seconds": self.acceptance.max_duration_seconds,
        }
        answer = await self.ask("probe", request, out_dir, self.limits.probe_seconds, on_progress)
        with _strictly():
            result = read_probe(answer, out_dir=out_dir, audio_name=_AUDIO_NAME)
        refusal = judge(result.facts, self.acceptance)
        if refusal is not None:
            raise UnreadableMedia(refusal.message, reason=refusal.reason)
        return result

    async def detect_scenes(
        self,
        path: Path,
        out_dir: Path,
        facts: MediaFacts,
        *,
        options: SceneOptions | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> SceneDetectionResult:
        """Decode the chosen video once: its scenes, and their keyframes and thumbnails as JPEG files in `out_dir`.

        A file without pictures is cut into windows, and no child is started.

        Raises:
            UnreadableMedia: the file can not be used; the reason is a RefusalReason.
            UpstreamUnavailable: the child was killed from outside, or the scratch space is full; try again.
        """
        options = options or SceneOptions()
        if facts.video is None:
            return audio_only_scenes(facts, options)
        request = {
            "path": absolute(path),
            "stream_index": facts.video.index,
            "duration_ns": facts.duration_ns,
            "threads": self.limits.threads,
            "threshold": options.threshold,
            "min_shot_seconds": options.min_shot_seconds,
            "slot_ns": options.slot_ns,
            "keyframe_max_side": options.keyframe_max_side,
            "thumbnail_max_side": options.thumbnail_max_side,
        }
        wall_seconds = self.limits.scenes_seconds(facts.duration_ns)
        answer = await self.ask("scenes", request, out_dir, wall_seconds, on_progress)
        with _strictly():
            return read_scenes(answer, out_dir=out_dir, facts=facts, options=options)

    async def ask(
        self,
        command: Command,
        request: Mapping[str, object],
        out_dir: Path,
        wall_seconds: float,
        on_progress: ProgressCallback | None = None,
    ) -> object:
        """Let a child of its own do one command and return its answer, which nobody has checked yet.

        Raises:
            UnreadableMedia: the file can not be used; the reason is a RefusalReason.
            UpstreamUnavailable: the child was killed from outside, or the scratch space is full; try again.
        """
        limits = {
            "memory_bytes": self.limits.memory_bytes,
            "cpu_seconds": int(wall_seconds * self.limits.threads) + 1,
            "file_bytes": self.limits.file_bytes,
        }
        common = {"out_dir": absolute(out_dir), "max_pixels": self.acceptance.max_pixels, "limits": limits}
        line = json.dumps({**request, **common}).encode() + b"\n"
        async with self._slots, self._child(command) as child:
            try:
                async with asyncio.timeout(wall_seconds):
                    return await self._converse(command, child, line, on_progress)
            except TimeoutError as error:
                raise too_slow(command, wall_seconds) from error

    async def _converse(
        self, command: Command, child: MediaProcess, line: bytes, on_progress: ProgressCallback | None
    ) -> object:
        stdin, stdout = child.process.stdin, child.process.stdout
        if stdin is None or stdout is None:
            raise UpstreamUnavailable("a child was started without pipes")
        # uvloop says RuntimeError when a child that waited has died meanwhile; its end of file below tells how.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
            stdin.write(line)
            await stdin.drain()
        await self._refill(command)  # the next video's child loads while this one works
        was_ready = False
        while True:
            event = await self._next_event(stdout)
            if event is None:
                await child.process.wait()
                raise media_process.death(child, was_ready=was_ready, memory_bytes=self.limits.memory_bytes)
            match event.get("event"):
                case "ready":
                    was_ready = True
                case "progress":
                    fraction = event.get("fraction")
                    if on_progress is not None and isinstance(fraction, int | float) and 0 <= fraction <= 1:
                        on_progress(float(fraction))
                case "result":
                    return event.get("result")
                case _:
                    raise error_from_event(event, memory_bytes=self.limits.memory_bytes)

    async def _next_event(self, stdout: asyncio.StreamReader) -> dict[str, object] | None:
        """Return the child's next line, None when there is none any more."""
        with _strictly():
            async with asyncio.timeout(self.limits.stall_seconds):
                line = await stdout.readline()
            event = json.loads(line) if line else None
        if event is not None and not isinstance(event, dict):
            raise nonsense()
        return event

    @contextlib.asynccontextmanager
    async def _child(self, command: Command) -> AsyncIterator[MediaProcess]:
        """Lend a child that ends with the block, whatever happens in it; what it used is charged to the work."""
        child = self._spares.pop(command, None)
        if child is not None and child.process.returncode is not None:
            await media_process.end(child)
            child = None
        child = child or await media_process.start(command)
        try:
            yield child
        finally:
            media_process.charge(child)
            await media_process.end(child)

    async def _refill(self, command: Command) -> None:
        if self.keeps_spares and command in _SPARED and command not in self._spares:
            spare = await media_process.start(command)
            if self.keeps_spares and command not in self._spares:
                self._spares[command] = spare
            else:
                await media_process.end(spare)


@contextlib.contextmanager
def _strictly() -> Iterator[None]:
    """Turn an answer that is not one into the named error."""
    try:
        yield
    except (ValueError, KeyError) as error:
        raise nonsense() from error
