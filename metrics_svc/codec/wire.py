"""What every decoder needs: times that a date can hold, fields that may be absent, bytes that may be no message."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.core.errors import FieldViolation, InvalidInput
from metrics_svc.domain.question import Question

__all__ = ["moment", "optional", "parse", "question_of", "stamp_of"]

MessageT = TypeVar("MessageT", bound=Message)


def question_of(request: Any) -> Question:
    """Read a request that has `range`, `start_at`, `end_at` and `owner_id`.

    Raises:
        InvalidInput: a time is given that no date can hold.
    """
    moments = {field: moment(request, field) for field in ("start_at", "end_at")}
    wrong = tuple(
        FieldViolation(field, "is no time between the years 1 and 9999")
        for field, moment in moments.items()
        if moment is None and request.HasField(field)
    )
    if wrong:
        raise InvalidInput("the window can not be read", reason="INVALID_RANGE", violations=wrong)
    return Question(range_text=request.range, owner_id=request.owner_id, **moments)


def moment(message: Any, field: str) -> datetime | None:
    """Return a time, aware and in UTC; None when it is absent or no date can hold it."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def parse(kind: type[MessageT], payload: bytes) -> MessageT:
    """Read a message.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return kind.FromString(payload)
    except DecodeError as error:
        raise InvalidInput("the event can not be read", reason="UNDECODABLE_EVENT") from error


def optional(message: Message, field: str) -> Any:
    """Return a field; None when it is absent."""
    return getattr(message, field) if message.HasField(field) else None


def stamp_of(at: datetime | None) -> Timestamp | None:
    """Return a timestamp message; None stays None."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
