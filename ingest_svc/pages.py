"""Page tokens: opaque for users, checked here."""

import base64
import binascii
import json
from datetime import datetime

from chassis.core.errors import FieldViolation, InvalidInput

__all__ = ["check_page_size", "read_index_token", "read_video_token", "write_index_token", "write_video_token"]


def _bad_token() -> InvalidInput:
    violation = FieldViolation("page_token", "must be the next_page_token of the page before")
    return InvalidInput("the page token is not one of ours", reason="INVALID_PAGE_TOKEN", violations=(violation,))


def check_page_size(size: int, *, default: int, largest: int) -> int:
    """Return a page size: 0 means the default.

    Raises:
        InvalidInput: it is negative or too large.
    """
    if not 0 <= size <= largest:
        violation = FieldViolation("page_size", f"must be between 0 and {largest}")
        raise InvalidInput("the page size is out of range", violations=(violation,))
    return size or default


def _write(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _read(token: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad_token() from error


def write_video_token(created_at: datetime, video_id: str) -> str:
    """Return the token that goes on after a video."""
    return _write([created_at.isoformat(), video_id])


def read_video_token(token: str) -> tuple[datetime, str] | None:
    """Return where to go on; None for the first page.

    Raises:
        InvalidInput: it is not one of ours.
    """
    if not token:
        return None
    match _read(token):
        case [str(at), str(video_id)]:
            try:
                moment = datetime.fromisoformat(at)
            except ValueError as error:
                raise _bad_token() from error
            if moment.tzinfo is None:
                raise _bad_token()
            return moment, video_id
        case _:
            raise _bad_token()


def write_index_token(index: int) -> str:
    """Return the token that goes on at a position."""
    return _write(index)


def read_index_token(token: str) -> int:
    """Return the position to go on at; 0 for the first page.

    Raises:
        InvalidInput: it is not one of ours.
    """
    if not token:
        return 0
    index = _read(token)
    if not isinstance(index, int) or not 0 <= index < 1 << 31:
        raise _bad_token()
    return index
