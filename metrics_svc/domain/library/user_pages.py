"""Pages of users: which one is asked for, and the token of the next."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.core.errors import FieldViolation, InvalidInput
from metrics_svc.domain.library.library import User, UserSort

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_PAGE_SIZE", "PageAsked", "Place", "UserPage", "ask_page", "page_of"]

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 200
_DIGEST_CHARS = 16
_MAX_RANK = 1 << 96
_MAX_PAGE = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after this user, in the order of falling ranks and then of ids."""

    rank: int
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAsked:
    """A page that was asked for: by a token (`after`) or by its number (`skip`); a token belongs to a `question`."""

    sort: UserSort
    number: int
    size: int
    skip: int
    after: Place | None
    question: str


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users, how many there are in all, and the token of those after them; empty on the last page."""

    users: tuple[User, ...]
    number: int
    size: int
    total: int
    next_token: str


def ask_page(*, sort: str, page: int, page_size: int, token: str, question: str) -> PageAsked:
    """Read which page is asked for; 0 means the first, and the usual size. A token wins over a number.

    Raises:
        InvalidInput: with a violation per field that is wrong.
    """
    wrong = []
    if sort not in ("", *UserSort):
        wrong.append(FieldViolation("sort", f"must be one of {', '.join(UserSort)}"))
    if page < 0:
        wrong.append(FieldViolation("page", "must be 1 or more"))
    if not 0 <= page_size <= MAX_PAGE_SIZE:
        wrong.append(FieldViolation("page_size", f"must be 1 to {MAX_PAGE_SIZE}; 0 means {DEFAULT_PAGE_SIZE}"))
    if wrong:
        raise InvalidInput("there is no such page", reason="INVALID_PAGE", violations=tuple(wrong))
    order = UserSort(sort or UserSort.LAST_ACTIVITY)
    asked = f"{order}/{question}"
    number, after = _read(token, asked) if token else (page or 1, None)
    size = page_size or DEFAULT_PAGE_SIZE
    skip = 0 if token else (number - 1) * size
    return PageAsked(sort=order, number=number, size=size, skip=skip, after=after, question=asked)


def page_of(users: Sequence[User], asked: PageAsked, *, total: int) -> UserPage:
    """Return the page; `users` are those from its beginning on, one more than fit if there are more."""
    shown = tuple(users[: asked.size])
    token = ""
    if len(users) > asked.size:
        token = _write(min(asked.number + 1, _MAX_PAGE), Place(shown[-1].rank, shown[-1].user_id), asked.question)
    return UserPage(shown, asked.number, asked.size, total, token)


def _write(number: int, place: Place, question: str) -> str:
    values = [number, place.rank, place.user_id]
    return base64.urlsafe_b64encode(json.dumps([_digest(question, values), *values]).encode()).decode().rstrip("=")


def _read(token: str, question: str) -> tuple[int, Place]:
    try:
        decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        digest, number, rank, user_id = json.loads(decoded)
        is_ours = digest == _digest(question, [number, rank, user_id])
    except (ValueError, TypeError, RecursionError) as error:
        raise _refusal() from error
    if not is_ours or type(number) is not int or type(rank) is not int or not isinstance(user_id, str):
        raise _refusal()
    if not (0 < number <= _MAX_PAGE and abs(rank) <= _MAX_RANK and "\x00" not in user_id):
        raise _refusal()
    return number, Place(rank, user_id)


def _digest(question: str, values: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps([question, *values]).encode()).hexdigest()[:_DIGEST_CHARS]


def _refusal() -> InvalidInput:
    text = "must be the next_page_token of the page before, asked with the same sort, owner_id and window"
    return InvalidInput(
        "the page token is not one of ours for this question",
        reason="INVALID_PAGE_TOKEN",
        violations=(FieldViolation("page_token", text),),
    )
