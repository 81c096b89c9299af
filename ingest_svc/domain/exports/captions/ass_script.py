"""Captions as an ASS script for libass, in which what is said can only ever be text.

Every position, colour and drawing is written by this module. Of what was said, the three letters that mean something to
the renderer are disarmed: a word joiner, which has no width, parts a backslash from what follows it, and braces are
escaped. `shown` has taken out line ends and control characters before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from chassis.core.mediatime import TimeSpan
from chassis.core.writing import join_words
from ingest_svc.domain.exports.captions.layout import (
    Caption,
    Look,
    PlacedLine,
    line_text,
    panel,
    placed_lines,
    scale_of,
)
from ingest_svc.domain.exports.captions.text import shown
from ingest_svc.domain.exports.values import CaptionStyle, SpokenWord

__all__ = ["escape", "write_script"]

_NS_PER_CS = 10_000_000
_WHITE, _INK = "&HFFFFFF&", "&H141414&"
_ACCENTS: Mapping[CaptionStyle, str] = MappingProxyType(
    {CaptionStyle.BOLD: "&H00D4FF&", CaptionStyle.BOX: "&HEB6325&", CaptionStyle.QUIET: _WHITE}
)
"""Blue, green, red: amber letters, a blue box."""
_DIM = "&HB8B8B8&"
_PANEL_ALPHA = "&H50&"
_ROUND = 0.5523
"""How far the handles of a Bezier curve lie from its ends when it is a quarter of a circle, in radii."""
_HEADER = """[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
WrapStyle: 2
ScaledBorderAndShadow: yes
Kerning: yes
YCbCr Matrix: None

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Words,{family},{font:.2f},&H00FFFFFF,&H00FFFFFF,&H00141414,&H00141414,0,0,0,0,100,100,0,0,1,{border:.2f},\
0,5,0,0,0,1
Style: Shape,{family},{font:.2f},&H00141414,&H00141414,&H00141414,&H00141414,0,0,0,0,100,100,0,0,1,0,0,7,0,0,0,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True, slots=True)
class _Event:
    layer: int
    span: TimeSpan
    style: str
    text: str


def escape(text: str) -> str:
    """Return text in which nothing is an instruction to the renderer."""
    return shown(text).replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")


def write_script(captions: Sequence[Caption], look: Look) -> str:
    """Return the whole script: one event per line and word that is being said. Times have hundredths of a second."""
    header = _HEADER.format(
        width=look.size.width,
        height=look.size.height,
        family=look.typeface.family,
        font=look.em_px * look.typeface.line_em,
        border=look.border_px,
    )
    events = (event for caption in captions for event in _events(caption, look))
    return header + "".join(_line(event) for event in events if _clock(event.span.start_ns) < _clock(event.span.end_ns))


def _events(caption: Caption, look: Look) -> Iterator[_Event]:
    said = _active(caption)
    if look.style is CaptionStyle.BOX:
        yield _Event(0, caption.span, "Shape", _rounded(panel(caption, look), 0.22 * look.em_px, _INK, _PANEL_ALPHA))
    scale = scale_of(caption, look)
    size = "" if scale == 1 else f"\\fs{scale * look.em_px * look.typeface.line_em:.2f}"
    for line in placed_lines(caption, look):
        place = f"{{\\an5\\pos({look.centre_px:.2f},{line.centre_y_px:.2f}){size}}}"
        if look.style is CaptionStyle.BOX and line.is_exact:
            yield _Event(2, caption.span, "Words", place + escape(line_text(line.words)))
            for word, span in said:
                if any(word is one for one in line.words):
                    box = _word_box(line, word, look, scale)
                    yield _Event(1, span, "Shape", _rounded(box, 0.16 * look.em_px, _ACCENTS[look.style], "&H00&"))
        else:
            yield from _coloured(line, said, place, look.style)


def _active(caption: Caption) -> list[tuple[SpokenWord, TimeSpan]]:
    """Return when each word of a caption is the one being said: until the next begins; together the whole caption."""
    words = [word for line in caption.lines for word in line]
    edges = [caption.span.start_ns]
    for word in words[1:]:
        edges.append(min(max(word.start_ns, edges[-1]), caption.span.end_ns))
    return [(word, TimeSpan(*edge)) for word, edge in zip(words, pairwise((*edges, caption.span.end_ns)), strict=True)]


def _coloured(
    line: PlacedLine, said: Sequence[tuple[SpokenWord, TimeSpan]], place: str, style: CaptionStyle
) -> Iterator[_Event]:
    """Yield a line once per word that is being said; neighbours that look the same become one."""
    accent = "&HFFB060&" if style is CaptionStyle.BOX else _ACCENTS[style]
    pending: _Event | None = None
    are_said: set[int] = set()
    for word, span in said:
        are_said.add(id(word))
        if style is CaptionStyle.QUIET:
            colours = [_WHITE if id(one) in are_said else _DIM for one in line.words]
        else:
            colours = [accent if one is word else _WHITE for one in line.words]
        text = place + _painted(line.words, colours)
        if pending and pending.text == text:
            pending = _Event(2, TimeSpan(pending.span.start_ns, span.end_ns), "Words", text)
            continue
        if pending:
            yield pending
        pending = _Event(2, span, "Words", text)
    if pending:
        yield pending


def _painted(words: Sequence[SpokenWord], colours: Sequence[str]) -> str:
    text, before, colour = "", "", _WHITE
    for word, wanted in zip(words, colours, strict=True):
        gap = join_words((before[-1:], word.text[:1]))[len(before[-1:]) : -1]
        text += gap + (f"{{\\1c{wanted}}}" if wanted != colour else "") + escape(word.text)
        before, colour = word.text, wanted
    return text


def _word_box(line: PlacedLine, word: SpokenWord, look: Look, scale: float) -> tuple[float, float, float, float]:
    """Return the box of a word in pixels: as high as the letters are, with a little room."""
    em = look.em_px * scale
    place = next(at for at, one in enumerate(line.words) if one is word)
    until = look.typeface.measure(line_text(line.words[: place + 1])) * em
    width = look.typeface.measure(word.text) * em
    left = look.centre_px - line.width_px / 2 + until - width
    return left - 0.12 * em, line.centre_y_px - 0.52 * em, width + 0.24 * em, 1.08 * em


def _rounded(box: tuple[float, float, float, float], radius: float, colour: str, alpha: str) -> str:
    """Return the drawing of a box with round corners."""
    left, top, width, height = (round(number) for number in box)
    r = min(round(radius), width // 2, height // 2)
    k = round(r * (1 - _ROUND))
    right, low = width, height
    path = (
        f"m {r} 0 l {right - r} 0 b {right - k} 0 {right} {k} {right} {r} "
        f"l {right} {low - r} b {right} {low - k} {right - k} {low} {right - r} {low} "
        f"l {r} {low} b {k} {low} 0 {low - k} 0 {low - r} l 0 {r} b 0 {k} {k} 0 {r} 0"
    )
    return f"{{\\an7\\pos({left},{top})\\1c{colour}\\1a{alpha}\\bord0\\p1}}{path}"


def _line(event: _Event) -> str:
    start, end = _clock(event.span.start_ns), _clock(event.span.end_ns)
    return f"Dialogue: {event.layer},{start},{end},{event.style},,0,0,0,,{event.text}\n"


def _clock(nanoseconds: int) -> str:
    centiseconds = (nanoseconds + _NS_PER_CS // 2) // _NS_PER_CS
    minutes, rest = divmod(centiseconds, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
