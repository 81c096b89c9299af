"""Answers as files."""

from functools import partial
from typing import Any

from google.api import httpbody_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError

from chassis.core.errors import FieldViolation, InvalidInput
from chassis.io.identity import require_admin
from heimdex.common.v1 import table_pb2
from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.codec.spreadsheet import xlsx_of
from metrics_svc.codec.tables import book_of
from metrics_svc.domain.tables import FileFormat, read_format
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import tables as handlers

__all__ = ["TablesApi"]

_METHODS = admin.DESCRIPTOR.services_by_name["AdminService"].methods_by_name
_RENDERABLE = {
    name: method
    for name, method in _METHODS.items()
    if method.GetOptions().Extensions[table_pb2.rendered_by] == _METHODS["RenderTable"].full_name
}


class TablesApi(Api):
    """Answers as files."""

    async def RenderTable(self, request: table_pb2.RenderTableRequest, context: Context) -> httpbody_pb2.HttpBody:
        """Answer another method of this service, which asks for an administrator itself, as CSV or XLSX."""
        require_admin()
        file_format = read_format(request.format)
        method = _method(request.method)
        answer = await getattr(self, method.name)(_request(method, request.request), context)
        file = await handlers.rendered(
            partial(book_of, answer, with_sheets=file_format is FileFormat.XLSX), file_format, spreadsheet=xlsx_of
        )
        return httpbody_pb2.HttpBody(content_type=file.content_type, data=file.data)


def _method(name: str) -> MethodDescriptor:
    if name not in _RENDERABLE:
        raise _refusal("method", "is none whose answer is a table")
    return _RENDERABLE[name]


def _request(method: MethodDescriptor, payload: bytes) -> Any:
    try:
        return message_factory.GetMessageClass(method.input_type).FromString(payload)
    except DecodeError as error:
        raise _refusal("request", f"is no {method.input_type.name}") from error


def _refusal(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field}: {text}", reason="INVALID_TABLE", violations=(FieldViolation(field, text),))
