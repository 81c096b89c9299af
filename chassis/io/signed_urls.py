"""Paths to media that carry their own permission: HMAC-SHA256 over method, key and expiry."""

import hashlib
import hmac
import time
from urllib.parse import quote

from chassis.core.errors import PermissionDenied

__all__ = ["LINK_SECONDS", "link_end", "sign_path", "verify_signature"]

LINK_SECONDS = 3_600
_ROUND_SECONDS = 300


def _signature(secret: str, key: str, expires_at: int) -> str:
    return hmac.new(secret.encode(), f"GET\n{key}\n{expires_at}".encode(), hashlib.sha256).hexdigest()


def link_end(now_seconds: float, until_seconds: float | None = None) -> int:
    """Return when a link that is given now ends, in Unix seconds: in about an hour, at `until_seconds` at the latest.

    The end is rounded, so the same link is given for some minutes and a browser can keep what it fetched.
    """
    end = (int(now_seconds) // _ROUND_SECONDS + 1) * _ROUND_SECONDS + LINK_SECONDS
    return end if until_seconds is None else min(end, int(until_seconds))


def sign_path(secret: str, key: str, *, now_seconds: float | None = None, until_seconds: float | None = None) -> str:
    """Return `/media/{key}?exp=..&sig=..`, good until `link_end`; empty for an empty key."""
    if not key:
        return ""
    expires_at = link_end(time.time() if now_seconds is None else now_seconds, until_seconds)
    return f"/media/{quote(key)}?exp={expires_at}&sig={_signature(secret, key, expires_at)}"


def verify_signature(
    secret: str, key: str, expires_at: str, signature: str, *, now_seconds: float | None = None
) -> None:
    """Check a link.

    Raises:
        PermissionDenied: it is not ours, was changed, or has expired.
    """
    now = time.time() if now_seconds is None else now_seconds
    if not expires_at.isascii() or not expires_at.isdigit() or len(expires_at) > 12:  # noqa: PLR2004  # seconds until the year 33658
        raise PermissionDenied("the link is not valid", reason="LINK_INVALID")
    if not hmac.compare_digest(_signature(secret, key, int(expires_at)).encode(), signature.encode()):
        raise PermissionDenied("the link is not valid", reason="LINK_INVALID")
    if now >= int(expires_at):
        raise PermissionDenied("the link has expired; ask for the object again to get a new one", reason="LINK_EXPIRED")
