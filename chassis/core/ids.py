"""Ids are computed, not drawn: writing twice is writing once.

An id is a prefix and 26 lower-case base-32 characters (130 bits of a SHA-256), so it fits a URL, a file name, a
subject token and a filter expression without quoting.
"""

import base64
import hashlib
import re

__all__ = ["ID_PATTERN", "check_id", "derived_id", "owner_key", "scene_id", "video_id"]

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID_CHARACTERS = 26


def derived_id(prefix: str, *parts: str) -> str:
    """Return the id of what `parts` determine; parts are length-prefixed, so no two lists collide by joining."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return f"{prefix}_{base64.b32encode(digest.digest()).decode().lower()[:_ID_CHARACTERS]}"


def owner_key(owner_id: str) -> str:
    """Return an owner's id in the shape of an id, since identity providers name users as they like."""
    return derived_id("u", owner_id)


def video_id(owner_id: str, content_sha256: str) -> str:
    """Return the id of a video: the same bytes of the same owner are the same video."""
    return derived_id("v", owner_id, content_sha256)


def scene_id(video: str, pipeline_version: str, start_ns: int) -> str:
    """Return the id of a scene from its video, the pipeline version and its first instant."""
    return derived_id("s", video, pipeline_version, str(start_ns))


def check_id(value: str) -> bool:
    """Tell whether a string has the shape of an id: 1 to 64 of letters, digits, `_` and `-`."""
    return ID_PATTERN.fullmatch(value) is not None
