"""Runs of ffmpeg within the limits of a clip, and what the failure of one means."""

import contextlib
import errno
import fcntl
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from chassis.core.mediatime import NANOSECONDS_PER_SECOND
from chassis.io.logs import get_logger
from ingest_svc.adapters.clip_font import captions_environment
from ingest_svc.adapters.ffmpeg_process import Run, Running, Telling, start
from ingest_svc.domain.exports.cutting.commands import CAPTIONS
from ingest_svc.domain.exports.cutting.failures import error_from_run, too_slow
from ingest_svc.domain.exports.cutting.limits import CutLimits

__all__ = ["FfmpegRuns", "open_pipe"]

_log = get_logger(__name__)

_LONGEST_NS = 600 * NANOSECONDS_PER_SECOND
"""Processor time is bounded for clips of this length; shorter ones are bounded by the wall clock."""

_PIPE_BYTES = 1 << 20
_NOBODY_READS = frozenset((-signal.SIGPIPE, 256 - errno.EPIPE))


@dataclass(slots=True)
class FfmpegRuns:
    """Starts ffmpeg and waits for it.

    Attributes:
        program: path of ffmpeg.
        limits: what one clip may spend.
    """

    program: str
    limits: CutLimits
    _threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        # They wait for processes: of a reel two at a time, and one for a thumbnail.
        self._threads = ThreadPoolExecutor(2 * self.limits.clips + 1, thread_name_prefix="ffmpeg")

    async def run(
        self, command: Sequence[str], folder: Path, wall_seconds: float, telling: Telling | None = None
    ) -> Run:
        """Run a command in a folder.

        Raises:
            UnreadableMedia: the media can not be used.
            UpstreamUnavailable: the disk is full, or the run was killed from outside; try again.
        """
        return await self.finish(self.start(command, folder), wall_seconds, telling)

    def start(
        self, command: Sequence[str], folder: Path, *, stdin: int | None = None, stdout: int | None = None
    ) -> Running:
        """Start a command in a folder; it has to be finished.

        Raises:
            UpstreamUnavailable: this machine can not start a process now.
        """
        threads = self.limits.decoder_threads + self.limits.encoder_threads
        limits = {
            "memory_bytes": self.limits.memory_bytes,
            "cpu_seconds": int(self.limits.wall_seconds(_LONGEST_NS) * threads),
            "file_bytes": self.limits.file_bytes,
        }
        environment = captions_environment(folder) if (folder / CAPTIONS).exists() else {}
        program = (self.program, *command)
        return start(program, cwd=folder, limits=limits, environment=environment, stdin=stdin, stdout=stdout)

    async def finish(self, running: Running, wall_seconds: float, telling: Telling | None = None) -> Run:
        """Wait for a run; raises as `run` does."""
        return self._judge(await running.finish(self._threads, wall_seconds, telling), wall_seconds)

    async def finish_writer(self, running: Running, wall_seconds: float) -> Run | None:
        """Wait for a run that writes into a pipe; None where nobody read it to its end, whose end tells why."""
        run = await running.finish(self._threads, wall_seconds)
        return None if run.code in _NOBODY_READS else self._judge(run, wall_seconds)

    def _judge(self, run: Run, wall_seconds: float) -> Run:
        if run.code == 0 and not run.was_too_slow:
            return run
        _log.warning("a run of ffmpeg failed", exit=run.code, last_words=run.last_words)
        if run.was_too_slow:
            raise too_slow(wall_seconds)
        raise error_from_run(run.code, run.last_words, memory_bytes=self.limits.memory_bytes)


def open_pipe() -> tuple[int, int]:
    """Return a pipe's end to read from and its end to write to; it holds a third of a picture at 1080x1920."""
    reading, writing = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # a machine may allow less
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reading, writing
