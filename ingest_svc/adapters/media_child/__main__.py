"""`python -m ingest_svc.adapters.media_child COMMAND PARENT_PID`: read one request, answer it, end."""

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ingest_svc.adapters.media_child.limits import apply_limits, die_with_parent, refuse_new_privileges

__all__ = ["main"]

_NO_MEMORY = frozenset((errno.ENOMEM, errno.EAGAIN))
_PROGRESS_SECONDS = 0.1
_COMMANDS = {
    "probe": "probing",
    "outline": "outlining",
    "scenes": "detecting",
    "sample": "sampling",
    "measure": "measuring",
    "look": "looking",
    "inspect": "inspecting",
    "copy": "copying",
}


class _Reporter:
    """Writes event lines; progress at most ten times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def emit(self, event: str, **fields: object) -> None:
        """Write one event line and hand it over at once."""
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()

    def progress(self, fraction: float) -> None:
        """Say which part of the work is done, 0 to 1."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            self.emit("progress", fraction=round(min(max(fraction, 0.0), 1.0), 4))


def main(command: str, parent_pid: int) -> None:
    """Load what the command needs, wait for the request, then limit this process and do the work."""
    die_with_parent(parent_pid)
    os.umask(0o077)  # here, because uvloop can not set it for a child
    refuse_new_privileges()
    module = import_module(f"ingest_svc.adapters.media_child.{_COMMANDS[command]}")
    reporter = _Reporter()
    reporter.emit("ready")
    line = sys.stdin.readline()
    if not line:
        return  # a spare that was never needed
    request: Mapping[str, Any] = json.loads(line)
    apply_limits(request["limits"])
    run: Callable[[Mapping[str, Any], Callable[[float], None]], Mapping[str, object]] = module.run
    try:
        result = run(request, reporter.progress)
    except module.Refused as refused:
        reporter.emit("refused", reason=refused.refusal.reason, message=refused.refusal.message)
    except MemoryError:
        reporter.emit("failed", kind="memory", detail="the memory limit was reached")
    except OSError as error:
        # Threads and buffers that could not be had come as system errors, not as MemoryError.
        kind = "memory" if error.errno in _NO_MEMORY else "os"
        reporter.emit("failed", kind=kind, detail=f"{type(error).__name__}: {error.strerror}", errno=error.errno)
    except module.FFmpegError as error:
        detail = f"The file can not be decoded ({type(error).__name__}); export it again."
        reporter.emit("refused", reason="DECODE_FAILED", message=detail)
    else:
        reporter.emit("result", result=result)
    sys.stdin.read()  # until the parent ends this process: it reads the clock of what was used first


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
