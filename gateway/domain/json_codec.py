"""proto3 JSON, both ways; every choice about it is made here.

Reading accepts proto names and lowerCamelCase alike, refuses what it does not know and names the faulty field.
Writing uses one of the two name styles, prints 64-bit integers as strings and NaN as "NaN", and so is always JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from gateway.domain import scalars
from gateway.domain.status_map import Code, Problem, Violation

__all__ = ["JsonCodec", "encode", "find_field", "load_json", "new_message", "parse_into"]

MAX_DEPTH = 100

_WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
_DELEGATED = frozenset(
    f"google.protobuf.{name}" for name in ("Any", "Timestamp", "Duration", "Struct", "Value", "ListValue")
)


def load_json(raw: bytes) -> Any:
    """Parse JSON text; duplicate keys and non-standard numbers are refused, an empty body is an empty object.

    Raises:
        Problem: INVALID_ARGUMENT with one violation.
    """
    if not raw.strip():
        return {}
    try:
        return json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise _malformed("nested too deeply") from error
    except ValueError as error:  # also UnicodeDecodeError, and integers beyond the digit limit
        raise _malformed(str(error)) from error


def parse_into(message: Message, value: Any, pool: DescriptorPool, *, path: str = "") -> None:
    """Read a JSON value into an empty message.

    Args:
        message: Is filled in place.
        value: What `load_json` answered.
        pool: Resolves the types inside google.protobuf.Any.
        path: Prefix of the field names in violations.

    Raises:
        Problem: INVALID_ARGUMENT with one violation that names the field.
    """
    _Reader(pool).message(message, value, path, 0)


@dataclass(frozen=True, slots=True)
class JsonCodec:
    """Prints messages.

    Attributes:
        pool: Resolves the types inside google.protobuf.Any.
        proto_names: Field names as in the .proto file, else lowerCamelCase.
        print_defaults: Also print fields that hold their default and have no presence.
    """

    pool: DescriptorPool
    proto_names: bool
    print_defaults: bool = False

    def to_value(self, message: Message) -> Any:
        """Turn a message into plain JSON values.

        Raises:
            Problem: INTERNAL, the message holds what JSON can not say, such as NaN in a google.protobuf.Value.
        """
        return self._to_dict(message, proto_names=self.proto_names, print_defaults=self.print_defaults)

    def _to_dict(self, message: Message, *, proto_names: bool, print_defaults: bool) -> Any:
        try:
            return json_format.MessageToDict(
                message,
                preserving_proto_field_name=proto_names,
                always_print_fields_with_no_presence=print_defaults,
                descriptor_pool=self.pool,
            )
        except (json_format.Error, TypeError, ValueError) as error:
            raise Problem(Code.INTERNAL, "the answer can not be written as JSON") from error

    def dump(self, message: Message, response_body: FieldDescriptor | None = None) -> bytes:
        """Print a message, or one field of it, as one line of JSON in UTF-8."""
        if response_body is None:
            return encode(self.to_value(message))
        if response_body.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE and not response_body.is_repeated:
            return encode(self.to_value(getattr(message, response_body.name)))
        whole = self._to_dict(message, proto_names=True, print_defaults=True)
        if response_body.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:  # the names inside follow the codec's own choice
            whole = self.to_value(message)
            name = response_body.name if self.proto_names else response_body.json_name
            return encode(whole.get(name, {} if _is_map(response_body) else []))
        return encode(whole.get(response_body.name))


def encode(value: Any) -> bytes:
    """Print plain JSON values compactly, in UTF-8, without a trailing newline."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class _Reader:
    """Walks a JSON value along a descriptor."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def message(self, message: Message, value: Any, path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _fault(path, "nested too deeply")
        descriptor = message.DESCRIPTOR
        special = self._special(descriptor.full_name)
        if special is not None:
            special(message, value, path)
            return
        if not isinstance(value, dict):
            raise _fault(path, "expected an object")
        seen: dict[str, str] = {}
        for key, item in value.items():
            field = find_field(descriptor, key)
            where = _join(path, key)
            if field is None:
                raise _fault(where, f"unknown field of {descriptor.full_name}")
            _refuse_twice(field, item, where, seen)
            self._field(message, field, item, (where, depth))

    def _special(self, full_name: str) -> Callable[[Message, Any, str], None] | None:
        if full_name in _DELEGATED:
            return self._delegate
        if full_name in _WRAPPERS:
            return self._wrapper
        return self._field_mask if full_name == "google.protobuf.FieldMask" else None

    def _field(self, message: Message, field: FieldDescriptor, value: Any, at: tuple[str, int]) -> None:
        path, depth = at
        if value is None and (field.is_repeated or not _takes_null(field)):
            return
        if _is_map(field):
            self._map(message, field, value, at)
        elif field.is_repeated:
            if not isinstance(value, list):
                raise _fault(path, "expected a list")
            target = getattr(message, field.name)
            for index, item in enumerate(value):
                where = f"{path}[{index}]"
                if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
                    if item is None and not _takes_null(field):
                        raise _fault(where, "null is not an element")
                    self.message(target.add(), item, where, depth + 1)
                else:
                    target.append(_scalar(field, item, where))
        elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            child = getattr(message, field.name)
            child.SetInParent()
            self.message(child, value, path, depth + 1)
        else:
            setattr(message, field.name, _scalar(field, value, path))

    def _map(self, message: Message, field: FieldDescriptor, value: Any, at: tuple[str, int]) -> None:
        path, depth = at
        if not isinstance(value, dict):
            raise _fault(path, "expected an object")
        entry: Any = field.message_type
        key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
        target = getattr(message, field.name)
        for raw_key, item in value.items():
            where = f"{path}[{json.dumps(raw_key)}]"
            try:
                key = scalars.from_text(key_field, raw_key)
            except scalars.ValueFault as error:
                raise _fault(where, f"key: {error}") from error
            if item is None and not _takes_null(value_field):
                raise _fault(where, "null is not a value of a map")
            if value_field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
                self.message(target[key], item, where, depth + 1)
            else:
                target[key] = _scalar(value_field, item, where)

    def _delegate(self, message: Message, value: Any, path: str) -> None:
        if isinstance(value, list) and message.DESCRIPTOR.full_name not in {
            "google.protobuf.ListValue",
            "google.protobuf.Value",
        }:
            raise _fault(path, f"expected {message.DESCRIPTOR.name}, not a list")
        try:
            json_format.ParseDict(value, message, descriptor_pool=self._pool, max_recursion_depth=MAX_DEPTH)
        except (json_format.ParseError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            reason = str(error).split("\n", 1)[0]
            raise _fault(path, f"not a {message.DESCRIPTOR.full_name}: {reason}") from error

    def _wrapper(self, message: Message, value: Any, path: str) -> None:
        field: Any = message.DESCRIPTOR.fields_by_name["value"]
        setattr(message, "value", _scalar(field, value, path))  # noqa: B010 - Message has no such attribute statically

    def _field_mask(self, message: Message, value: Any, path: str) -> None:
        try:
            paths = scalars.field_mask_paths(value)
        except scalars.ValueFault as error:
            raise _fault(path, str(error)) from error
        getattr(message, "paths").extend(paths)  # noqa: B009 - Message has no such attribute statically


def find_field(descriptor: Any, name: str) -> FieldDescriptor | None:
    """Find a field by its proto name or its JSON name."""
    return _fields(descriptor).get(name)


def new_message(descriptor: Descriptor) -> Any:
    """Make an empty message of a descriptor."""
    return message_factory.GetMessageClass(descriptor)()


@lru_cache(maxsize=4096)
def _fields(descriptor: Any) -> dict[str, FieldDescriptor]:
    by_json_name = {field.json_name: field for field in descriptor.fields}
    return by_json_name | {field.name: field for field in descriptor.fields}


def _refuse_twice(field: FieldDescriptor, item: Any, where: str, seen: dict[str, str]) -> None:
    if field.name in seen:
        raise _fault(where, f"the same field as {seen[field.name]!r}")
    seen[field.name] = where
    if field.containing_oneof is None or (item is None and not _takes_null(field)):
        return
    group = f"oneof {field.containing_oneof.name}"
    if group in seen:
        raise _fault(where, f"only one of {field.containing_oneof.name} may be set; {seen[group]!r} is set already")
    seen[group] = where


def _scalar(field: FieldDescriptor, value: Any, path: str) -> Any:
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM and value is None and _takes_null(field):
        return 0
    try:
        return scalars.from_json(field, value)
    except scalars.ValueFault as error:
        raise _fault(path, str(error)) from error


def _takes_null(field: FieldDescriptor) -> bool:
    """Only google.protobuf.Value and NullValue have a null of their own; elsewhere it means the field is not set."""
    if field.is_repeated:
        return field.message_type is not None and field.message_type.full_name == "google.protobuf.Value"
    if field.message_type is not None:
        return bool(field.message_type.full_name == "google.protobuf.Value")
    return field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue"


@lru_cache(maxsize=4096)
def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} appears twice")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is too large")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON; write it as a string")


def _malformed(reason: str) -> Problem:
    return Problem(Code.INVALID_ARGUMENT, "the body is not JSON", (Violation("", reason[:200]),))


def _fault(path: str, reason: str) -> Problem:
    return Problem(Code.INVALID_ARGUMENT, f"{path or 'body'}: {reason}"[:500], (Violation(path, reason[:300]),))
