"""Our errors as google.rpc.Status, and back."""

import grpc
from google.protobuf.any_pb2 import Any as ProtoAny
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from chassis.core.errors import (
    BORDERS,
    DeadlineExceeded,
    FieldViolation,
    HeimdexError,
    InvalidInput,
    Overloaded,
    QuotaViolation,
    UpstreamUnavailable,
    border_of,
)
from chassis.io import correlation

__all__ = ["DETAILS_KEY", "DOMAIN", "error_from_rpc", "error_from_status", "status_from_error"]

DOMAIN = "heimdex"
DETAILS_KEY = "grpc-status-details-bin"
_BY_CODE: dict[str, type[HeimdexError]] = {}
for _cls, _border in BORDERS.items():
    if _cls is not HeimdexError:
        _BY_CODE.setdefault(_border.grpc_code, _cls)
_BY_CODE["UNAVAILABLE"] = UpstreamUnavailable


def status_from_error(error: BaseException) -> status_pb2.Status:
    """Describe an error for a client; a bug shows its correlation id and nothing else."""
    code: int = getattr(grpc.StatusCode, border_of(error).grpc_code).value[0]
    if not isinstance(error, HeimdexError):
        message = f"internal error; quote {correlation.current()} when you report it"
        info = error_details_pb2.ErrorInfo(
            reason="INTERNAL", domain=DOMAIN, metadata={"correlation_id": correlation.current()}
        )
        return status_pb2.Status(code=code, message=message, details=[_pack(info)])
    details = [_pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=dict(error.metadata)))]
    if error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        details.append(_pack(error_details_pb2.BadRequest(field_violations=fields)))
    if isinstance(error, Overloaded):
        if error.quotas:
            used_up = [
                error_details_pb2.QuotaFailure.Violation(subject=quota.subject, description=quota.description)
                for quota in error.quotas
            ]
            details.append(_pack(error_details_pb2.QuotaFailure(violations=used_up)))
        seconds = max(0.0, error.retry_after_seconds)
        delay = Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
        details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=code, message=error.message, details=details)


def _pack(message: object) -> ProtoAny:
    packed = ProtoAny()
    packed.Pack(message)  # type: ignore[arg-type]
    return packed


def error_from_status(status: status_pb2.Status) -> HeimdexError:
    """Turn a status back into the error it was made from, as far as the status tells."""
    name = next((code.name for code in grpc.StatusCode if code.value[0] == status.code), "INTERNAL")
    cls = _BY_CODE.get(name, HeimdexError)
    reason: str | None = None
    metadata: dict[str, str] = {}
    violations: tuple[FieldViolation, ...] = ()
    retry_after_seconds = 1.0
    quotas: tuple[QuotaViolation, ...] = ()
    for detail in status.details:
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        quota = error_details_pb2.QuotaFailure()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations = tuple(FieldViolation(v.field, v.description) for v in bad.field_violations)
        elif detail.Unpack(retry):
            retry_after_seconds = retry.retry_delay.ToNanoseconds() / 1e9
        elif detail.Unpack(quota):
            quotas = tuple(QuotaViolation(v.subject, v.description) for v in quota.violations)
    if cls is Overloaded:
        return Overloaded(
            status.message, retry_after_seconds=retry_after_seconds, reason=reason, metadata=metadata, quotas=quotas
        )
    if cls is InvalidInput:
        return InvalidInput(status.message, reason=reason, metadata=metadata, violations=violations)
    return cls(status.message, reason=reason, metadata=metadata)


def error_from_rpc(error: grpc.aio.AioRpcError) -> HeimdexError:
    """Turn what a gRPC client raises into one of ours."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return error_from_status(status_pb2.Status.FromString(value))
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(error.details() or "")
    cls = _BY_CODE.get(code.name, HeimdexError)
    return cls(error.details() or "")
