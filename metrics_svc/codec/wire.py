"""What every decoder needs: times that a date can hold, fields that may be absent, bytes that may be no message."""

import re
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.core.errors import FieldViolation, InvalidInput
from chassis.core.stages import Outcome
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.events.samples import MAX_ID_CHARS

__all__ = ["moment", "optional", "parse", "question_of", "stamp_of"]

MessageT = TypeVar("MessageT", bound=Message)
_OUTCOME = re.compile(rf"unspecified|outcome_-?[0-9]{{1,10}}|{'|'.join(Outcome)}", re.ASCII)


def question_of(request: Any) -> Question:
    """Read a request that has `range`, `start_at`, `end_at` and `owner_id`, and perhaps `bucket`, `model`, `outcome`.

    Raises:
        InvalidInput: a time is given that no date can hold, or a filter that nothing can have.
    """
    moments: dict[str, Any] = {field: moment(request, field) for field in ("start_at", "end_at")}
    wrong = [
        FieldViolation(field, "is no time between the years 1 and 9999")
        for field, moment in moments.items()
        if moment is None and request.HasField(field)
    ]
    filters: dict[str, Any] = {field: getattr(request, field, "") for field in ("owner_id", "model", "outcome")}
    wrong += [
        FieldViolation(field, f"must have at most {MAX_ID_CHARS} characters and no NUL")
        for field, text in filters.items()
        if len(text) > MAX_ID_CHARS or "\x00" in text
    ]
    if filters["outcome"] and not _OUTCOME.fullmatch(filters["outcome"]):
        wrong.append(FieldViolation("outcome", f"must be one of {', '.join(Outcome)}, or outcome_9 for one not known"))
    if wrong:
        raise InvalidInput("the question can not be read", reason="INVALID_QUESTION", violations=tuple(wrong))
    return Question(range_text=request.range, bucket=getattr(request, "bucket", ""), **filters, **moments)


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
