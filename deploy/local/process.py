"""One child process: how it is launched, tied to our life, and ended."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from deploy.local.readiness import Probe

__all__ = ["Launch", "Privilege", "ProcessSpec", "kill_group", "run_to_end", "spawn", "terminate"]

Privilege = Literal["keep", "namespace", "nobody"]

_TRAMPOLINE = Path(__file__).with_name("trampoline.py")


@dataclass(frozen=True, slots=True)
class Launch:
    """What is executed, asked for anew at every start so that a newly chosen port is seen."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    """The whole environment of the child; it may hold secrets."""
    cwd: Path
    privilege: Privilege = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A process the mesh keeps alive."""

    name: str
    launch: Callable[[], Launch]
    """Pure: called before every start, and to see whether a running process would be started otherwise by now."""
    probe: Probe
    prepare: Callable[[], Awaitable[None]] | None = None
    """Awaited before every start, with no process of ours running."""
    repair: Callable[[], bool] | None = None
    """Called after a death before readiness: True when a port was lost to somebody else and another one chosen."""
    is_alive: Probe | None = None
    """None as its answer means alive, whatever the readiness: only a frozen process says nothing at all."""
    stop_rank: int = 0
    """Lower ranks are stopped first; within a rank, side by side."""
    speaks_json: bool = True
    """Whether stdout is JSON lines, to be kept apart from what else it writes."""
    stop_signal: signal.Signals = signal.SIGTERM
    hard_stop_signal: signal.Signals = signal.SIGKILL
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel the moment the launcher dies, however it dies."""
    grace_seconds: float = 10.0
    """From the stop signal to the hard one."""


async def spawn(
    launch: Launch, *, death_signal: signal.Signals = signal.SIGKILL, stdout: IO[bytes] | int, stderr: IO[bytes] | int
) -> asyncio.subprocess.Process:
    """Start a child through the trampoline: leader of its own session and group, its pid that of the program."""
    head = (sys.executable, "-I", "-S", str(_TRAMPOLINE), str(int(death_signal)), str(os.getpid()))
    return await asyncio.create_subprocess_exec(
        *head,
        launch.privilege,
        "--",
        *launch.argv,
        env=dict(launch.env),
        cwd=launch.cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


async def run_to_end(launch: Launch) -> tuple[int, str]:
    """Run a program that ends by itself; return (exit status, what it wrote). It is killed if we are cancelled."""
    process = await spawn(launch, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        written, _ = await process.communicate()
    finally:
        if process.returncode is None:
            kill_group(process.pid)
            await process.wait()
    return await process.wait(), written.decode("utf-8", "replace")


async def terminate(process: asyncio.subprocess.Process, spec: ProcessSpec) -> None:
    """End a child: stop signal, grace, hard signal, and at last SIGKILL to whatever is left of its group."""
    for stop, patience_seconds in ((spec.stop_signal, spec.grace_seconds), (spec.hard_stop_signal, 3.0)):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(stop)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                await process.wait()
        if process.returncode is not None:
            return
    kill_group(process.pid)
    await process.wait()


def kill_group(pid: int) -> None:
    """SIGKILL everything left in the process group the child led: its own children must not outlive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
