"""One field value from JSON or from text (path, query), strictly.

Values that proto3 JSON does not allow are refused, also where `json_format` lets them pass: `true` for an enum, a
bare number for a string, base64 that is not.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

__all__ = ["ValueFault", "decode_base64", "field_mask_paths", "from_json", "from_text"]

_F = FieldDescriptor
_INTEGER_RANGE = {
    _F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    _F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    _F.CPPTYPE_UINT32: (0, 2**32 - 1),
    _F.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_INTEGER_TEXT = re.compile(r"-?[0-9]{1,20}")
_NUMBER_TEXT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT_MAX = 3.4028235677973366e38
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_MASK_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


class ValueFault(ValueError):
    """The value does not fit its field."""


def from_json(field: FieldDescriptor, value: Any) -> Any:
    """Convert a JSON value to a scalar of `field` (not a message).

    Raises:
        ValueFault: The value is of the wrong type or out of range.
    """
    kind = field.cpp_type
    if kind == _F.CPPTYPE_STRING:
        return _string(value) if field.type == _F.TYPE_STRING else decode_base64(value)
    if kind == _F.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise ValueFault("expected true or false")
        return value
    if isinstance(value, bool):
        raise ValueFault(f"expected {_kind_name(field)}, not a boolean")
    if kind == _F.CPPTYPE_ENUM:
        return _enum(field.enum_type, value)
    if kind in _INTEGER_RANGE:
        return _integer(field, value)
    return _number(field, value)


def from_text(field: FieldDescriptor, text: str) -> Any:
    """Convert text of a path or query to a scalar of `field` (not a message).

    Raises:
        ValueFault: The text does not fit.
    """
    if field.cpp_type == _F.CPPTYPE_BOOL:
        if text not in {"true", "false"}:
            raise ValueFault("expected true or false")
        return text == "true"
    if field.cpp_type == _F.CPPTYPE_ENUM and re.fullmatch(r"-?[0-9]{1,10}", text):
        return _enum(field.enum_type, int(text))
    return from_json(field, text)


def decode_base64(value: Any) -> bytes:
    """Decode standard or URL-safe base64, padded or not.

    Raises:
        ValueFault: It is not base64 text.
    """
    if not isinstance(value, str) or _BASE64.fullmatch(value) is None:
        raise ValueFault("expected base64 text")
    text = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueFault("expected base64 text") from error


def field_mask_paths(value: Any) -> list[str]:
    """Split the JSON form of a field mask into proto paths; both `displayName` and `display_name` are accepted.

    Raises:
        ValueFault: It is not a comma-separated list of paths.
    """
    if not isinstance(value, str):
        raise ValueFault("expected field paths separated by commas")
    paths = [path.strip() for path in value.split(",")] if value else []
    for path in paths:
        if _MASK_PATH.fullmatch(path) is None:
            raise ValueFault(f"{path!r} is not a field path")
    return [re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), path) for path in paths]


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueFault("expected a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueFault("holds an unpaired surrogate") from error
    return value


def _integer(field: FieldDescriptor, value: Any) -> int:
    low, high = _INTEGER_RANGE[field.cpp_type]
    if isinstance(value, str) and _INTEGER_TEXT.fullmatch(value):
        number = int(value)
    elif isinstance(value, str) and _NUMBER_TEXT.fullmatch(value):
        number = _whole(float(value))
    elif isinstance(value, int):
        number = value
    elif isinstance(value, float):
        number = _whole(value)
    else:
        raise ValueFault(f"expected {_kind_name(field)}")
    if not low <= number <= high:
        raise ValueFault(f"{_kind_name(field)} out of range")
    return number


def _whole(value: float) -> int:
    if not math.isfinite(value) or not value.is_integer():
        raise ValueFault("expected a whole number")
    return int(value)


def _number(field: FieldDescriptor, value: Any) -> float:
    if isinstance(value, str):
        if value in _SPECIAL_NUMBERS:
            return _SPECIAL_NUMBERS[value]
        if _NUMBER_TEXT.fullmatch(value) is None:
            raise ValueFault("expected a number")
    elif not isinstance(value, (int, float)):
        raise ValueFault("expected a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueFault("number out of range") from error
    limit = _FLOAT_MAX if field.cpp_type == _F.CPPTYPE_FLOAT else math.inf
    if not math.isfinite(number) or abs(number) >= limit:
        raise ValueFault("number out of range")
    return number


def _enum(enum: EnumDescriptor | None, value: Any) -> int:
    if enum is None:
        raise ValueFault("expected an enum value")
    if isinstance(value, str):
        known = enum.values_by_name.get(value)
        if known is None:
            raise ValueFault(f"{value!r} is not a value of {enum.name}")
        return int(known.number)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise ValueFault(f"expected a value of {enum.name}")
    if enum.is_closed and value not in enum.values_by_number:
        raise ValueFault(f"{value} is not a value of {enum.name}")
    return value


def _kind_name(field: FieldDescriptor) -> str:
    names = {
        _F.CPPTYPE_INT32: "a 32-bit integer",
        _F.CPPTYPE_INT64: "a 64-bit integer",
        _F.CPPTYPE_UINT32: "an unsigned 32-bit integer",
        _F.CPPTYPE_UINT64: "an unsigned 64-bit integer",
        _F.CPPTYPE_ENUM: "an enum value",
    }
    return names.get(field.cpp_type, "a number")
