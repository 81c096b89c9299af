"""Pages of a bill. The first page pins what the others rest on: a walk of pages is one answer, though time goes on."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.core.errors import FieldViolation, InvalidInput
from metrics_svc.domain.answers.windows import MAX_DAYS, Window
from metrics_svc.domain.cost.cost import Bill, Grouping, Line

__all__ = [
    "DEFAULT_PAGE_SIZE",
    "MAX_PAGE_SIZE",
    "PAGED",
    "Page",
    "Pin",
    "Place",
    "page_of",
    "page_size_of",
    "read_token",
]

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 100, 1_000
PAGED = frozenset({Grouping.VIDEO, Grouping.OWNER})
"""Groupings of which there may be many rows."""
_DIGEST_CHARS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400_000_000
_MAX_INTEGER = 1 << 80


@dataclass(frozen=True, slots=True)
class Pin:
    """What all pages of one answer share: the window, the time up to which storage is counted, the card."""

    window: Window
    until: datetime
    card_version: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after this row, in the order of falling totals."""

    pin: Pin
    total: int
    key: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a bill, and the token of those after them; empty on the last page."""

    lines: tuple[Line, ...]
    next_token: str


def page_size_of(asked: int) -> int:
    """Return how many rows a page has.

    Raises:
        InvalidInput: it is not 0 to MAX_PAGE_SIZE.
    """
    if not 0 <= asked <= MAX_PAGE_SIZE:
        raise _refusal("page_size", f"must be 1 to {MAX_PAGE_SIZE}; 0 means {DEFAULT_PAGE_SIZE}")
    return asked or DEFAULT_PAGE_SIZE


def page_of(bill: Bill, *, place: Place | None, size: int, pin: Pin, question: str) -> Page:
    """Return the page after `place`, the first when None; `question` is what the token belongs to."""
    lines: Sequence[Line] = bill.lines
    if place is not None:
        lines = [line for line in lines if (-line.total, line.key) > (-place.total, place.key)]
    if len(lines) <= size:
        return Page(tuple(lines), "")
    last = lines[size - 1]
    return Page(tuple(lines[:size]), _token(Place(pin, last.total, last.key), question))


def read_token(token: str, question: str) -> Place | None:
    """Return where the page begins; None for the first.

    Raises:
        InvalidInput: the token is not one of ours for this question.
    """
    if not token:
        return None
    try:
        digest, *numbers, key = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        _check(digest == _digest(question) and isinstance(key, str) and all(type(one) is int for one in numbers))
        start, end, until, version, total = numbers
        _check(end - start <= MAX_DAYS * _DAY_US and abs(total) <= _MAX_INTEGER and 0 <= version < 1 << 31)
        return Place(Pin(Window(_time(start), _time(end)), _time(until), version), total, key)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _refusal("page_token", "does not belong to this question") from error


def _token(place: Place, question: str) -> str:
    window = place.pin.window
    times = [(moment - _EPOCH) // _MICROSECOND for moment in (window.start, window.end, place.pin.until)]
    values = [_digest(question), *times, place.pin.card_version, place.total, place.key]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _check(is_right: bool) -> None:  # noqa: FBT001  # the one thing it is told
    if not is_right:
        raise ValueError


def _digest(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:_DIGEST_CHARS]


def _time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _refusal(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field}: {text}", reason="INVALID_PAGE", violations=(FieldViolation(field, text),))
