"""Large results, in a folder or in S3, GCS or Azure, through obstore. A write is whole or not there.

Keys: `users/{owner_key}/videos/{video}/source`, and below `g{generation}/` what that run made.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from chassis.core.errors import InvalidInput, NotFound, UpstreamUnavailable
from chassis.core.ids import owner_key

__all__ = [
    "CHUNK_BYTES",
    "BlobStore",
    "BlobWriter",
    "StoredObject",
    "check_key",
    "generation_key",
    "result_key",
    "source_key",
    "video_prefix",
]

CHUNK_BYTES = 1 << 20
_PART_BYTES = 8 << 20
_LIST_OBJECTS = 1_000
_KEY = re.compile(r"[A-Za-z0-9_.@=+-]+(/[A-Za-z0-9_.@=+-]+)*")
_MAX_KEY_CHARACTERS = 512


def check_key(key: str) -> str:
    """Return the key if it is one of ours: plain segments, no `..`, at most 512 characters (R-STO-02).

    Raises:
        InvalidInput: it is not.
    """
    if len(key) > _MAX_KEY_CHARACTERS or not _KEY.fullmatch(key) or any(set(p) == {"."} for p in key.split("/")):
        raise InvalidInput("not a key of the object store", reason="INVALID_KEY")
    return key


def video_prefix(owner_id: str, video: str) -> str:
    """Return the prefix of everything that belongs to a video."""
    return check_key(f"users/{owner_key(owner_id)}/videos/{video}")


def source_key(owner_id: str, video: str) -> str:
    """Return the key of the uploaded file."""
    return f"{video_prefix(owner_id, video)}/source"


def generation_key(owner_id: str, video: str, generation: int, *parts: str) -> str:
    """Return a key below one run of a video."""
    return check_key("/".join((video_prefix(owner_id, video), f"g{generation}", *parts)))


def result_key(owner_id: str, video: str, generation: int, stage: str) -> str:
    """Return the key of the StageResult of a stage."""
    return generation_key(owner_id, video, generation, "results", f"{stage}.pb")


def _unavailable(error: Exception) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        "the object store does not answer", reason="BLOB_STORE_UNAVAILABLE", metadata={"kind": type(error).__name__}
    )


def _absent(key: str) -> NotFound:
    return NotFound("the object is not in the store", reason="OBJECT_MISSING", metadata={"key": key})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it; its key need not be one of ours."""

    key: str
    size_bytes: int
    modified_at: datetime


