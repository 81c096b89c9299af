"""The files a child writes to directly: no pipe, so nothing it says is lost and it never blocks on us."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["LogFiles"]

_LONGEST_BYTES = 32 * 1024 * 1024
_TAIL_BYTES = 8 * 1024
_TAIL_LINES = 12


class LogFiles:
    """`NAME.jsonl` (stdout: JSON lines, nothing else) and `NAME.err` (stderr: whatever a dying program says).

    A server that does not speak JSON has one file for both, `NAME.log`.
    """

    def __init__(self, folder: Path, name: str, *, speaks_json: bool) -> None:
        self.folder = folder
        names = (f"{name}.jsonl", f"{name}.err") if speaks_json else (f"{name}.log",)
        self._paths = tuple(folder / file for file in names)

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Open both for appending; the child keeps its own descriptors."""
        self.shorten()
        with self._open(self._paths[0]) as stdout, self._open(self._paths[-1]) as stderr:
            yield stdout, stderr

    def shorten(self) -> None:
        """Move a file over 32 MiB aside as `.1`, in place: the child appends, so it goes on at the new end."""
        for path in self._paths:
            with contextlib.suppress(OSError):
                if path.stat().st_size > _LONGEST_BYTES:
                    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
                    os.truncate(path, 0)

    def last_lines(self) -> str:
        """The last lines of what was written, stderr last."""
        return "\n".join(line for path in self._paths for line in _tail(path)) or "(it wrote nothing)"

    def _open(self, path: Path) -> IO[bytes]:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab", buffering=0)


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        return []
