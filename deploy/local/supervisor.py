"""Keeping one process alive: start, watch for readiness, restart with back-off, give up with a reason, stop."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import MeshError, MeshFailed
from deploy.local.logfiles import LogFiles
from deploy.local.process import Launch, ProcessSpec, kill_group, spawn, terminate

__all__ = ["EventSink", "RestartPolicy", "Supervised"]

EventSink = Callable[[str, str, int | None, str], None]
"""Hears (name, what, pid, detail) of every change: started, ready, died, stopping, stopped, frozen, gave_up."""

_PROBE_FIRST_SECONDS = 0.01
_PROBE_SLOWEST_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """When a dead process is started again."""

    first_delay_seconds: float = 0.2
    longest_delay_seconds: float = 10.0
    forget_after_seconds: float = 30.0
    """A process that lived this long starts from the first delay again."""
    mute_seconds: float = 60.0
    """A process that was ready and has not answered at all for this long is ended, and so restarted."""
    alive_every_seconds: float = 5.0
    """Time between two questions whether it is alive."""
    deaths_before_giving_up: int = 5
    """In a row, without ever having been ready; a process that once was is restarted for ever."""


class Supervised:
    """A process that is kept alive from `run` until `stop`.

    `readdressed` is awaited when its address was chosen again, for those who know the old one.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        logs: Path,
        *,
        policy: RestartPolicy,
        events: EventSink,
        readdressed: Callable[[], Awaitable[None]],
    ) -> None:
        self.spec = spec
        self.why_not_ready = "not started"
        self.ready_count = 0
        self._files = LogFiles(logs, spec.name, speaks_json=spec.speaks_json)
        self._policy = policy
        self._events = events
        self._readdressed = readdressed
        self._process: asyncio.subprocess.Process | None = None
        self._launched: Launch | None = None
        self._ready = asyncio.Event()
        self._dead = asyncio.Event()
        self._stopping = asyncio.Event()
        self._refreshing = False
        self._dead.set()

    @property
    def pid(self) -> int | None:
        """The pid of the living process; None between a death and the next start."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def is_ready(self) -> bool:
        """Whether the process of this moment has answered that it is ready."""
        return self._ready.is_set()

    def last_lines(self) -> str:
        """The end of what the process wrote, for a person."""
        return self._files.last_lines()

    async def wait_ready(self) -> None:
        """Wait until the process is ready. Ended by cancellation only: the mesh decides how long is too long."""
        await self._ready.wait()

    async def run(self, give_up: Callable[[MeshError], None]) -> None:
        """Keep the process alive until `stop`; a hopeless one is reported to `give_up`, once."""
        delay_seconds, futile_deaths = self._policy.first_delay_seconds, 0
        try:
            while not self._stopping.is_set():
                began, lives_before = time.monotonic(), self.ready_count
                code = await self._live_once()
                if self._stopping.is_set() or await self._is_planned(code, was_ready=self.ready_count > lives_before):
                    continue
                futile_deaths = 0 if self.ready_count else futile_deaths + 1
                if futile_deaths >= self._policy.deaths_before_giving_up:
                    raise self._hopeless(code)
                if time.monotonic() - began >= self._policy.forget_after_seconds:
                    delay_seconds = self._policy.first_delay_seconds
                await self._pause(delay_seconds)
                delay_seconds = min(2 * delay_seconds, self._policy.longest_delay_seconds)
        except MeshError as failure:
            self.why_not_ready = str(failure)
            self._events(self.spec.name, "gave_up", None, str(failure))
            give_up(failure)

    async def stop(self) -> None:
        """End the process for good; returns when it is gone. Idempotent."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            self._events(self.spec.name, "stopping", self._process.pid, "")
            await terminate(self._process, self.spec)
            self._events(self.spec.name, "stopped", None, _describe(self._process.returncode or 0))

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal that ends the process, wait until it is reaped, return the pid it had; it will be restarted.

        Raises:
            MeshError: if it does not run at this moment.
        """
        if self._process is None or self._process.returncode is not None:
            raise MeshError(f"{self.spec.name} is not running")
        pid = self._process.pid
        self._process.send_signal(how)
        await self._dead.wait()
        return pid

    def kill_now(self) -> None:
        """SIGKILL at once, without waiting and without a restart: the person at the keyboard asked twice."""
        self._stopping.set()
        if self.pid is not None:
            kill_group(self.pid)

    def refresh(self) -> None:
        """Restart the process if what it would be launched with has changed (an address it knows was chosen again)."""
        if self.pid is not None and self._launched is not None and self._launched != self.spec.launch():
            self._refreshing = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def _live_once(self) -> int:
        if self.spec.prepare is not None:
            await self.spec.prepare()
        launch = self._launched = self.spec.launch()
        with self._files.opened() as (stdout, stderr):
            process = await spawn(launch, death_signal=self.spec.death_signal, stdout=stdout, stderr=stderr)
        self._process = process
        self._dead.clear()
        self._events(self.spec.name, "started", process.pid, "")
        try:
            if self._stopping.is_set():  # stop() came while we were between processes
                await terminate(process, self.spec)
            async with asyncio.TaskGroup() as group:
                probing = group.create_task(self._watch(process.pid))
                code = await process.wait()
                probing.cancel()
        finally:
            self._ready.clear()
            self.why_not_ready = "not running"
            kill_group(process.pid)  # also when a bug or a cancellation brought us here: no orphans
            self._dead.set()
        return code

    async def _watch(self, pid: int) -> None:
        pause_seconds = _PROBE_FIRST_SECONDS
        while (reason := await self.spec.probe(pid)) is not None:
            self.why_not_ready = reason
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(1.5 * pause_seconds, _PROBE_SLOWEST_SECONDS)
        self.why_not_ready = ""
        self.ready_count += 1
        self._ready.set()
        self._events(self.spec.name, "ready", pid, "")
        await self._watch_over(pid)

    async def _watch_over(self, pid: int) -> None:
        """Keep its logs short, and end it when it has been mute for long: a frozen event loop serves nobody."""
        mute_since = time.monotonic()
        while True:
            await asyncio.sleep(self._policy.alive_every_seconds)
            self._files.shorten()
            if self.spec.is_alive is None or await self.spec.is_alive(pid) is None:
                mute_since = time.monotonic()
            elif time.monotonic() - mute_since > self._policy.mute_seconds:
                self._events(self.spec.name, "frozen", pid, f"no answer for {self._policy.mute_seconds:g} s")
                kill_group(pid)

    async def _is_planned(self, code: int, *, was_ready: bool) -> bool:
        """Say whether to start again at once: somebody's address changed, our own included."""
        if self._refreshing:
            self._refreshing = False
            return True
        self._events(self.spec.name, "died", None, _describe(code))
        if not was_ready and self.spec.repair is not None and self.spec.repair():
            await self._readdressed()
            return True
        return False

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _hopeless(self, code: int) -> MeshFailed:
        times = self._policy.deaths_before_giving_up
        return MeshFailed(
            f"{self.spec.name} ended {times} times without ever being ready (last: {_describe(code)}); "
            f"the end of {self._files.folder}/{self.spec.name}.*:\n{self.last_lines()}"
        )


def _describe(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"
