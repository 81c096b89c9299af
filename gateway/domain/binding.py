"""Path, query and body become one request message.

A field is given in exactly one place: the path first, then the body, the rest by query. What the client wrote twice,
or where it has no place, is refused with the field's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from gateway.domain import scalars
from gateway.domain.json_codec import find_field, load_json, new_message, parse_into
from gateway.domain.status_map import Code, Problem, Violation

__all__ = ["HTTP_BODY", "Binding", "BindingRuleError", "bind", "resolve", "resolve_binding", "set_http_body"]

HTTP_BODY = "google.api.HttpBody"
MAX_QUERY_FIELDS = 1000

_TEXT_MESSAGES = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Timestamp", "Duration", "FieldMask", "DoubleValue", "FloatValue", "Int64Value", "UInt64Value"),
        *("Int32Value", "UInt32Value", "BoolValue", "StringValue", "BytesValue"),
    )
)

FieldPath = tuple[FieldDescriptor, ...]


class BindingRuleError(ValueError):
    """A google.api.http rule names a field that is not there, or can not be bound."""


@dataclass(frozen=True, slots=True)
class Binding:
    """How one route fills its request message.

    Attributes:
        request: The message.
        pool: Resolves the types inside google.protobuf.Any.
        whole_body: The body is the message (`body: "*"`).
        body_field: The body is this field, else None.
        path_fields: By the field path of the template.
    """

    request: Descriptor
    pool: DescriptorPool
    whole_body: bool
    body_field: FieldDescriptor | None
    path_fields: dict[tuple[str, ...], FieldPath]

    @property
    def takes_body(self) -> bool:
        """The route reads its body."""
        return self.whole_body or self.body_field is not None

    @property
    def raw_body(self) -> FieldDescriptor | None:
        """The google.api.HttpBody field that takes the body as it is; None when the body is JSON."""
        field = self.body_field
        return field if field is not None and _is_http_body(field.message_type) else None

    @property
    def is_raw(self) -> bool:
        """The body is bytes, not JSON."""
        return self.raw_body is not None or (self.whole_body and _is_http_body(self.request))


def resolve_binding(
    request: Descriptor, pool: DescriptorPool, *, body: str, paths: tuple[tuple[str, ...], ...]
) -> Binding:
    """Check a rule against its request message.

    Raises:
        BindingRuleError: A name is unknown, or its type can not be bound.
    """
    body_field = None
    if body not in {"", "*"}:
        body_field = request.fields_by_name.get(body)
        if body_field is None:
            raise BindingRuleError(f"body: {request.full_name} has no field {body!r}")
    fields: dict[tuple[str, ...], FieldPath] = {}
    for path in paths:
        found = resolve(request, path)
        if found is None or found[-1].is_repeated or not _is_text(found[-1]):
            raise BindingRuleError(f"path: {'.'.join(path)!r} is not a bindable field of {request.full_name}")
        fields[path] = found
    return Binding(request, pool, body == "*", body_field, fields)


def resolve(descriptor: Descriptor, names: tuple[str, ...]) -> FieldPath | None:
    """Follow names, proto or lowerCamelCase, through singular messages; None when one leads nowhere."""
    path: list[FieldDescriptor] = []
    here: Descriptor | None = descriptor
    for name in names:
        field = find_field(here, name) if here is not None else None
        if field is None or (path and path[-1].is_repeated):
            return None
        path.append(field)
        here = field.message_type
    return tuple(path)


def bind(
    binding: Binding, values: tuple[tuple[tuple[str, ...], str], ...], query: str, body: bytes, content_type: str
) -> Any:
    """Build the request message.

    Args:
        binding: Of the route.
        values: Variables of the path.
        query: As it came, without `?`.
        body: Whole body; ignored unless the route takes one.
        content_type: Of the body; kept for google.api.HttpBody.

    Raises:
        Problem: INVALID_ARGUMENT with the violations.
    """
    message = new_message(binding.request)
    _read_body(binding, message, body, content_type)
    for names, text in values:
        path = binding.path_fields[names]
        parent = _parent(message, path)
        parent.ClearField(path[-1].name)  # the path wins over the body
        _set_text(parent, path[-1], text, (".".join(names), binding.pool))
    _read_query(binding, message, query)
    return message


def set_http_body(message: Message, data: bytes, content_type: str) -> None:
    """Fill a google.api.HttpBody."""
    for name, value in (("content_type", content_type), ("data", data)):
        setattr(message, name, value)


def _read_body(binding: Binding, message: Any, body: bytes, content_type: str) -> None:
    if binding.whole_body and _is_http_body(binding.request):
        set_http_body(message, body, content_type)
    elif binding.raw_body is not None:
        set_http_body(getattr(message, binding.raw_body.name), body, content_type)
    elif binding.whole_body:
        parse_into(message, load_json(body), binding.pool)
    elif binding.body_field is not None and body.strip():
        parse_into(message, {binding.body_field.name: load_json(body)}, binding.pool)


def _read_query(binding: Binding, message: Any, query: str) -> None:
    if not query:
        return
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as error:
        raise Problem(Code.INVALID_ARGUMENT, "the query can not be read", (Violation("", str(error)[:200]),)) from error
    path_fields = set(binding.path_fields.values())
    seen: dict[FieldPath, str] = {}
    violations: list[Violation] = []
    for name, text in pairs:
        path = resolve(binding.request, tuple(name.split(".")))
        reason = _query_fault(binding, message, path, path_fields, seen)
        if path is not None and not reason:
            seen[path] = name
            try:
                _set_text(_parent(message, path), path[-1], text, (name, binding.pool))
            except Problem as problem:
                violations.extend(problem.violations)
        elif reason:
            violations.append(Violation(name[:200], reason))
    if violations:
        first = violations[0]
        raise Problem(Code.INVALID_ARGUMENT, f"{first.field}: {first.description}", tuple(violations))


def _query_fault(
    binding: Binding, message: Any, path: FieldPath | None, path_fields: set[FieldPath], seen: dict[FieldPath, str]
) -> str:
    """Say why a query parameter can not be bound; empty when it can."""
    if path is None:
        return f"unknown field of {binding.request.full_name}"
    if path in path_fields or binding.whole_body or path[0] == binding.body_field:
        return "belongs in the path" if path in path_fields else "belongs in the body"
    if not _is_text(path[-1]):
        return "a message or map can not be given by query"
    if path in seen and not path[-1].is_repeated:
        return "given more than once"
    group = path[-1].containing_oneof
    if path not in seen and group is not None and _parent(message, path).WhichOneof(group.name) is not None:
        return f"only one of {group.name} may be set"
    return ""


def _parent(message: Any, path: FieldPath) -> Any:
    for field in path[:-1]:
        message = getattr(message, field.name)
    return message


def _set_text(parent: Any, field: FieldDescriptor, text: str, at: tuple[str, DescriptorPool]) -> None:
    """Set or append one value given as text."""
    name, pool = at
    if field.message_type is not None:
        target = getattr(parent, field.name)
        target = target.add() if field.is_repeated else target
        if not field.is_repeated:
            target.SetInParent()
        inner = field.message_type.fields_by_name.get("value")
        is_wrapper = inner is not None and field.message_type.full_name in _TEXT_MESSAGES
        parse_into(target, _wrapped(inner, text, name) if is_wrapper else text, pool, path=name)
        return
    try:
        value = scalars.from_text(field, text)
    except scalars.ValueFault as error:
        raise Problem(Code.INVALID_ARGUMENT, f"{name}: {error}", (Violation(name, str(error)),)) from error
    if field.is_repeated:
        getattr(parent, field.name).append(value)
    else:
        setattr(parent, field.name, value)


def _wrapped(inner: FieldDescriptor | None, text: str, name: str) -> Any:
    """Text of a wrapper as the JSON value its parser expects; only booleans differ."""
    if inner is None or inner.cpp_type != FieldDescriptor.CPPTYPE_BOOL:
        return text
    if text not in {"true", "false"}:
        reason = "expected true or false"
        raise Problem(Code.INVALID_ARGUMENT, f"{name}: {reason}", (Violation(name, reason),))
    return text == "true"


def _is_text(field: FieldDescriptor) -> bool:
    return field.message_type is None or field.message_type.full_name in _TEXT_MESSAGES


def _is_http_body(descriptor: Descriptor | None) -> bool:
    return descriptor is not None and descriptor.full_name == HTTP_BODY
