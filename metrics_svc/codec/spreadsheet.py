"""A book as XLSX; the one door of xlsxwriter. Text is text and never a formula or a link, whatever it begins with.

The file is made in memory, which the size of an answer bounds, and the same book is the same file, byte for byte.
"""

import io
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]  # it has no types

from chassis.core.errors import FieldViolation, InvalidInput
from metrics_svc.domain.tables import MAX_ROWS, Book, Cell, Sheet, moment_text, printable

__all__ = ["MAX_CELL_CHARS", "xlsx_of"]

MAX_CELL_CHARS = 32_767
"""What a cell holds, in UTF-16 units; what is longer is cut and ends in an ellipsis."""
_MAX_WHOLE = 1 << 53
_MAX_NAME_CHARS = 31
_FIRST_YEAR = 1900
_MIN_WIDTH, _MAX_WIDTH = 10, 40
_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001  # a fixed one, so that the same book is the same file
_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "remove_timezone": True,
}


class _Exact(float):
    """A number that is written with all its digits; xlsxwriter would stop after sixteen."""

    __slots__ = ()

    def __format__(self, _spec: str) -> str:
        return repr(float(self))


def xlsx_of(book: Book) -> bytes:
    """Return a book as XLSX.

    Raises:
        InvalidInput: a sheet would have more rows than the format holds.
    """
    longest = max(len(sheet.rows) for sheet in book.sheets)
    if longest >= MAX_ROWS:
        reason = f"xlsx holds {MAX_ROWS - 1} rows and this are {longest}; ask for csv, or for less"
        raise InvalidInput(f"format: {reason}", reason="TOO_MANY_ROWS", violations=(FieldViolation("format", reason),))
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as workbook:
        workbook.set_properties({"created": _CREATED})
        bold = workbook.add_format({"bold": True})
        moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        for name, sheet in zip(_names(book), book.sheets, strict=True):
            _write(workbook.add_worksheet(name), sheet, bold, moment)
    return file.getvalue()


def _write(worksheet: Any, sheet: Sheet, bold: Any, moment: Any) -> None:
    worksheet.freeze_panes(1, 0)
    for place, column in enumerate(sheet.columns):
        worksheet.set_column(place, place, min(max(len(column) + 2, _MIN_WIDTH), _MAX_WIDTH))
        worksheet.write_string(0, place, column, bold)
    for line, row in enumerate(sheet.rows, 1):
        for place, cell in enumerate(row):
            _write_cell(worksheet, line, place, cell, moment)


def _write_cell(worksheet: Any, line: int, place: int, cell: Cell, moment: Any) -> None:
    match cell:
        case None:
            return
        case bool():
            worksheet.write_boolean(line, place, cell)
        case int() if abs(cell) <= _MAX_WHOLE:
            worksheet.write_number(line, place, cell)
        case float() if math.isfinite(cell):
            worksheet.write_number(line, place, _Exact(cell))
        case datetime() if cell.astimezone(UTC).year >= _FIRST_YEAR:
            worksheet.write_datetime(line, place, cell.astimezone(UTC), moment)
        case datetime():
            worksheet.write_string(line, place, moment_text(cell))
        case float():
            return
        case _:
            worksheet.write_string(line, place, _cut(_lines(printable(str(cell)))))


def _lines(text: str) -> str:
    """Return text with the line ends of a cell; a carriage return would be shown as `_x000D_` by some readers."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cut(text: str) -> str:
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_CELL_CHARS:
        return text
    return units[: 2 * (MAX_CELL_CHARS - 1)].decode("utf-16-le", errors="ignore") + "\N{HORIZONTAL ELLIPSIS}"


def _names(book: Book) -> Iterator[str]:
    """Give each sheet a name of its own; a long one keeps its end, which tells more than its beginning."""
    taken: set[str] = set()
    for sheet in book.sheets:
        name, number = sheet.name[-_MAX_NAME_CHARS:], 1
        while name.lower() in taken:
            number += 1
            name = f"{sheet.name[-_MAX_NAME_CHARS + 4 :]} {number}"
        taken.add(name.lower())
        yield name
