"""A bare script in a process of its own, spoken to in JSON lines: one request, one answer."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.harness import ROOT
from bench.mesh import environment

__all__ = ["Peer", "start_peer"]

_READY_SECONDS = 180.0
_LONGEST_LINE_BYTES = 1 << 26


class Peer:
    """The process, and its pid."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self.pid = child.pid

    async def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            RuntimeError: the process has ended.
        """
        if self._child.stdin is None:
            raise RuntimeError("the peer has no stdin")
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """Return the next line."""
        line = await self._child.stdout.readline() if self._child.stdout is not None else b""
        if not line:
            raise RuntimeError(f"the peer ended with status {await self._child.wait()}")
        parsed: dict[str, Any] = json.loads(line)
        return parsed

    async def stop(self) -> None:
        """End it."""
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()


async def start_peer(module: str, folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> Peer:
    """Start `python -m MODULE FOLDER ARGUMENT ...` and wait for its first line."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, str(folder), *arguments),
        cwd=ROOT,
        env=environment(folder) | {"PYTHONPATH": str(ROOT)} | dict(variables or {}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE_BYTES,
    )
    peer = Peer(child)
    await asyncio.wait_for(peer.answer(), _READY_SECONDS)
    return peer
