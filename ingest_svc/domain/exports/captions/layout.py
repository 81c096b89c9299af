"""Where captions stand in a frame, and how large: in pixels, from sizes that are parts of the frame."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chassis.core.mediatime import TimeSpan
from chassis.core.writing import join_words
from ingest_svc.domain.exports.captions.grouping import GroupedLines
from ingest_svc.domain.exports.captions.safe_area import safe_area
from ingest_svc.domain.exports.captions.text import is_right_to_left
from ingest_svc.domain.exports.values import CaptionStyle, Size, SpokenWord

__all__ = ["SMALLEST_SCALE", "Caption", "Look", "PlacedLine", "Typeface", "caption_box", "look_of", "placed_lines"]

SMALLEST_SCALE = 0.6
"""A word that is wider than a line is drawn smaller, down to this; a still longer one is broken."""

Box = tuple[float, float, float, float]
_FROM_EDGE = 0.02
_WIDEST_EM = 20.0
_SOFT_EDGE_PX = 1.0


@dataclass(frozen=True, slots=True)
class Typeface:
    """A font as far as a layout must know it.

    `family` is its name for the renderer. `measure` gives the width of a text in ems, `line_em` is ascent plus descent
    in ems, `knows` tells whether it has a letter; the width of a text with unknown letters is a cautious guess.
    """

    family: str
    line_em: float
    measure: Callable[[str], float]
    knows: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Caption:
    """Words that are shown together; times are those of the clip."""

    span: TimeSpan
    lines: GroupedLines


@dataclass(frozen=True, slots=True)
class _Style:
    """Lengths in ems: size of the letters as a part of that of BOLD, border, room around a box, distance of lines."""

    size: float
    border: float
    pad_x: float
    pad_y: float
    leading: float


_STYLES: Mapping[CaptionStyle, _Style] = MappingProxyType(
    {
        CaptionStyle.BOLD: _Style(size=1.0, border=0.075, pad_x=0.0, pad_y=0.0, leading=1.1),
        CaptionStyle.BOX: _Style(size=0.82, border=0.0, pad_x=0.36, pad_y=0.06, leading=1.24),
        CaptionStyle.QUIET: _Style(size=0.72, border=0.065, pad_x=0.0, pad_y=0.0, leading=1.2),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A style in a frame. Lengths with `_px` are pixels, `widest_em` is the widest line in ems of the letters."""

    style: CaptionStyle
    size: Size
    typeface: Typeface
    em_px: float
    border_px: float
    pad_x_px: float
    pad_y_px: float
    leading_px: float
    widest_em: float
    centre_px: float
    bottom_px: float


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line of a caption: where its middle stands, how wide it is, and whether the places of its words are known."""

    words: tuple[SpokenWord, ...]
    centre_y_px: float
    width_px: float
    is_exact: bool


def look_of(style: CaptionStyle, size: Size, typeface: Typeface) -> Look:
    """Return how a style looks in a frame: centred in it, above the lower edge of the safe area.

    Letters of BOLD are 8 % of the width of 9:16 high, 7 % of that of squarer frames, 6 % of the height of 16:9.
    """
    chosen, safe = _STYLES[style], safe_area(size)
    short = min(size.width, size.height)
    shape = size.width / size.height
    em = short * chosen.size * (0.08 if shape < 2 / 3 else 0.07 if shape <= 1 else 0.06)
    aside = (chosen.border + chosen.pad_x) * em + _SOFT_EDGE_PX
    half = min(0.5 - safe.left, safe.right - 0.5) * size.width - aside
    return Look(
        style=style,
        size=size,
        typeface=typeface,
        em_px=em,
        border_px=chosen.border * em,
        pad_x_px=chosen.pad_x * em,
        pad_y_px=chosen.pad_y * em,
        leading_px=chosen.leading * em,
        widest_em=min(2 * half / em, _WIDEST_EM),
        centre_px=size.width / 2,
        bottom_px=(safe.bottom - _FROM_EDGE) * size.height,
    )


def scale_of(caption: Caption, look: Look) -> float:
    """Return how much smaller a caption is drawn so that its widest line fits, at most 1."""
    widest = max(look.typeface.measure(line_text(line)) for line in caption.lines)
    return min(1.0, look.widest_em / widest) if widest else 1.0


def line_text(words: tuple[SpokenWord, ...]) -> str:
    """Return the text of a line."""
    return join_words(word.text for word in words)


def placed_lines(caption: Caption, look: Look) -> Iterator[PlacedLine]:
    """Yield the lines of a caption from the upper to the lower one; the lower one always stands at the same height."""
    scale = scale_of(caption, look)
    last_y = look.bottom_px - look.border_px - look.pad_y_px - look.typeface.line_em * look.em_px / 2
    for place, words in enumerate(caption.lines, 1):
        text = line_text(words)
        is_exact = not is_right_to_left(text) and all(map(look.typeface.knows, text))
        width = look.typeface.measure(text) * look.em_px * scale
        yield PlacedLine(words, last_y - (len(caption.lines) - place) * look.leading_px, width, is_exact)


def panel(caption: Caption, look: Look) -> Box:
    """Return left, top, width and height in pixels of all that a caption covers, borders and paddings included."""
    lines = list(placed_lines(caption, look))
    aside, above = look.border_px + look.pad_x_px, look.border_px + look.pad_y_px
    width = max(line.width_px for line in lines) + 2 * aside
    tall = lines[-1].centre_y_px - lines[0].centre_y_px + look.typeface.line_em * look.em_px + 2 * above
    return look.centre_px - width / 2, look.bottom_px - tall, width, tall


def caption_box(caption: Caption, look: Look) -> Box:
    """Return left, top, width and height of all that a caption covers, as parts of the frame."""
    left, top, width, height = panel(caption, look)
    return left / look.size.width, top / look.size.height, width / look.size.width, height / look.size.height
