"""Files that come whole or not at all: under a temporary name first, resumed where they broke off."""

import contextlib
import os
import secrets
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from client.errors import ClientError, Exit, HeimdexApiError, MeshNotReachable
from client.patience import Patience
from client.transport import Part

__all__ = ["FileInTheWay", "check_target", "part_of", "save", "save_bytes"]

_BROKE_OFF = "the mesh ended the file before its end"


class FileInTheWay(ClientError):
    """A file would be overwritten, or can not be written where it was asked for."""

    @property
    def exit_status(self) -> Exit:
        """The exit status of a command that ends with this."""
        return Exit.USAGE


def check_target(to: Path, *, may_overwrite: bool) -> None:
    """Make sure, before any work is asked for, that a file can be written.

    Raises:
        FileInTheWay: it exists and may not be overwritten, is a folder, or its folder can not be written.
    """
    if to.is_dir():
        raise FileInTheWay(f"{to} is a folder; name a file in it, such as {to / 'short.mp4'}")
    if to.exists() and not may_overwrite:
        raise FileInTheWay(f"{to} exists; name another file, or overwrite it with --force")
    if not to.parent.is_dir():
        raise FileInTheWay(f"there is no folder {to.parent}; make it first")
    try:  # the mode of a folder does not tell of a disk that is mounted for reading
        with tempfile.TemporaryFile(dir=to.parent):
            pass
    except OSError as error:
        raise FileInTheWay(f"nothing can be written in {to.parent}: {error.strerror or error}") from error


def part_of(to: Path, key: str) -> Path:
    """Return where a file is kept until it is whole; `key` is what it is a copy of, so that no two are mixed."""
    return to.with_name(f".heimdex-{key}-{zlib.crc32(to.name.encode('utf-8', 'surrogateescape')):08x}.part")


def save(
    open_part: Callable[[int], AbstractContextManager[Part]],
    to: Path,
    *,
    key: str,
    size_bytes: int,
    on_progress: Callable[[int], None] = lambda _done: None,
    may_overwrite: bool = False,
) -> None:
    """Fetch a file of `size_bytes` and put it at `to` when it is whole; a break is resumed for 60 s.

    What was fetched stays under `part_of(to, key)` when this is interrupted, and the next call goes on from there.
    `on_progress` hears how many bytes are there.

    Raises:
        ClientError: the file is not as long as it should be.
        FileInTheWay: there is a file now where there was none.
        OSError: the disk is full, say.
    """
    part, patience = part_of(to, key), Patience()
    while (done := _length(part, size_bytes)) < size_bytes:
        on_progress(done)
        try:
            with open_part(done) as opened:
                _check(opened, done, size_bytes)
                for there in _append(part, opened, size_bytes):
                    patience.restored()
                    on_progress(there)
            if _length(part, size_bytes) < size_bytes:
                patience.bear(MeshNotReachable(_BROKE_OFF))
                patience.pause()
        except (MeshNotReachable, HeimdexApiError) as error:
            if isinstance(error, HeimdexApiError) and error.exit_status is Exit.NOT_FOUND:
                part.unlink(missing_ok=True)  # there is nothing any more that it could be completed from
            patience.bear(error)
            patience.pause()
    on_progress(size_bytes)
    _place(part, to, may_overwrite=may_overwrite)


def save_bytes(content: bytes, to: Path, *, may_overwrite: bool = False) -> None:
    """Put a small file at `to`, whole or not at all.

    Raises:
        FileInTheWay: there is a file now where there was none.
        OSError: the disk is full, say.
    """
    part = part_of(to, secrets.token_hex(8))
    try:
        with _naming(to), part.open("xb") as file:
            file.write(content)
        _place(part, to, may_overwrite=may_overwrite)
    finally:
        part.unlink(missing_ok=True)


def _length(part: Path, size_bytes: int) -> int:
    try:
        there = part.stat().st_size
    except FileNotFoundError:
        if size_bytes == 0:
            part.touch()
        return 0
    if there > size_bytes:
        part.unlink()
        return 0
    return there


def _check(opened: Part, done: int, size_bytes: int) -> None:
    if opened.total_bytes is not None and opened.total_bytes != size_bytes:
        raise ClientError(f"the mesh has {opened.total_bytes} bytes of this file, and it should be {size_bytes}")
    if opened.start > done:
        raise ClientError(f"the mesh sends the file from byte {opened.start} on, and byte {done} was asked for")


def _append(part: Path, opened: Part, size_bytes: int) -> Iterator[int]:
    there = opened.start
    with _naming(part), part.open("r+b" if part.exists() else "xb") as file:
        file.seek(there)
        for piece in opened.pieces:
            there += len(piece)
            if there > size_bytes:
                raise ClientError(f"the mesh sends more than the {size_bytes} bytes that the file should have")
            file.write(piece)
            yield there
        file.flush()
        os.fsync(file.fileno())


def _place(part: Path, to: Path, *, may_overwrite: bool) -> None:
    if may_overwrite:
        part.replace(to)
        return
    try:
        os.link(part, to)  # unlike a rename, it can not overwrite what came meanwhile
    except FileExistsError as error:
        raise FileInTheWay(f"{to} exists by now; overwrite it with --force") from error
    except OSError:  # a file system without links
        if to.exists():
            raise FileInTheWay(f"{to} exists by now; overwrite it with --force") from None
        part.replace(to)
    else:
        part.unlink()


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Give an error of a write its file; the system names none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
