"""A problem becomes its HTTP answer: google.rpc.Status as JSON, with the details a service attached."""

from __future__ import annotations

import base64
import math
from typing import Any

from google.protobuf import any_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from gateway.domain.json_codec import JsonCodec, encode
from gateway.domain.status_map import Code, Problem
from gateway.ports import Reply

__all__ = ["problem_reply", "status_value"]


def problem_reply(problem: Problem, codec: JsonCodec) -> Reply:
    """Print a problem."""
    status = _status(problem)
    headers = [*problem.headers]
    if problem.code == Code.UNAUTHENTICATED:
        headers.append(("WWW-Authenticate", "Bearer"))
    retry_after_seconds = _retry_after_seconds(status)
    if retry_after_seconds is not None:
        headers.append(("Retry-After", str(retry_after_seconds)))
    return Reply(problem.http_status, encode(_value(status, codec)), headers=tuple(headers))


def status_value(problem: Problem, codec: JsonCodec) -> dict[str, Any]:
    """Return the google.rpc.Status of a problem as plain JSON values: code, message, details."""
    return _value(_status(problem), codec)


def _value(status: status_pb2.Status, codec: JsonCodec) -> dict[str, Any]:
    details = [_detail(detail, codec) for detail in status.details]
    return {"code": status.code, "message": status.message, "details": details}


def _status(problem: Problem) -> status_pb2.Status:
    status = status_pb2.Status(code=problem.code, message=problem.message)
    if problem.status_bytes:
        try:
            status.details.extend(status_pb2.Status.FromString(problem.status_bytes).details)
        except DecodeError:
            return status  # a service sent what is no Status; its code and message still stand
    elif problem.violations:
        request = error_details_pb2.BadRequest()
        for violation in problem.violations:
            request.field_violations.add(field=violation.field, description=violation.description)
        status.details.add().Pack(request)
    return status


def _detail(detail: any_pb2.Any, codec: JsonCodec) -> Any:
    """Print a detail by its type; one of an unknown type keeps its name and its bytes."""
    for pool in (codec.pool, descriptor_pool.Default()):
        reader = JsonCodec(pool, codec.proto_names, print_defaults=False)
        try:
            return reader.to_value(detail)
        except (Problem, KeyError, DecodeError):
            continue
    return {"@type": detail.type_url, "value": base64.b64encode(detail.value).decode()}


def _retry_after_seconds(status: status_pb2.Status) -> int | None:
    info = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) and detail.Unpack(info):
            seconds: float = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
            return max(0, math.ceil(seconds))
    return None
