"""What a request's headers say about the call: who asks, which request it is, how long it may take."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.domain.status_map import Code, Problem, Violation

__all__ = ["call_metadata", "parse_grpc_timeout"]

_FORWARDED = ("authorization", "x-request-id", "traceparent", "tracestate")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])")
_UNIT_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


def parse_grpc_timeout(text: str) -> float:
    """Read a `grpc-timeout` header, e.g. `250m`, as seconds.

    Raises:
        Problem: INVALID_ARGUMENT.
    """
    found = _TIMEOUT.fullmatch(text.strip())
    if found is None:
        reason = "expected up to 8 digits and one of H M S m u n"
        raise Problem(Code.INVALID_ARGUMENT, f"grpc-timeout: {reason}", (Violation("grpc-timeout", reason),))
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def call_metadata(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Pick the headers that travel on.

    Raises:
        Problem: INVALID_ARGUMENT, one holds what gRPC can not carry.
    """
    picked = [(name, headers[name].strip()) for name in _FORWARDED if name in headers]
    for name, value in picked:
        if _PRINTABLE.fullmatch(value) is None:
            reason = "holds characters outside printable ASCII"
            raise Problem(Code.INVALID_ARGUMENT, f"{name}: {reason}", (Violation(name, reason),))
    return tuple(picked)
