"""Tables for other programs: what a cell may hold, and how a sheet becomes CSV that no spreadsheet runs.

A CSV file is one clean table in UTF-8 without a byte order mark, RFC 4180: CRLF, quotes doubled, the first line names
the columns. It is for programs; people who open files in a spreadsheet take XLSX, which says itself what is a number.
"""

import csv
import io
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from chassis.core.errors import FieldViolation, InvalidInput

__all__ = [
    "MAX_ROWS",
    "Book",
    "Cell",
    "FileFormat",
    "Sheet",
    "csv_of",
    "harmless",
    "moment_text",
    "printable",
    "read_format",
]

Cell = None | bool | int | float | str | datetime
"""None was not measured, and stays empty. A datetime is aware."""
MAX_ROWS = 1_048_576
"""What a sheet of XLSX holds, the header included."""


class FileFormat(StrEnum):
    """What an answer can be rendered as."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table; every row has a cell for each column."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Book:
    """The table an answer is about, and the sheets that go with it."""

    main: Sheet
    others: tuple[Sheet, ...] = ()

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """All of them, the main one first."""
        return (self.main, *self.others)


_STARTS_FORMULA = re.compile(
    r"""(?P<before> (?: ^ | [;\t\r\n] )             # where a cell begins, also where ; or a tab separates cells
        [\s\u0000-\u001f\u200b-\u200f\u2060\ufeff]* )  # what a spreadsheet may drop before it looks
        (?P<sign> [=+\-@\uff1d\uff0b\uff0d\uff20\u2212] )""",
    re.VERBOSE,
)
_STARTS_BLANK = re.compile(r"^[\t\r\n]")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_UNPRINTABLE = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]")


def read_format(text: str) -> FileFormat:
    """Return the format.

    Raises:
        InvalidInput: there is no such format.
    """
    try:
        return FileFormat(text)
    except ValueError as error:
        reason = f"must be {' or '.join(FileFormat)}"
        raise InvalidInput(
            f"format: {reason}", reason="INVALID_FORMAT", violations=(FieldViolation("format", reason),)
        ) from error


def csv_of(sheet: Sheet) -> bytes:
    """Return a sheet as CSV; numbers are written so that they read back as the same number."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(sheet.columns)
    writer.writerows([_text(cell) for cell in row] for row in sheet.rows)
    return text.getvalue().encode()


def harmless(text: str) -> str:
    """Return text that no spreadsheet takes for a formula when it opens a CSV file.

    An apostrophe goes before a sign that would begin one, also after a separator of another locale. A plain number,
    such as a negative amount, stays as it is.
    """
    if _NUMBER.fullmatch(text):
        return text
    quoted = _STARTS_FORMULA.sub(r"\g<before>'\g<sign>", text)
    return f"'{quoted}" if _STARTS_BLANK.match(quoted) else quoted


def printable(text: str) -> str:
    """Return text without the control characters that a table can not hold; tab and line ends stay."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def moment_text(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC, with as many digits as it needs."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds" if at.microsecond else "seconds")
    return f"{text.removesuffix('000') if at.microsecond else text}Z"


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return moment_text(cell)
    if isinstance(cell, float) and not math.isfinite(cell):
        return ""
    return harmless(printable(cell)) if isinstance(cell, str) else repr(cell)
