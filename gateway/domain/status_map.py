"""gRPC codes, their HTTP statuses, and the one error the gateway itself raises.

The gateway never invents a status for an answer of a service: it maps the code by this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus

__all__ = ["CLIENT_CLOSED_REQUEST", "HTTP_BY_CODE", "Code", "Problem", "Violation", "http_status"]

CLIENT_CLOSED_REQUEST = 499


class Code(IntEnum):
    """The codes of google.rpc.Code."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP_BY_CODE: dict[Code, int] = {
    Code.OK: HTTPStatus.OK,
    Code.CANCELLED: CLIENT_CLOSED_REQUEST,
    Code.UNKNOWN: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    Code.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    Code.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    Code.ABORTED: HTTPStatus.CONFLICT,
    Code.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    Code.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DATA_LOSS: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
}


def http_status(code: int) -> int:
    """Map a gRPC code to its HTTP status; a code nobody knows is a 500."""
    try:
        return int(HTTP_BY_CODE[Code(code)])
    except ValueError:
        return int(HTTPStatus.INTERNAL_SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault of a request.

    Attributes:
        field: Path of the field as the client wrote it, e.g. `metadata.tags[2]`; empty for the body as a whole.
        description: What is wrong with it.
    """

    field: str
    description: str


@dataclass(eq=False)  # not frozen: contextlib writes to an exception that passes through it
class Problem(Exception):
    """An answer that is not a success, ours or a service's.

    Attributes:
        code: gRPC code.
        message: For the developer at the other end.
        violations: Become a google.rpc.BadRequest.
        status_bytes: A serialised google.rpc.Status from a service; it wins over the other fields.
        status: HTTP status where it is more precise than the code's, else 0.
        headers: Extra response headers.
    """

    code: int
    message: str
    violations: tuple[Violation, ...] = ()
    status_bytes: bytes = b""
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def http_status(self) -> int:
        """The HTTP status of the answer."""
        return self.status or http_status(self.code)
