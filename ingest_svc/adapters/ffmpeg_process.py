"""Runs of ffmpeg: each a process of its own session and limits, which is gone, and paid for, when its run ends.

Beside media_process the only place of the service where a process is started. A thread waits for it, because the
kernel tells what a process has used only to whoever waits for it, and event loops do not pass that on.
"""

import asyncio
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from chassis.core.errors import UpstreamUnavailable
from chassis.io.spending import current_spending

__all__ = ["Run", "Running", "Telling", "start"]

_TRAMPOLINE = "ingest_svc.adapters.media_child.trampoline"
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_TAIL_BYTES = 2000
_MOST_ANSWER_BYTES = 4 * 2**20
_READ_BYTES = 1 << 16
_CORRUPT = b"corrupt decoded frame"

Telling = Callable[[str, str], None]
"""Called in the event loop with the key and the value of a line `key=value` of standard output."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended.

    Attributes:
        code: exit status, or minus the number of the signal that ended it.
        answer: end of its standard output, at most 4 MiB.
        last_words: end of its error stream; it names paths of this machine: for our log alone.
        corrupt: pictures that it could not decode whole.
        was_too_slow: whether it was ended because its time was up.
        cpu_ns: CPU time it used.
        peak_bytes: the most memory it had resident.
    """

    code: int
    answer: str
    last_words: str
    corrupt: int
    was_too_slow: bool
    cpu_ns: int
    peak_bytes: int


def start(
    program: Sequence[str],
    *,
    cwd: Path,
    limits: Mapping[str, int],
    environment: Mapping[str, str],
    stdin: int | None = None,
    stdout: int | None = None,
) -> "Running":
    """Start a program behind the trampoline; `stdin` and `stdout` are open files, else nothing and our own pipe.

    To be called in the thread that lives as long as this process: the child dies with it.

    Raises:
        UpstreamUnavailable: this machine can not start a process now.
    """
    words = (json.dumps(dict(limits)), str(os.getpid()), json.dumps(dict(environment)), *program)
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    try:
        process = subprocess.Popen(  # noqa: S603  (our own words alone)
            (sys.executable, "-P", "-s", "-S", "-m", _TRAMPOLINE, *words),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            env=kept | {"PYTHONPATH": str(_PACKAGE_ROOT), "LANG": "C.UTF-8"},
            cwd=cwd,
            start_new_session=True,
            close_fds=True,
        )
    except OSError as error:
        raise UpstreamUnavailable("No process could be started to make the clip.", reason="SANDBOX_FAILED") from error
    return Running(process)


@dataclass(slots=True)
class Running:
    """A process that was started; `finish` has to be called for each."""

    _process: "subprocess.Popen[bytes]"
    _is_gone: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def finish(self, executor: Executor, wall_seconds: float, telling: Telling | None = None) -> Run:
        """Wait until it is gone, and charge what it used to the present work; a cancellation ends it first."""
        loop = asyncio.get_running_loop()

        def tell(key: str, value: str) -> None:
            if telling is not None:
                loop.call_soon_threadsafe(telling, key, value)

        waiting = loop.run_in_executor(executor, self._watch, time.monotonic() + wall_seconds, tell)
        try:
            run = await asyncio.shield(waiting)
        except asyncio.CancelledError:
            self.kill()
            run = await waiting
            raise
        finally:
            if waiting.done() and not waiting.cancelled() and (spending := current_spending()) is not None:
                spending.add(cpu_ns=waiting.result().cpu_ns)
        return run

    def kill(self) -> None:
        """End it and everything in its session."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if not self._is_gone:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _watch(self, deadline: float, tell: Callable[[str, str], None]) -> Run:
        """Read what it says until it is silent for good, then wait for it; in a thread."""
        said, was_too_slow = self._listen(deadline, tell)
        while True:
            # It may have closed its pipes and live on.
            pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                was_too_slow = True
                self.kill()
            time.sleep(0.002)
        with self._lock:
            self._is_gone = True
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return Run(
            code=self._process.returncode,
            answer=said.answer.decode(errors="replace"),
            last_words=said.tail.decode(errors="replace"),
            corrupt=said.corrupt,
            was_too_slow=was_too_slow,
            cpu_ns=round((used.ru_utime + used.ru_stime) * 1e9),
            peak_bytes=used.ru_maxrss * 1024,
        )

    def _listen(self, deadline: float, tell: Callable[[str, str], None]) -> tuple["_Said", bool]:
        said, was_too_slow = _Said(tell), False
        pipes = [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe is not None]
        with selectors.DefaultSelector() as selector:
            for pipe in pipes:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                left = deadline - time.monotonic()
                if left <= 0 and not was_too_slow:
                    was_too_slow = True
                    self.kill()
                for key, _ in selector.select(max(left, 0.05)):
                    piece = os.read(key.fd, _READ_BYTES)
                    if not piece:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stdout:
                        said.hear_answer(piece)
                    else:
                        said.hear_complaint(piece)
        for pipe in pipes:
            pipe.close()
        return said, was_too_slow


@dataclass(slots=True)
class _Said:
    """What a process has said, as much as is worth keeping."""

    tell: Callable[[str, str], None]
    answer: bytes = b""
    tail: bytes = b""
    corrupt: int = 0
    _line: bytes = b""
    _complaint: bytes = b""

    def hear_answer(self, piece: bytes) -> None:
        self.answer = (self.answer + piece)[-_MOST_ANSWER_BYTES:]
        *lines, self._line = (self._line + piece)[-_READ_BYTES:].split(b"\n")
        for line in lines:
            key, equals, value = line.decode(errors="replace").strip().partition("=")
            if equals:
                self.tell(key, value)

    def hear_complaint(self, piece: bytes) -> None:
        self.tail = (self.tail + piece)[-_TAIL_BYTES:]
        *lines, self._complaint = (self._complaint + piece)[-_READ_BYTES:].split(b"\n")
        self.corrupt += sum(_CORRUPT in line for line in lines)
