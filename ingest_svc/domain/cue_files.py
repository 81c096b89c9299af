"""Texts with times as files that players read: SubRip and WebVTT."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Cue", "one_line", "to_srt", "to_vtt"]

_NS_PER_MS = 1_000_000
_VTT_MARKS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_UNENCODABLE = dict.fromkeys((*range(32), 127, *range(0x80, 0xA0)), " ") | dict.fromkeys(
    range(0xD800, 0xE000), "\ufffd"
)
_OVERRIDE = ("{\\", "{\u2060\\")
_ARROW = re.compile("-+->")


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown from one instant to another."""

    start_ns: int
    end_ns: int
    lines: tuple[str, ...]


def to_srt(cues: Iterable[Cue]) -> str:
    """Return SubRip text: as many cues as were given.

    SubRip has no way to escape; only what some players take for a drawing instruction is broken up.
    """
    written = (
        f"{number}\n{_clock(cue.start_ns, ',')} --> {_clock(cue.end_ns, ',')}\n{_text(cue).replace(*_OVERRIDE)}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join(written)


def to_vtt(cues: Iterable[Cue]) -> str:
    """Return WebVTT text: as many cues as were given."""
    written = (
        f"\n{_clock(cue.start_ns, '.')} --> {_clock(cue.end_ns, '.')}\n{_text(cue).translate(_VTT_MARKS)}\n"
        for cue in cues
    )
    return "WEBVTT\n" + "".join(written)


def one_line(text: str) -> str:
    """Return text as one line that can not end a cue or begin a new one, and that can be encoded."""
    return _ARROW.sub("->", " ".join(text.translate(_UNENCODABLE).split()))


def _text(cue: Cue) -> str:
    return "\n".join(line for line in map(one_line, cue.lines) if line)


def _clock(nanoseconds: int, mark: str) -> str:
    milliseconds = max(0, (nanoseconds + _NS_PER_MS // 2) // _NS_PER_MS)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
