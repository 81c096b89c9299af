"""One id follows a request of a user through gRPC, NATS and every log line."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from chassis.io import logs

__all__ = ["METADATA_KEY", "bound_to", "current", "new_id"]

METADATA_KEY = "heimdex-correlation-id"
_ACCEPTED = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_current: ContextVar[str] = ContextVar("heimdex_correlation_id", default="")


def new_id() -> str:
    """Draw a fresh id: 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def current() -> str:
    """Return the id of the present block; empty outside any."""
    return _current.get()


@contextmanager
def bound_to(value: str | None) -> Iterator[str]:
    """Bind an id that came from outside, or a fresh one when it is missing or odd, to the block."""
    accepted = value if value and _ACCEPTED.fullmatch(value) else new_id()
    token = _current.set(accepted)
    try:
        with logs.bind(correlation_id=accepted):
            yield accepted
    finally:
        with suppress(ValueError):  # closed in another context: see logs.bind
            _current.reset(token)
