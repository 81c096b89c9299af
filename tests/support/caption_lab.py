"""Captions for tests: words at a steady pace, a typeface without a font, scripts read back, frames drawn by libass.

spoken(text)            words of a text, as a recogniser would place them
PLAIN                   a typeface whose letters are all half an em wide
read_script(script)     the events of an ASS script, parsed without the code that wrote it
draw(script, size, at)  one picture of a script on black, uint8[height, width]
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from chassis.core.mediatime import TimeSpan
from ingest_svc.adapters.caption_font import FONTS_DIR
from ingest_svc.domain.exports.captions.captions import Passage
from ingest_svc.domain.exports.captions.layout import Typeface
from ingest_svc.domain.exports.values import Size, SpokenWord

__all__ = ["PLAIN", "SECOND", "Event", "draw", "passage", "read_script", "spoken"]

SECOND = 1_000_000_000
PLAIN = Typeface(family="Plain", line_em=1.25, measure=lambda text: len(text) / 2, knows=lambda _letter: True)


def spoken(text: str, *, start: float = 0.0, pace: float = 0.35, pause: float = 0.0) -> list[SpokenWord]:
    """Return the words of a text, one every `pace` seconds, with a pause after every sentence."""
    words, at = [], start
    for word in text.split(" "):
        words.append(SpokenWord(word, round(at * SECOND), round((at + pace * 0.9) * SECOND)))
        at += pace + (pause if word.endswith((".", "?", "!")) else 0.0)
    return words


def passage(words: list[SpokenWord], *, seconds: float | None = None) -> Passage:
    """Return a cut that holds words, and a second more unless told."""
    end = words[-1].end_ns + SECOND if seconds is None else round(seconds * SECOND)
    return Passage(TimeSpan(0, end), tuple(words))


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a script as a renderer reads it: what is between braces, and what is drawn."""

    layer: int
    start: float
    end: float
    style: str
    overrides: tuple[str, ...]
    text: str

    @property
    def is_drawing(self) -> bool:
        return any(re.search(r"\\p[1-9]", block) for block in self.overrides)


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _unescaped(text: str) -> tuple[tuple[str, ...], str]:
    """Return override blocks and drawn text, by the rules of libass: `\\{` and `\\}` are braces, `{...}` is a block."""
    blocks, drawn, at = [], "", 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in {"{", "}"}:
            drawn, at = drawn + text[at + 1], at + 2
        elif text[at] == "\\" and text[at + 1 : at + 2] in {"N", "n", "h"}:
            drawn, at = drawn + "<" + text[at + 1] + ">", at + 2
        elif text[at] == "{" and "}" in text[at:]:
            end = text.index("}", at)
            blocks.append(text[at + 1 : end])
            at = end + 1
        else:
            drawn, at = drawn + text[at], at + 1
    return tuple(blocks), drawn


def read_script(script: str) -> list[Event]:
    """Return the events of a script; anything that is not one of its known lines fails."""
    head, _, body = script.partition("[Events]\n")
    assert re.fullmatch(
        r"\[Script Info\]\n(\w[\w ]*: \w[^\n]*\n)+\n\[V4\+ Styles\]\n(Format|Style): [^\[\]]+\n\n", head
    )
    lines = body.split("\n")
    assert lines[0].startswith("Format: Layer, Start, End, Style, Name,")
    assert lines[-1] == ""
    events = []
    for line in lines[1:-1]:
        kind, _, rest = line.partition(": ")
        assert kind == "Dialogue"
        fields = rest.split(",", 9)
        blocks, text = _unescaped(fields[9])
        events.append(Event(int(fields[0]), _seconds(fields[1]), _seconds(fields[2]), fields[3], blocks, text))
    return events


def draw(script: str, size: Size, at: float, folder: Path) -> npt.NDArray[np.uint8]:
    """Return one picture of a script on black, as libass draws it."""
    path = folder / "script.ass"
    path.write_text(script, encoding="utf-8")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-f", "lavfi"]
    command += ["-i", f"color=black:s={size.width}x{size.height}:r=25:d=0.1", "-vf"]
    command += [f"setpts=PTS+{at}/TB,subtitles=filename={path}:fontsdir={FONTS_DIR},format=gray"]
    command += ["-frames:v", "1", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=50)
    return np.frombuffer(done.stdout, np.uint8).reshape(size.height, size.width)
