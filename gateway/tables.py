"""Answers as files: an RPC may name another RPC of its services that renders its answer, and `?format=` asks for that.

The gateway knows two formats and no table: it binds the request as always, hands it over serialised with the name of
the RPC that was asked for, and passes on the google.api.HttpBody that comes back. A descriptor set without the option,
or a request message that has a field `format` itself, is served as ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from gateway.domain.binding import HTTP_BODY, BindingRuleError
from gateway.domain.json_codec import find_field, new_message
from gateway.domain.status_map import Code, Problem, Violation

__all__ = ["FILE_FORMATS", "Asked", "Renderer", "Renderers"]

RENDERED_BY = "heimdex.common.v1.rendered_by"
FORMAT = "format"
FILE_FORMATS = ("csv", "xlsx")
_JSON = "json"
_REQUEST_FIELDS = {
    "method": FieldDescriptor.TYPE_STRING,
    "request": FieldDescriptor.TYPE_BYTES,
    "format": FieldDescriptor.TYPE_STRING,
}
_VERSION = re.compile(r"^v[0-9]+-")
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9]+")
_MAX_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for.

    Attributes:
        file_format: One of FILE_FORMATS; empty for the usual answer.
        query: The rest of the query, as it came.
    """

    file_format: str
    query: str


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the answer of one RPC.

    Attributes:
        rpc: What is called.
        method: Name of the RPC whose answer it renders.
    """

    rpc: MethodDescriptor
    method: str

    def read(self, query: str) -> Asked:
        """Take the format out of a query.

        Raises:
            Problem: INVALID_ARGUMENT, the format is unknown or given more than once.
        """
        formats: list[str] = []
        rest: list[str] = []
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            if unquote_plus(name) == FORMAT:
                formats.append(unquote_plus(value))
            else:
                rest.append(pair)
        if len(formats) > 1:
            raise _refusal("given more than once")
        if formats and formats[0] not in {_JSON, *FILE_FORMATS}:
            raise _refusal(f"must be {_JSON}, {' or '.join(FILE_FORMATS)}")
        asked = formats[0] if formats else _JSON
        return Asked("" if asked == _JSON else asked, "&".join(rest))

    def request(self, message: Any, file_format: str) -> Any:
        """Wrap the bound request of the RPC whose answer is wanted."""
        wrapped: Any = new_message(self.rpc.input_type)
        wrapped.method, wrapped.request, wrapped.format = self.method, message.SerializeToString(), file_format
        return wrapped

    @staticmethod
    def headers(raw_path: str, file_format: str) -> tuple[tuple[str, str], ...]:
        """Say that the answer is a file, named by its path: letters, digits and hyphens, whatever the path holds."""
        words = _NOT_OF_A_NAME.sub("-", unquote(raw_path)).strip("-")
        name = _VERSION.sub("", words)[:_MAX_NAME_CHARS].strip("-") or "table"
        return (("Content-Disposition", f'attachment; filename="{name}.{file_format}"'),)


class Renderers:
    """Finds who renders the answers of an RPC."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool
        try:
            self._option: FieldDescriptor | None = pool.FindExtensionByName(RENDERED_BY)
        except KeyError:
            self._option = None

    def find(self, method: descriptor_pb2.MethodDescriptorProto, rpc: MethodDescriptor) -> Renderer | None:
        """Return the renderer that the options of an RPC name; None when there is none, or it has a format of its own.

        Raises:
            BindingRuleError: It names what can not render.
        """
        name = self._named(method)
        if not name or find_field(rpc.input_type, FORMAT) is not None:
            return None
        service, _, short = name.rpartition(".")
        try:
            found = self._pool.FindServiceByName(service).methods_by_name[short]
        except KeyError as error:
            raise BindingRuleError(f"rendered_by: there is no RPC {name!r}") from error
        fields = {field.name: field.type for field in found.input_type.fields}
        if any(is_stream for one in (rpc, found) for is_stream in (one.client_streaming, one.server_streaming)):
            raise BindingRuleError("rendered_by: streams are not rendered")
        if found.output_type.full_name != HTTP_BODY or not _REQUEST_FIELDS.items() <= fields.items():
            raise BindingRuleError(f"rendered_by: {name} must take method, request and format and return {HTTP_BODY}")
        return Renderer(found, rpc.name)

    def _named(self, method: descriptor_pb2.MethodDescriptorProto) -> str:
        if self._option is None or self._option.containing_type is None:
            return ""
        # Read anew by the descriptors of the set: to this process the option is an unknown field, or somebody else's.
        options = message_factory.GetMessageClass(self._option.containing_type)
        read: Any = options.FromString(method.options.SerializeToString())
        return str(read.Extensions[self._option])


def _refusal(description: str) -> Problem:
    return Problem(Code.INVALID_ARGUMENT, f"{FORMAT}: {description}", (Violation(FORMAT, description),))
