"""Proposals for real clips, from the words and cuts that are known of them."""

import json
from itertools import pairwise

import pytest

from chassis.core.mediatime import TimeSpan, ns_from_seconds
from ingest_svc.domain.exports.proposing.moments import Material, Shot, sentences_of
from ingest_svc.domain.exports.proposing.proposals import Wish, propose
from ingest_svc.domain.exports.values import SpokenWord
from tests.support.caption_lab import SECOND
from tests.support.shared import MEDIA, needs_shared

pytestmark = needs_shared


def proposed(name):
    truth = json.loads((MEDIA / "ground_truth.json").read_text())["files"][name]
    length = truth.get("duration") or {"derived/speech_reel.mp4": 30.0, "derived/long_talk_75s.mp4": 75.0}[name]
    edges = [0.0, *truth["cuts"], length]
    shots = [
        Shot(f"s{n}", TimeSpan(ns_from_seconds(a), ns_from_seconds(b))) for n, (a, b) in enumerate(pairwise(edges))
    ]
    words = [word for line in truth["speech"] for word in _words(**line)]
    material = Material(
        length_ns=ns_from_seconds(length), shots=tuple(shots), sentences=sentences_of(words) if words else None
    )
    return propose(material, Wish(15 * SECOND, 60 * SECOND, 5))


def _words(start, end, text):
    """The words of a line at a steady pace; the voice starts a little after the clip was laid."""
    parts, first, last = text.split(), start + 0.3, end - 0.3
    each = (last - first) / len(parts)
    for n, part in enumerate(parts):
        yield SpokenWord(part, ns_from_seconds(first + n * each), ns_from_seconds(first + (n + 0.95) * each))


def test_of_a_long_talk_the_sentences_that_follow_each_other_come_first():
    found, notes = proposed("derived/long_talk_75s.mp4")
    best = found[0]

    assert notes == ()
    assert best.text.startswith("And so my fellow Americans,")
    assert best.text.endswith("in his power to do for them.")
    assert 1.5 * SECOND < best.span.start_ns < 2.4 * SECOND
    assert 22.8 * SECOND < best.span.end_ns < 24.1 * SECOND
    assert {str(reason.kind) for reason in best.reasons} >= {"SPEECH_DENSITY", "WHOLE_SENTENCES"}


def test_a_sentence_that_is_said_twice_is_proposed_once():
    texts = [one.text for one in proposed("derived/long_talk_75s.mp4")[0]]

    assert sum("ask what you can do for your country." in text for text in texts) == 1


def test_of_a_reel_the_stretch_ends_with_the_sentence_and_not_with_its_comma():
    (best, *_), _ = proposed("derived/speech_reel.mp4")

    assert best.text.endswith("rather selfish is to be ill-disposed.")
    assert best.span.end_ns < 25.4 * SECOND


@pytest.mark.parametrize("name", ["derived/objects_reel_noaudio.mp4", "derived/faces_reel.mp4"])
def test_short_clips_without_words_are_proposed_as_a_whole(name):
    (best,), (note,) = proposed(name)

    assert best.span.start_ns == 0
    assert "VIDEO_SHORTER_THAN_ASKED" in note
