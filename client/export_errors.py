"""Why the mesh makes no short of something, and what a person can do about it."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from client.errors import HeimdexApiError
from client.export_types import Export, ExportQuota
from client.output import parse_time, printable, word

__all__ = ["ADVICE", "ExportRefused", "countdown", "failure_of", "in_words", "quota_line"]

_OF_THE_FILE = "upload it again in another format"
_NOT_CHARGED = "nothing was charged"

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        # refused before any work
        "SCENE_NOT_FOUND": "see the scenes of a video: heimdex video scenes VIDEO",
        "VIDEO_NOT_FOUND": "see your videos: heimdex video list",
        "SCENE_TOO_LONG": "for a part of it: heimdex export VIDEO@START-END --to FILE",
        "VIDEO_NOT_READY": "see how far it is: heimdex video get VIDEO",
        "SOURCE_MISSING": "upload it again",
        # refused because of what the export is by now
        "EXPORT_NOT_FOUND": "see your exports: heimdex exports",
        "EXPORT_NOT_FAILED": "see what became of it: heimdex exports show ID",
        # failed while it was made
        "POISON": _NOT_CHARGED,
        "INTERNAL": _NOT_CHARGED,
        "EXPORT_TIMED_OUT": _NOT_CHARGED,
        "EXPORT_CHECK_FAILED": _NOT_CHARGED,
        "MEDIA_TIMEOUT": "try again: heimdex exports retry ID",
        "MEDIA_CHILD_KILLED": "try again: heimdex exports retry ID",
        "INVALID_MEDIA": _OF_THE_FILE,
        "DECODE_FAILED": _OF_THE_FILE,
    }
)
"""Reason -> what to do, where there is more to say than the message of the mesh does."""

_QUOTA = "EXPORT_QUOTA_EXCEEDED"
_MINUTE = 60


class ExportRefused(HeimdexApiError):
    """A refusal with what to do about it."""

    def __str__(self) -> str:
        if self.reason == _QUOTA and self.retry_after_seconds is not None:
            return f"{_used(self.metadata)}; next one in {countdown(self.retry_after_seconds)} [{self.reason}]"
        is_told = all(fault.description in self.message for fault in self.violations)
        return _with_advice(self.message, self.reason, self.metadata) if is_told else super().__str__()


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Say of a refusal what can be done about it.

    Raises:
        ExportRefused: the mesh refused.
    """
    try:
        yield
    except HeimdexApiError as error:
        raise ExportRefused(
            error.status,
            error.code,
            error.message,
            reason=error.reason,
            violations=error.violations,
            metadata=error.metadata,
            retry_after_seconds=error.retry_after_seconds,
        ) from error


def failure_of(export: Export) -> str:
    """Say in one sentence why an export has no file."""
    state = word(export.get("status"), "EXPORT_STATE_")
    if state == "failed":
        said = printable(export.get("error_message", "")) or "no reason was given"
        return f"the export failed: {_with_advice(said, export.get('error_reason', ''), {'id': export.get('id', '')})}"
    if state == "cancelled":
        return f"the export was cancelled; make it after all: heimdex exports retry {export.get('id', '')}"
    if state == "expired":
        return "the export has expired; ask for it again [EXPORT_EXPIRED]"
    way = f"wait for it: heimdex exports wait {export.get('id', '')} --to FILE"
    return f"the export is {state or 'in an unknown state'} and has no file yet; {way}"


def quota_line(quota: ExportQuota, *, now: datetime | None = None) -> str:
    """Say how many exports are left, and when the next one comes back."""
    limit, used, left = (quota.get(name, 0) for name in ("limit", "used", "remaining"))
    line = f"{left} of {limit} exports are left in these 24 hours"
    reset_at = parse_time(quota.get("reset_at"))
    if not used or reset_at is None:
        return line
    seconds = (reset_at - (now or datetime.now(UTC))).total_seconds()
    return f"{line}; one more in {countdown(seconds)} ({reset_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"


def countdown(seconds: float) -> str:
    """Return how long it is until then, never less than it is: `3 h 12 min`, `12 min`, `45 s`."""
    whole = max(0, math.ceil(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    hours, minutes = divmod(math.ceil(whole / _MINUTE), _MINUTE)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(part for part in parts if part)


def _used(metadata: Mapping[str, str]) -> str:
    used, limit = metadata.get("used"), metadata.get("limit")
    if used is None or limit is None:
        return "all exports of the last 24 hours are used"
    return f"{used} of {limit} exports of the last 24 hours are used"


def _with_advice(message: str, reason: str, facts: Mapping[str, str]) -> str:
    advice = ADVICE.get(reason, "")
    for place, fact in (("VIDEO", "video"), ("ID", "id")):
        if facts.get(fact):
            advice = advice.replace(f" {place}", f" {facts[fact]}")
    said = f"{message}; {advice}" if advice and advice not in message else message
    return f"{said} [{reason}]" if reason else said
