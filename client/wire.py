"""Reading what a gateway answers when it refuses: google.rpc.Status as JSON."""

import json
from typing import Any

from client.errors import HeimdexApiError, Violation

__all__ = ["CODE_NAMES", "error_of", "reason_of"]

CODE_NAMES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""Names of google.rpc.Code by number."""

_LONGEST_FOREIGN_BODY = 200


def error_of(status: int, body: bytes) -> HeimdexApiError:
    """Turn an HTTP status and a body into an error; a body that is no Status is quoted, cut short."""
    try:
        parsed: Any = json.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and isinstance(parsed.get("error"), dict):
        parsed = parsed["error"]
    if not isinstance(parsed, dict) or "code" not in parsed:
        text = body[:_LONGEST_FOREIGN_BODY].decode("utf-8", "replace").strip()
        said = f"the address answered HTTP {status}, not in the words of a mesh: {text}"
        return HeimdexApiError(status, "UNKNOWN", said)
    message = str(parsed.get("message") or f"HTTP {status}")
    code = _code_name(parsed["code"])
    return HeimdexApiError(status, code, message, reason=reason_of(parsed), violations=_violations(parsed))


def reason_of(status: Any) -> str:
    """Return the reason of the google.rpc.ErrorInfo in a Status, or an empty text."""
    for detail in _details(status):
        if str(detail.get("@type", "")).endswith("google.rpc.ErrorInfo"):
            return str(detail.get("reason", ""))
    return ""


def _violations(status: Any) -> tuple[Violation, ...]:
    faults = [
        fault
        for detail in _details(status)
        if str(detail.get("@type", "")).endswith("google.rpc.BadRequest")
        for fault in detail.get("field_violations") or detail.get("fieldViolations") or ()
    ]
    return tuple(Violation(str(fault.get("field", "")), str(fault.get("description", ""))) for fault in faults)


def _details(status: Any) -> list[dict[str, Any]]:
    details = status.get("details") if isinstance(status, dict) else None
    return [detail for detail in details or () if isinstance(detail, dict)]


def _code_name(code: Any) -> str:
    if isinstance(code, int) and 0 <= code < len(CODE_NAMES):
        return CODE_NAMES[code]
    return str(code)
