"""What a webhook looks like on the wire, and when to try again. After Standard Webhooks 1.0.

webhook-id          identity of the notification, the same in every attempt
webhook-timestamp   seconds since 1970 of this attempt
webhook-signature   `v1,` and the base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`; one per secret, by spaces
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from chassis.core.backoff import delay_seconds
from chassis.core.errors import InvalidInput

__all__ = [
    "HEADER_ID",
    "HEADER_KEY",
    "HEADER_SIGNATURE",
    "HEADER_TIMESTAMP",
    "LEASE",
    "MAX_ATTEMPTS",
    "MAX_ERROR_CHARS",
    "Delivery",
    "Receiver",
    "Reply",
    "headers_of",
    "next_attempt",
    "read_receivers",
    "read_secrets",
]

HEADER_ID = "webhook-id"
HEADER_TIMESTAMP = "webhook-timestamp"
HEADER_SIGNATURE = "webhook-signature"
HEADER_KEY = "idempotency-key"
"""Says the same as HEADER_ID, for receivers that look for it there."""
MAX_ATTEMPTS = 20
"""Attempts before a notification is given up; with the back-off, after about three hours."""
LEASE = timedelta(seconds=30)
"""How long an attempt is whose worker does not come back; it is made again then."""
MAX_ERROR_CHARS = 200
_FIRST_SECONDS, _LONGEST_SECONDS = 5.0, 900.0
_SECRET_PREFIX = "whsec_"  # noqa: S105  # what goes before a secret, not one
_DIGEST_CHARS = 8
_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told. `name` may be shown: the host and a digest of the address; the address itself may hold a secret."""

    name: str
    url: str

    def __repr__(self) -> str:
        return f"Receiver({self.name!r})"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an attempt: a status, or an error without one. `text` is a cut of the answer of a failure."""

    status: int | None
    text: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and self.status in _GOOD

    @property
    def error(self) -> str:
        """What went wrong, cut; empty when nothing did."""
        return "" if self.is_good else self.text[:MAX_ERROR_CHARS] or f"HTTP {self.status}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification to make an attempt at; `attempt` counts this one, from 1."""

    delivery_id: str
    receiver: str
    body: bytes
    attempt: int


def read_receivers(text: str) -> tuple[Receiver, ...]:
    """Read addresses separated by commas; each counts once.

    Raises:
        InvalidInput: one is no http or https address.
    """
    addresses = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    return tuple(Receiver(_name_of(number, url), url) for number, url in enumerate(addresses, 1))


def read_secrets(text: str) -> tuple[bytes, ...]:
    """Read secrets separated by commas: `whsec_` and base64, or plain text. Several serve to go from one to the next.

    Raises:
        InvalidInput: what follows `whsec_` is no base64.
    """
    return tuple(_secret(part.strip()) for part in text.split(",") if part.strip())


def headers_of(delivery_id: str, body: bytes, secrets: Sequence[bytes], now: datetime) -> dict[str, str]:
    """Return the headers of an attempt; without a secret it is not signed."""
    seconds = str(int(now.timestamp()))
    headers = {
        "content-type": "application/json",
        HEADER_ID: delivery_id,
        HEADER_KEY: delivery_id,
        HEADER_TIMESTAMP: seconds,
    }
    signed = b".".join((delivery_id.encode(), seconds.encode(), body))
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    return headers | ({HEADER_SIGNATURE: " ".join(f"v1,{one}" for one in signatures)} if signatures else {})


def next_attempt(attempt: int, now: datetime, spread: float) -> datetime | None:
    """Return when to try again after an attempt that failed; None when it is given up. `spread` is 0 to 1."""
    if attempt >= MAX_ATTEMPTS:
        return None
    wait = delay_seconds(attempt, first_seconds=_FIRST_SECONDS, longest_seconds=_LONGEST_SECONDS, spread=spread)
    return now + timedelta(seconds=wait)


def _name_of(number: int, url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or not url.isprintable() or " " in url:
        raise InvalidInput(
            f"HEIMDEX_ALERT_WEBHOOK_URL: address {number} is no address of http or https", reason="INVALID_SETTINGS"
        )
    place = host if port is None else f"{host}:{port}"
    return f"{place}#{hashlib.sha256(url.encode()).hexdigest()[:_DIGEST_CHARS]}"


def _secret(text: str) -> bytes:
    if not text.startswith(_SECRET_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise InvalidInput(
            "HEIMDEX_ALERT_WEBHOOK_SECRET: what follows whsec_ must be base64", reason="INVALID_SETTINGS"
        ) from error
