"""How the command speaks: results on stdout, everything else on stderr, times and sizes for people."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console

__all__ = [
    "clock",
    "console",
    "elapsed",
    "milliseconds",
    "parse_time",
    "print_json",
    "printable",
    "size",
    "stderr",
    "word",
]

_PIPE_WIDTH = 160
_KILO = 1000.0


def console() -> Console:
    """Return the console of stdout; into a pipe or file it is wide, so that nothing is broken or cut."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def stderr() -> Console:
    """Return the console of stderr."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else _PIPE_WIDTH, highlight=False)


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout, one document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def printable(text: str) -> str:
    """Return a text of somebody else's on one line, so that it does nothing to the terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in " ".join(text.split()))


def word(enum_name: Any, prefix: str) -> str:
    """Return `ready` for `VIDEO_STATE_READY` and prefix `VIDEO_STATE_`."""
    return str(enum_name or "").removeprefix(prefix).lower()


def clock(seconds: float) -> str:
    """Return `mm:ss`, or `h:mm:ss` from one hour on; parts of a second are cut."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes:02d}:{left:02d}"


def milliseconds(value: Any) -> str:
    """Return milliseconds for people; a number that was not measured is a dash."""
    if value is None:
        return "-"
    number = float(value)
    if number < _KILO:
        return f"{number:.0f} ms" if number >= 10 else f"{number:.1f} ms"  # noqa: PLR2004 - two digits are enough
    return f"{number / _KILO:.2f} s"


def size(number: float) -> str:
    """Return a number of bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < _KILO:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= _KILO
    return f"{number:.1f} TB"


def parse_time(text: str | None) -> datetime | None:
    """Read an RFC 3339 time; None for none or for something else."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def elapsed(step: Mapping[str, Any], *, now: datetime | None = None) -> float | None:
    """Return how long a step took or has been running, in milliseconds; None when it has not begun."""
    begin = parse_time(step.get("started_at"))
    if begin is None:
        return None
    end = parse_time(step.get("finished_at")) or now or datetime.now(UTC)
    return max(0.0, (end - begin).total_seconds() * _KILO)
