"""What can go wrong between a person and a mesh, and the exit status each ends a command with."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["EXIT_HELP", "ClientError", "Exit", "HeimdexApiError", "MeshNotReachable", "Violation"]


class Exit(IntEnum):
    """Exit statuses of the `heimdex` command."""

    OK = 0
    ERROR = 1
    USAGE = 2
    UNREACHABLE = 3
    FORBIDDEN = 4
    NOT_FOUND = 5
    FAILED = 6
    DIFFERENT = 7


EXIT_HELP = """\b
Exit status:
  0  done (upload --wait: the video is ready)
  1  something else went wrong; the sentence on stderr says what
  2  the command line is wrong
  3  no mesh answers
  4  no token, or a token that may not do this
  5  no such video, scene or export, or not yours
  6  the video failed, or the export did; the reason is on stderr
  7  metrics audit: there are differences"""


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request and what is wrong with it."""

    field: str
    description: str


class ClientError(Exception):
    """Something a person can be told in one sentence."""

    @property
    def exit_status(self) -> Exit:
        """The exit status of a command that ends with this."""
        return Exit.ERROR


class MeshNotReachable(ClientError):
    """Nobody answers where the mesh should be."""

    @property
    def exit_status(self) -> Exit:
        """The exit status of a command that ends with this."""
        return Exit.UNREACHABLE


class HeimdexApiError(ClientError):
    """The mesh refused a request.

    `status` is the HTTP status, `code` the gRPC code by name (`NOT_FOUND`), `reason` the stable UPPER_SNAKE word of
    google.rpc.ErrorInfo (empty when none was sent), `metadata` its facts, `violations` the faulty fields of the
    request, `retry_after_seconds` when it is worth trying again (None when that was not said).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        reason: str = "",
        violations: tuple[Violation, ...] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = violations
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.retry_after_seconds = retry_after_seconds

    @property
    def exit_status(self) -> Exit:
        """The exit status of a command that ends with this."""
        if self.status in {401, 403} or self.code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
            return Exit.FORBIDDEN
        return Exit.NOT_FOUND if self.status == 404 or self.code == "NOT_FOUND" else Exit.ERROR  # noqa: PLR2004 - HTTP

    def __str__(self) -> str:
        faults = "; ".join(f"{fault.field}: {fault.description}" for fault in self.violations)
        what = f"{self.message} ({faults})" if faults else self.message
        return f"{what} [{self.reason}]" if self.reason else what