class BlobStore:
    """One store; every method is a coroutine and moves bytes outside the interpreter lock."""

    def __init__(self, url: str) -> None:
        """Open a store: a URL (`s3://`, `gs://`, `az://`, `file://`) or a local folder."""
        self.url = url
        self._store: Any
        if "://" in url and not url.startswith("file://"):
            self._store = from_url(url)
        else:
            folder = Path(url.removeprefix("file://"))
            folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(folder, automatic_cleanup=True)

    async def put(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        try:
            await obstore.put_async(self._store, check_key(key), content)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def put_file(self, key: str, path: Path) -> int:
        """Write an object from a file and return its length in bytes."""
        try:
            await obstore.put_async(self._store, check_key(key), path)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error
        return path.stat().st_size  # noqa: ASYNC240  # one system call on a local file

    async def get(self, key: str) -> bytes:
        """Return the content.

        Raises:
            NotFound: there is no such object.
        """
        try:
            answer = await obstore.get_async(self._store, check_key(key))
            return bytes(await answer.bytes_async())
        except FileNotFoundError as error:
            raise _absent(key) from error
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def head(self, key: str) -> int:
        """Return the length in bytes.

        Raises:
            NotFound: there is no such object.
        """
        try:
            return int((await obstore.head_async(self._store, check_key(key)))["size"])
        except FileNotFoundError as error:
            raise _absent(key) from error
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def exists(self, key: str) -> bool:
        """Tell whether there is such an object."""
        try:
            await self.head(key)
        except NotFound:
            return False
        return True

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes [start, end) in pieces of about 1 MiB.

        Raises:
            NotFound: there is no such object.
        """
        stop = await self.head(key) if end is None else end
        if start >= stop:
            return
        try:
            options: Any = {"range": (start, stop)}
            answer = await obstore.get_async(self._store, check_key(key), options=options)
            async for piece in answer.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(piece)
        except FileNotFoundError as error:
            raise _absent(key) from error
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    def writer(self, key: str) -> "BlobWriter":
        """Return a writer for content that arrives in pieces; use it as an async context manager."""
        return BlobWriter(self._store, check_key(key))

    def local_path(self, key: str) -> Path | None:
        """Return the file of an object when the store is a folder, to be read only; None for remote stores."""
        if isinstance(self._store, LocalStore):
            return Path(self.url.removeprefix("file://")) / check_key(key)
        return None

    async def make_durable(self, key: str) -> None:
        """Wait until the object would survive a power failure; remote stores promise that by themselves."""
        path = self.local_path(key)
        if path is not None:
            await asyncio.to_thread(_fsync, path)

    async def rename(self, source: str, target: str) -> None:
        """Move an object onto a key, replacing what was there."""
        try:
            await obstore.rename_async(self._store, check_key(source), check_key(target))
        except FileNotFoundError as error:
            raise _absent(source) from error
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            await obstore.delete_async(self._store, check_key(key))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def list_keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        try:
            return [item["path"] async for page in obstore.list(self._store, check_key(prefix)) for item in page]
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def list_objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Yield every object below a prefix, empty for all of the store, in no order."""
        try:
            pages = obstore.list(self._store, check_key(prefix) if prefix else None, chunk_size=_LIST_OBJECTS)
            async for page in pages:
                for item in page:
                    yield StoredObject(item["path"], item["size"], item["last_modified"])
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    def disk(self) -> tuple[int, int] | None:
        """Return free and total bytes of the file system when the store is a folder; None for remote stores. Blocks."""
        if not isinstance(self._store, LocalStore):
            return None
        try:
            usage = shutil.disk_usage(self.url.removeprefix("file://"))
        except OSError as error:
            raise _unavailable(error) from error
        return usage.free, usage.total

    async def delete_older(self, prefix: str, before: datetime) -> int:
        """Remove what lies below a prefix and was last written before a time; return how many objects that were."""
        try:
            pages = obstore.list(self._store, check_key(prefix))
            old = [item["path"] async for page in pages for item in page if item["last_modified"] < before]
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error
        for key in old:
            await self.delete(key)
        return len(old)

    async def delete_prefix(self, prefix: str, *, keep: str = "") -> int:
        """Remove everything below a prefix, but for the key to `keep`, and return how many objects that were."""
        keys = [key for key in await self.list_keys(prefix) if key != keep]
        try:
            for start in range(0, len(keys), 500):
                await obstore.delete_async(self._store, keys[start : start + 500])
        except FileNotFoundError:
            return await self.delete_prefix(prefix, keep=keep)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error
        return len(keys)


def _fsync(path: Path) -> None:
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class BlobWriter:
    """Writes an object in pieces; nothing is visible until the block ends without an error."""

    def __init__(self, store: Any, key: str) -> None:
        self._store = store
        self._key = key
        self._writer: Any = None

    async def __aenter__(self) -> Self:
        self._writer = obstore.open_writer_async(self._store, self._key, buffer_size=_PART_BYTES)
        await self._writer.__aenter__()
        return self

    async def write(self, piece: bytes) -> None:
        """Add bytes.

        Raises:
            UpstreamUnavailable: the store refused them, e.g. because the disk is full.
        """
        try:
            await self._writer.write(piece)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            await self._writer.__aexit__(kind, error, trace)
        except (BaseError, OSError) as failure:
            if kind is None:
                raise _unavailable(failure) from failure
