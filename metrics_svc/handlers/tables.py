"""An answer becomes a file, in a thread: a large one takes a second, and nobody else shall wait for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from metrics_svc.domain.tables import Book, FileFormat, csv_of

__all__ = ["File", "rendered"]

_CONTENT_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8; header=present",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class File:
    """Bytes and what they are."""

    content_type: str
    data: bytes


async def rendered(
    book_of: Callable[[], Book], file_format: FileFormat, *, spreadsheet: Callable[[Book], bytes]
) -> File:
    """Return a book as a file; `spreadsheet` writes XLSX.

    Raises:
        InvalidInput: it does not fit the format.
    """

    def render() -> bytes:
        book = book_of()
        return csv_of(book.main) if file_format is FileFormat.CSV else spreadsheet(book)

    return File(_CONTENT_TYPES[file_format], await asyncio.to_thread(render))
