"""The font of captions, Source Sans Pro: how wide its words are, and where its files lie."""

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import font_source_sans_pro
from PIL import ImageFont

from chassis.core.writing import is_wide
from ingest_svc.domain.exports.captions.layout import Typeface
from ingest_svc.domain.exports.values import CaptionStyle

__all__ = ["FONTS_DIR", "caption_typeface"]

FONTS_DIR = Path(font_source_sans_pro.__path__[0]) / "files"
"""Folder of the font's files, for the renderer."""

_FACES = {
    CaptionStyle.BOLD: ("Source Sans Pro Black", "SourceSansPro-Black.otf"),
    CaptionStyle.BOX: ("Source Sans Pro Semibold", "SourceSansPro-Semibold.otf"),
    CaptionStyle.QUIET: ("Source Sans Pro Semibold", "SourceSansPro-Semibold.otf"),
}
_EM, _SMALL = 1000, 48
_WIDE_EM, _OTHER_EM = 1.05, 0.7
"""Cautious widths of letters that another font must draw."""
_UNASSIGNED = "\U0010fffe"
_WITHOUT_GLYPH = "\u200c\u200d\ufe0e\ufe0f"


@cache
def caption_typeface(style: CaptionStyle) -> Typeface:
    """Return the font of a style; the first call for a style reads a file of 0.3 MB."""
    family, name = _FACES.get(style, _FACES[CaptionStyle.QUIET])
    font = ImageFont.truetype(FONTS_DIR / name, _EM)
    # Without shaping: a mark on its own would be drawn on a dotted circle, whether the font has it or not.
    small = ImageFont.truetype(FONTS_DIR / name, _SMALL, layout_engine=ImageFont.Layout.BASIC)
    empty_box = bytes(small.getmask(_UNASSIGNED))

    @lru_cache(maxsize=4096)
    def knows(letter: str) -> bool:
        return letter in _WITHOUT_GLYPH or bytes(small.getmask(letter)) != empty_box

    @lru_cache(maxsize=65_536)
    def measure(text: str) -> float:
        known = "".join(letter for letter in text if knows(letter))
        return font.getlength(known) / _EM + sum(_guess(letter) for letter in text if not knows(letter))

    ascent, descent = font.getmetrics()
    return Typeface(family=family, line_em=(ascent + descent) / _EM, measure=measure, knows=knows)


def _guess(letter: str) -> float:
    if unicodedata.category(letter) in {"Mn", "Me"}:
        return 0.0
    return _WIDE_EM if is_wide(letter) else _OTHER_EM
