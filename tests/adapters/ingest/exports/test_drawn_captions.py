"""Captions as libass really draws them: where the layout says, and text as nothing but text."""

import re

import numpy as np
import pytest

from ingest_svc.adapters.caption_font import caption_typeface
from ingest_svc.domain.exports.captions.ass_script import escape
from ingest_svc.domain.exports.captions.captions import burn
from ingest_svc.domain.exports.captions.safe_area import safe_area
from ingest_svc.domain.exports.captions.text import shown
from ingest_svc.domain.exports.values import CaptionStyle, Size
from tests.support.caption_lab import draw, passage, read_script, spoken
from tests.support.hostile_text import HOSTILE

STYLES = (CaptionStyle.BOLD, CaptionStyle.BOX, CaptionStyle.QUIET)
SMALL = Size(360, 640)
RENDERED = (
    r"{\an8\p1}m 0 0 l 900 0 900 900 0 900",
    r"{\p1}m 0 0 l 100 0 100 100{\p0}",
    r"\{\an8\}a\Nb",
    "a\n[Events]\nDialogue: 0,0:00:00.00,9:00:00.00,Words,,0,0,0,,{\\p1}m 0 0 l 900 0 900 900",
    "%{pts} ':,;[]=\\",
)


def burned(text, style, size=SMALL):
    return burn([passage(spoken(text))], style=style, size=size, typeface=caption_typeface(style))


def ink(picture, above=24):
    """Left, top, right and bottom of all that is not black."""
    rows, columns = np.nonzero(picture > above)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def edges(box, size):
    left, top, width, height = box
    return left * size.width, top * size.height, (left + width) * size.width, (top + height) * size.height


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [SMALL, Size(640, 360)])
def test_what_is_drawn_lies_where_the_layout_says(style, size, tmp_path):
    """R-EXP-05: the boxes of a caption are those of its ink, within two pixels at the sides."""
    made = burned("And so my fellow AVATARS, Wolfgang", style, size)
    found = ink(draw(made.script, size, 0.2, tmp_path), above=8)
    left, top, right, bottom = edges(made.boxes[0], size)

    assert found[0] == pytest.approx(left, abs=2)
    assert found[2] == pytest.approx(right, abs=2)
    assert top - 1 <= found[1] < found[3] <= bottom + 1
    assert safe_area(size).holds(made.boxes[0])


@pytest.mark.parametrize("style", STYLES)
def test_the_word_being_said_looks_different(style, tmp_path):
    made = burned("one two three", style)
    first, second = (draw(made.script, SMALL, at, tmp_path).astype(int) for at in (0.1, 0.5))

    assert np.abs(first - second).max() > 40


def test_the_box_of_the_word_being_said_holds_the_word(tmp_path):
    """Blue is darker than white letters and lighter than the panel: its columns are those of the word."""
    size = Size(540, 960)
    made = burned("Wolfgang AVATAR", CaptionStyle.BOX, size)
    boxes = [draw(made.script, size, at, tmp_path) for at in (0.1, 0.5)]
    changed = np.abs(boxes[0].astype(int) - boxes[1]) > 40
    columns = np.flatnonzero(changed.any(axis=0))
    gap = np.flatnonzero(np.diff(columns) > 1)

    assert len(gap) <= 1
    assert columns[0] > edges(made.boxes[0], size)[0]
    assert columns[-1] < edges(made.boxes[0], size)[2]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("style", STYLES)
def test_no_text_becomes_an_instruction(style, text):
    """R-OPS-09: read back, a script has our overrides alone, and of what was said every letter as text."""
    made = burned(text, style)
    events = read_script(made.script) if made else []
    ours = r"\\an[57]\\pos\([\d.]+,[\d.]+\)(\\fs[\d.]+)?(\\1c&H\w{6}&\\1a&H\w\w&\\bord0\\p1)?|\\1c&H\w{6}&"

    assert all(_matches(ours, block) for event in events for block in event.overrides)
    assert all(_matches(r"m [\d lb-]+", event.text) for event in events if event.is_drawing)
    assert not any(marker in event.text for event in events for marker in ("<N>", "<n>", "<h>") if marker not in text)
    said = {letter for event in events if not event.is_drawing for letter in event.text}
    assert said <= set(shown(text)) | set(" \u2060\u2026")


def _matches(pattern, text):
    return re.fullmatch(pattern, text) is not None


@pytest.mark.parametrize("text", RENDERED)
def test_hostile_text_is_drawn_as_text(text, tmp_path):
    """R-OPS-09: a drawing draws nothing and the letters are there, where the layout put them, and nowhere else."""
    made = burned(text, CaptionStyle.QUIET)
    found = ink(draw(made.script, SMALL, 0.1, tmp_path))
    left, top, right, bottom = edges(made.boxes[0], SMALL)

    assert left - 2 <= found[0] < found[2] <= right + 2
    assert found[2] - found[0] == pytest.approx(right - left, abs=6)
    assert top - 1 <= found[1] < found[3] <= bottom + 1


@pytest.mark.parametrize("text", ["a\\b{c}d", "a\\\\b", "{c}d", "a}\\{b"])
def test_braces_and_backslashes_look_like_themselves(text, tmp_path):
    """What takes their special meaning away has no width: an empty box would be more than half an em wide."""
    size = Size(720, 1280)
    made = burned(text, CaptionStyle.BOLD, size)
    left, _, right, _ = ink(draw(made.script, size, 0.1, tmp_path), above=8)
    em = 0.08 * size.width

    assert right - left == pytest.approx((caption_typeface(CaptionStyle.BOLD).measure(text) + 0.15) * em, abs=0.2 * em)


def test_an_unescaped_drawing_would_be_seen(tmp_path):
    """The tests above can fail: the same text without its escapes fills the frame."""
    made = burned(RENDERED[1], CaptionStyle.QUIET)
    armed = made.script.replace(escape(r"{\p1}m"), r"{\p1}m")
    quiet, loud = (ink(draw(script, SMALL, 0.1, tmp_path)) for script in (made.script, armed))

    assert armed != made.script
    assert loud != quiet


@pytest.mark.parametrize("style", STYLES)
def test_the_font_knows_its_letters_and_says_which_it_lacks(style):
    face = caption_typeface(style)

    assert all(map(face.knows, "aZ\u00e9\u0142\u0416\u03a9 .,!?\u2026\u201c\u201d"))
    assert not any(map(face.knows, "\u65e5\u0639\u0338\U0001f642"))
    assert face.measure("mm") > face.measure("ii")
    assert face.measure("\u65e5\u65e5") == pytest.approx(2.1)
    assert face.measure("o\u0338") == face.measure("o")
    assert face.line_em == pytest.approx(1.257)
