"""Answers flattened to numbers, requests for them, and what an audit found as a message."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import audit_pb2
from metrics_svc.codec.wire import stamp_of
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.audit.audited import LABELS, Audited
from metrics_svc.domain.audit.comparison import AuditReport, Cell, Check, Difference, Numbers, Value, Way

__all__ = ["encode_audit", "method_of", "numbers_of", "request_of"]

_PREFIX = "/v1/admin/"
_METHODS: Mapping[str, MethodDescriptor] = {
    method.GetOptions().Extensions[annotations_pb2.http].get.removeprefix(_PREFIX): method
    for method in admin.DESCRIPTOR.services_by_name["AdminService"].methods
}
_TEXT = frozenset({FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_ENUM})
_MOST = (1 << 31) - 1


def method_of(audited: Audited) -> str:
    """Return the name of the method that answers."""
    return str(_METHODS[audited.path].name)


def request_of(audited: Audited, window: Window, owner_id: str) -> Any:
    """Return the request for an answer over an explicit window."""
    method = _METHODS[audited.path]
    kind = message_factory.GetMessageClass(method.input_type)
    if audited.days_of_now:
        return kind()
    request: Any = kind(start_at=stamp_of(window.start), end_at=stamp_of(window.end), owner_id=owner_id)
    if audited.cut:
        setattr(request, "group_by" if "group_by" in method.input_type.fields_by_name else "bucket", audited.cut)
    return request


def numbers_of(answer: Message, audited: Audited) -> Numbers:
    """Return the numbers of an answer that are to be compared."""
    return {
        cell: value
        for cell, value in _cells(answer, "", {})
        if (audited.fields is None or cell.field in audited.fields) and audited.without not in cell.labels
    }


def encode_audit(report: AuditReport, *, duration_s: float) -> audit_pb2.AuditMetricsResponse:
    """Return what an audit found as a message; `duration_s` is how long it took."""
    return audit_pb2.AuditMetricsResponse(
        data=map(_difference, report.differences),
        checks=map(_check, report.checks),
        compared=min(report.compared, _MOST),
        differences=min(report.differing, _MOST),
        prometheus_series=report.prometheus_series,
        sketches=min(report.sketches, _MOST),
        days_without_events=[day.isoformat() for day in report.days_without_events],
        start_at=stamp_of(report.window.start),
        end_at=stamp_of(report.window.end),
        owner_id=report.owner_id,
        duration_s=duration_s,
    )


def _cells(message: Message, prefix: str, above: Mapping[str, str]) -> Iterator[tuple[Cell, Value]]:
    """Yield every number of a message and of those within it; what is optional and absent is None."""
    fields = message.DESCRIPTOR.fields
    labels = {**above, **{field.name: str(getattr(message, field.name)) for field in fields if field.name in LABELS}}
    for field in fields:
        path = f"{prefix}{field.name}"
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.file.package.startswith("heimdex."):
            for part in value if field.is_repeated else (value,) if message.HasField(field.name) else ():
                yield from _cells(part, f"{path}.", labels)
        elif (
            field.message_type is None
            and not field.is_repeated
            and field.type not in _TEXT
            and field.name not in LABELS
        ):
            is_absent = field.has_presence and not message.HasField(field.name)
            yield Cell.of(path, labels if prefix else {}), None if is_absent else value


def _check(check: Check) -> audit_pb2.AuditCheck:
    return audit_pb2.AuditCheck(
        answer=check.answer,
        way=check.way.value,
        compared=min(check.compared, _MOST),
        differences=min(check.differences, _MOST),
    )


def _difference(difference: Difference) -> audit_pb2.AuditDifference:
    values = {way: None if value is None else float(value) for way, value in difference.values.items()}
    return audit_pb2.AuditDifference(
        answer=difference.answer,
        field=difference.cell.field,
        labels=", ".join(f"{name}={word}" for name, word in difference.cell.labels),
        sketch_value=values.get(Way.TOLD),
        raw_value=values.get(Way.RAW),
        sql_value=values.get(Way.SQL),
        prometheus_value=values.get(Way.PROMETHEUS),
        relative_error=difference.relative_error,
    )
