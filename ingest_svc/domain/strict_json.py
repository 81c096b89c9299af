"""Reads the JSON of a child that has touched a stranger's file: every field has a type and a range.

Everything here raises ValueError when a value is not what it has to be.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "MAX_NS",
    "checked_text",
    "checked_whole",
    "flag",
    "items",
    "mapping",
    "number",
    "own_file",
    "text",
    "whole",
]

MAX_NS = 10**9 * 3600 * 24 * 365
"""No instant of any media lies later: a year."""

_MAX_TEXT = 200
_MAX_COUNT = 10**12


def own_file(path: Path) -> Path:
    """Return a path if a plain file is really there."""
    if path.is_symlink() or not path.is_file():
        raise ValueError(f"{path.name} was announced and is not there")
    return path


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise ValueError("an object was expected")  # noqa: TRY004  (a stranger's words, not our types)
    return value


def items(fields: Mapping[str, Any], key: str, most: int) -> list[Any]:
    """Return a list of at most so many entries."""
    value = fields.get(key)
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"{key} is not a list of at most {most}")
    return value


def whole(fields: Mapping[str, Any], key: str, *, low: int = 0, high: int = _MAX_COUNT) -> int:
    """Return a whole number within its range."""
    return checked_whole(fields.get(key), low, high)


def checked_whole(value: object, low: int, high: int) -> int:
    """Return a value if it is a whole number within its range."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"a whole number in [{low}, {high}] was expected")
    return value


def number(fields: Mapping[str, Any], key: str, *, low: float = 0.0, high: float) -> float:
    """Return a number in [low, high]; NaN is none."""
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{key} is not a number in [{low}, {high}]")
    return float(value)


def flag(fields: Mapping[str, Any], key: str) -> bool:
    """Return true or false."""
    value = fields.get(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key} is not true or false")  # noqa: TRY004
    return value


def text(fields: Mapping[str, Any], key: str) -> str:
    """Return a short text."""
    return checked_text(fields.get(key))


def checked_text(value: object) -> str:
    """Return a value if it is a short text."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise ValueError("a short text was expected")
    return value
