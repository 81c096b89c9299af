"""Captions as files beside the clip."""

import re

import pytest

from ingest_svc.domain.cue_files import Cue, to_srt, to_vtt
from ingest_svc.domain.exports.captions.captions import cues, place_words
from tests.support.caption_lab import SECOND, passage, spoken
from tests.support.hostile_text import HOSTILE

TWO = (Cue(0, 1_500_000_000, ("Good <i>", "& so on")), Cue(3_599_999_600_000, 3_661_042_000_000, ("later",)))


def test_subrip_has_numbers_commas_and_both_lines():
    assert to_srt(TWO) == (
        "1\n00:00:00,000 --> 00:00:01,500\nGood <i>\n& so on\n\n2\n01:00:00,000 --> 01:01:01,042\nlater\n"
    )


def test_webvtt_has_points_and_escapes_its_marks():
    assert to_vtt(TWO) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGood &lt;i&gt;\n&amp; so on\n\n01:00:00.000 --> 01:01:01.042\nlater\n"
    )


def test_an_empty_line_inside_a_cue_does_not_end_it():
    assert to_srt([Cue(0, SECOND, ("one", " \n ", "two"))]).splitlines()[2:] == ["one", "two"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_no_text_ends_a_cue_or_begins_one(write, text):
    """R-OPS-09."""
    written = write([Cue(0, SECOND, (text, "second")), Cue(SECOND, 2 * SECOND, (text,))])

    assert written.encode()
    assert len([line for line in re.split(r"\r\n|\n|\r", written) if "-->" in line]) == 2
    assert written.count("-->") == 2
    assert "\n\n\n" not in written.replace("\n\n\n2\n", "") or not text.strip()
    assert "{\\" not in written or write is to_vtt


@pytest.mark.parametrize("text", HOSTILE)
def test_captions_of_any_text_never_have_an_empty_cue(text):
    made = cues([passage([*spoken("before"), *spoken(text, start=2), *spoken("after", start=60)])])
    placed = place_words([passage(spoken("x")).span], [spoken(text)])

    assert all(cue.lines and all(cue.lines) for cue in (*made, *cues(placed)))
