"""Every error this house raises on purpose, and what each means at the three borders.

    HeimdexError
    |-- InvalidInput         the caller must change the request
    |   `-- UnreadableMedia  the file can not be used
    |-- Unauthenticated      nobody we know
    |-- PermissionDenied     somebody we know, who may not
    |-- NotFound             not there, or not yours
    |-- AlreadyExists        it is there already (RPC entry only)
    |-- NotReady             the state does not allow it
    |-- StaleWrite           somebody was faster
    |-- Overloaded           a bound was reached; come back later
    |-- UpstreamUnavailable  something we need is not there
    |-- DeadlineExceeded     it took too long
    |-- Stopping             we are shutting down
    |-- Corruption           a digest does not match, or a promise was broken
    `-- NotBuilt             a later version will answer

The docstring of a class is its message when none is given. `BORDERS` maps each class to a gRPC code name, an HTTP
status and a JetStream disposition; anything that is not a HeimdexError is a bug: INTERNAL, 500, retry to the limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

__all__ = [
    "BORDERS",
    "AlreadyExists",
    "Border",
    "Corruption",
    "DeadlineExceeded",
    "Disposition",
    "FieldViolation",
    "HeimdexError",
    "InvalidInput",
    "NotBuilt",
    "NotFound",
    "NotReady",
    "Overloaded",
    "PermissionDenied",
    "QuotaViolation",
    "StaleWrite",
    "Stopping",
    "Unauthenticated",
    "UnreadableMedia",
    "UpstreamUnavailable",
    "border_of",
]


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request and what is wrong with it."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class QuotaViolation:
    """A quota that is used up: whose or which it is, and what it allows."""

    subject: str
    description: str


class HeimdexError(Exception):
    """Something went wrong in a way that was foreseen.

    Attributes:
        reason: UPPER_SNAKE word for programs, stable once published.
        metadata: facts for programs, strings only.
        violations: the fields that are wrong, for InvalidInput.
        permanent: whether trying the same again is useless.
    """

    default_reason: ClassVar[str] = "HEIMDEX_ERROR"
    permanent: ClassVar[bool] = True

    def __init__(
        self,
        message: str = "",
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.reason = reason or self.default_reason
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata or {}))
        self.violations = violations
        super().__init__(self.message)


class InvalidInput(HeimdexError):
    """The request can not be understood; change it and try again."""

    default_reason = "INVALID_INPUT"


class UnreadableMedia(InvalidInput):
    """The file can not be read as a video."""

    default_reason = "INVALID_MEDIA"


class Unauthenticated(HeimdexError):
    """A valid bearer token is required."""

    default_reason = "TOKEN_REQUIRED"


class PermissionDenied(HeimdexError):
    """This token may not do that."""

    default_reason = "PERMISSION_DENIED"


class NotFound(HeimdexError):
    """There is no such object."""

    default_reason = "NOT_FOUND"


class AlreadyExists(HeimdexError):
    """It exists already."""

    default_reason = "ALREADY_EXISTS"


class NotReady(HeimdexError):
    """The present state does not allow this; wait or change the state first."""

    default_reason = "NOT_READY"
    permanent = False


class StaleWrite(HeimdexError):
    """Somebody else changed it in between; read it again and repeat."""

    default_reason = "STALE_WRITE"
    permanent = False


class Overloaded(HeimdexError):
    """A bound was reached; come back later."""

    default_reason = "OVERLOADED"
    permanent = False

    def __init__(
        self,
        message: str = "",
        *,
        retry_after_seconds: float = 1.0,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        quotas: tuple[QuotaViolation, ...] = (),
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after_seconds = retry_after_seconds
        self.quotas = quotas


class UpstreamUnavailable(HeimdexError):
    """Something this service needs can not be reached."""

    default_reason = "UPSTREAM_UNAVAILABLE"
    permanent = False


class DeadlineExceeded(HeimdexError):
    """It took longer than allowed."""

    default_reason = "DEADLINE_EXCEEDED"
    permanent = False


class Stopping(HeimdexError):
    """The service is shutting down."""

    default_reason = "STOPPING"
    permanent = False


class Corruption(HeimdexError):
    """Stored data are not what they must be."""

    default_reason = "CORRUPTION"


class NotBuilt(HeimdexError):
    """This is part of the contract and not built yet."""

    default_reason = "NOT_BUILT"


class Disposition(StrEnum):
    """What becomes of a message whose handler raised."""

    ACK = "ack"
    RETRY = "retry"
    RETRY_AT_ONCE = "retry_at_once"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Border:
    """The three faces of one error class."""

    grpc_code: str
    http_status: int
    disposition: Disposition


BORDERS: Mapping[type[HeimdexError], Border] = MappingProxyType(
    {
        HeimdexError: Border("INTERNAL", 500, Disposition.RETRY),
        InvalidInput: Border("INVALID_ARGUMENT", 400, Disposition.REJECT),
        UnreadableMedia: Border("INVALID_ARGUMENT", 400, Disposition.REJECT),
        Unauthenticated: Border("UNAUTHENTICATED", 401, Disposition.REJECT),
        PermissionDenied: Border("PERMISSION_DENIED", 403, Disposition.REJECT),
        NotFound: Border("NOT_FOUND", 404, Disposition.REJECT),
        AlreadyExists: Border("ALREADY_EXISTS", 409, Disposition.REJECT),
        NotReady: Border("FAILED_PRECONDITION", 400, Disposition.RETRY),
        StaleWrite: Border("ABORTED", 409, Disposition.RETRY_AT_ONCE),
        Overloaded: Border("RESOURCE_EXHAUSTED", 429, Disposition.RETRY),
        UpstreamUnavailable: Border("UNAVAILABLE", 503, Disposition.RETRY),
        DeadlineExceeded: Border("DEADLINE_EXCEEDED", 504, Disposition.RETRY),
        Stopping: Border("UNAVAILABLE", 503, Disposition.RETRY_AT_ONCE),
        Corruption: Border("DATA_LOSS", 500, Disposition.REJECT),
        NotBuilt: Border("UNIMPLEMENTED", 501, Disposition.REJECT),
    }
)


def border_of(error: BaseException) -> Border:
    """Return what an error means outside; a bug is INTERNAL, 500, retry."""
    for cls in type(error).__mro__:
        if cls in BORDERS:
            return BORDERS[cls]
    return BORDERS[HeimdexError]
