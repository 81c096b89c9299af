"""Any answer as a book of sheets, by its descriptor alone.

The first repeated message of an answer is its main table: a row for each, a column for each field by its proto name,
messages inside a row as `outer.inner`. An answer without one is a table of one row. What is repeated inside a row is
JSON text in CSV. In XLSX it is a sheet of its own, whose first column is the line of the sheet above to which a row
belongs; what stands beside the table is on the sheet `summary`. Absent fields are empty cells.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from metrics_svc.domain.tables import Book, Cell, Sheet

__all__ = ["LINE_COLUMN", "SUMMARY", "book_of"]

SUMMARY = "summary"
LINE_COLUMN = "line"
_FIRST_LINE = 2  # below the header, as spreadsheets count
_MAX_DEPTH = 8
_WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
_AS_JSON = frozenset(
    f"google.protobuf.{name}" for name in ("Any", "Struct", "Value", "ListValue", "FieldMask", "Duration")
)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its name, the messages to go through, and the field that it shows."""

    name: str
    through: tuple[FieldDescriptor, ...]
    field: FieldDescriptor

    def cell(self, message: Any) -> Cell:
        for step in self.through:
            if not message.HasField(step.name):
                return None
            message = getattr(message, step.name)
        return _cell(message, self.field)

    def messages(self, message: Any) -> Iterable[Any]:
        for step in self.through:
            message = getattr(message, step.name)
        found: Iterable[Any] = getattr(message, self.field.name)
        return found


def book_of(answer: Any, *, with_sheets: bool) -> Book:
    """Return an answer as sheets; without them, as its main table alone."""
    descriptor: Descriptor = answer.DESCRIPTOR
    tables = [field for field in descriptor.fields if _is_table(field)]
    if not tables:
        main, *more = _sheets(descriptor.name, descriptor, [answer], with_sheets=with_sheets)
        return Book(main, tuple(more))
    books = [
        _sheets(field.name, field.message_type, getattr(answer, field.name), with_sheets=with_sheets)
        for field in (tables if with_sheets else tables[:1])
        if field.message_type is not None
    ]
    (main, *more), *others = books
    if not with_sheets:
        return Book(main)
    beside = _columns(descriptor, leave_out=frozenset(field.name for field in tables))
    summary = Sheet(SUMMARY, ("field", "value"), tuple((column.name, column.cell(answer)) for column in beside))
    return Book(main, (*more, *(sheet for book in others for sheet in book), summary))


def _sheets(
    name: str, descriptor: Descriptor, messages: Iterable[Any], *, with_sheets: bool, lines: Iterable[int] | None = None
) -> list[Sheet]:
    """Return the sheet of some messages, and one for each message repeated inside of them."""
    rows = list(messages)
    columns = _columns(descriptor)
    inner = [column for column in columns if _is_table(column.field)] if with_sheets else []
    shown = [column for column in columns if column not in inner]
    cells: Iterator[tuple[Cell, ...]] = (tuple(column.cell(row) for column in shown) for row in rows)
    header = tuple(column.name for column in shown)
    if lines is not None:
        header = (LINE_COLUMN, *header)
        cells = ((line, *row) for line, row in zip(lines, cells, strict=True))
    found = [Sheet(name, header, tuple(cells))]
    for column in inner:
        below = [(line, one) for line, row in enumerate(rows, _FIRST_LINE) for one in column.messages(row)]
        kind = column.field.message_type
        if kind is not None:
            found += _sheets(
                f"{name}.{column.name}",
                kind,
                [one for _, one in below],
                with_sheets=name.count(".") < _MAX_DEPTH,
                lines=[line for line, _ in below],
            )
    return found


def _columns(descriptor: Descriptor, *, leave_out: frozenset[str] = frozenset()) -> list[_Column]:
    return [column for field in descriptor.fields if field.name not in leave_out for column in _of_field(field, ())]


def _of_field(field: FieldDescriptor, through: tuple[FieldDescriptor, ...]) -> Iterator[_Column]:
    kind = field.message_type
    is_inside_itself = kind in [step.message_type for step in through]
    if kind is None or field.is_repeated or kind.full_name in _LEAVES or is_inside_itself:
        yield _Column(".".join(step.name for step in (*through, field)), through, field)
        return
    for inner in kind.fields:
        yield from _of_field(inner, (*through, field))


def _is_table(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return field.is_repeated and kind is not None and not kind.GetOptions().map_entry and kind.full_name not in _LEAVES


def _cell(message: Any, field: FieldDescriptor) -> Cell:
    if field.is_repeated:
        return _json(message, field) if len(getattr(message, field.name)) else None
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.message_type is not None:
        return _LEAVES.get(field.message_type.full_name, _as_json)(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else str(known.name)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _json(message: Any, field: FieldDescriptor) -> str:
    whole = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(whole[field.name], ensure_ascii=False, separators=(",", ":"))


def _moment(stamp: Any) -> Cell:
    try:
        moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment


def _wrapped(message: Any) -> Cell:
    return _cell(message, message.DESCRIPTOR.fields_by_name["value"])


def _as_json(message: Any) -> Cell:
    value: Any = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_LEAVES: Mapping[str, Callable[[Any], Cell]] = MappingProxyType(
    {"google.protobuf.Timestamp": _moment, **dict.fromkeys(_WRAPPERS, _wrapped), **dict.fromkeys(_AS_JSON, _as_json)}
)
"""Messages that are one cell."""
