"""The files of an export in the object store: drafts of one hand-out, moved to their places at its end."""

from pathlib import Path

from chassis.core.errors import HeimdexError
from chassis.io import logs
from chassis.io.blobs import BlobStore
from ingest_svc.exports.making import Product
from ingest_svc.exports.record import Result, beside_key, drafts_prefix

__all__ = ["Drafts", "remove_objects", "result_of"]

_log = logs.get_logger(__name__)
_KINDS = ("jpg", "srt", "vtt")


class Drafts:
    """The files of one hand-out."""

    def __init__(self, blobs: BlobStore, export_id: str, fence: int, storage_path: str) -> None:
        self._blobs = blobs
        self._prefix = f"{drafts_prefix(export_id)}/{fence}"
        self._path = storage_path
        self._waiting: dict[str, str] = {}

    async def write(self, product: Product) -> None:
        """Write every file of a product where nobody looks."""
        files = {self._path: product.clip}
        beside = {"jpg": product.thumbnail, "srt": product.srt, "vtt": product.vtt}
        files |= {beside_key(self._path, kind): path for kind, path in beside.items() if path is not None}
        for key, path in files.items():
            await self._write(key, path)

    async def _write(self, key: str, path: Path) -> None:
        draft = f"{self._prefix}/{key.rpartition('/')[2]}"
        self._waiting[draft] = key
        await self._blobs.put_file(draft, path)
        await self._blobs.make_durable(draft)

    async def publish(self) -> None:
        """Move the files to their places; what was moved before stays there. The file itself comes last."""
        for draft, key in sorted(self._waiting.items(), key=lambda pair: pair[1] == self._path):
            await self._blobs.rename(draft, key)
            await self._blobs.make_durable(key)
            del self._waiting[draft]

    async def remove(self) -> None:
        """Remove what was not published; what can not be removed goes with abandoned uploads."""
        try:
            await self._blobs.delete_prefix(self._prefix)
        except HeimdexError as error:
            _log.warning("drafts of an export could not be removed; a sweep will", error=str(error))


def result_of(product: Product) -> Result:
    """Return what is kept of a product."""
    return Result(
        spans=product.spans,
        used_strategy=product.used_strategy,
        is_stream_copy=product.is_stream_copy,
        notes=tuple(note.replace("\0", "") for note in product.notes),
        report=product.report.SerializeToString(),
        has_captions=product.srt is not None and product.vtt is not None,
        size_bytes=product.size_bytes,
        duration_ns=product.duration_ns,
    )


async def remove_objects(blobs: BlobStore, export_id: str, storage_path: str) -> None:
    """Remove everything that the store may hold of an export."""
    for key in (storage_path, *(beside_key(storage_path, kind) for kind in _KINDS)):
        await blobs.delete(key)
    await blobs.delete_prefix(drafts_prefix(export_id))
