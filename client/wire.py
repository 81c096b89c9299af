"""Reading what a gateway answers when it refuses: google.rpc.Status as JSON."""

import json
import re
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
_DURATION = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?s")


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
    return HeimdexApiError(
        status,
        _code_name(parsed["code"]),
        message,
        reason=reason_of(parsed),
        violations=_violations(parsed),
        metadata=_metadata(parsed),
        retry_after_seconds=_retry_after_seconds(parsed),
    )


def reason_of(status: Any) -> str:
    """Return the reason of the google.rpc.ErrorInfo in a Status, or an empty text."""
    return next((str(detail.get("reason", "")) for detail in _details(status, "ErrorInfo")), "")


def _metadata(status: Any) -> dict[str, str]:
    found = next((detail.get("metadata") for detail in _details(status, "ErrorInfo")), None)
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _retry_after_seconds(status: Any) -> float | None:
    for detail in _details(status, "RetryInfo"):
        text = str(detail.get("retry_delay") or detail.get("retryDelay") or "")
        if _DURATION.fullmatch(text):
            return float(text.removesuffix("s"))
    return None


def _violations(status: Any) -> tuple[Violation, ...]:
    faults = [
        fault
        for detail in _details(status, "BadRequest")
        for fault in detail.get("field_violations") or detail.get("fieldViolations") or ()
    ]
    return tuple(Violation(str(fault.get("field", "")), str(fault.get("description", ""))) for fault in faults)


def _details(status: Any, kind: str) -> list[dict[str, Any]]:
    """Return the details of one type of google.rpc."""
    details = status.get("details") if isinstance(status, dict) else None
    found = [detail for detail in details or () if isinstance(detail, dict)]
    return [detail for detail in found if str(detail.get("@type", "")).endswith(f"google.rpc.{kind}")]


def _code_name(code: Any) -> str:
    if isinstance(code, int) and 0 <= code < len(CODE_NAMES):
        return CODE_NAMES[code]
    return str(code)
