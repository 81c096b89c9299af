"""Shorts that the mesh proposes for real clips, over HTTP alone."""

import time
from typing import Any

import pytest

from tests.support.clips import Clips, Processed
from tests.support.shared import needs_shared

pytestmark = [needs_shared, pytest.mark.timeout(180)]

SEARCHED_WITHIN_SECONDS = 20.0


def proposals(done: Processed, **asked: float) -> dict[str, Any]:
    return done.library.json("POST", f"/v1/videos/{done.id}:proposeShorts", json=asked)


def kinds(proposal: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reason["kind"]: reason for reason in proposal["reasons"]}


def test_a_talk_is_proposed_in_whole_sentences_and_what_was_searched_for_counts(clips: Clips) -> None:
    """Issue 4: metrics_svc tells ingest_svc, as a service, what this user searched for."""
    done = clips("derived/long_talk_75s.mp4")
    done.library.search("Wizard  curtain")
    deadline = time.monotonic() + SEARCHED_WITHIN_SECONDS
    while "SEARCHED_FOR" not in kinds(best := proposals(done)["proposals"][0]) and time.monotonic() < deadline:
        time.sleep(0.2)

    assert best["text"].startswith("And so my fellow Americans,")
    assert best["text"].endswith("behind the curtain on the left.")
    assert 15 <= best["end_s"] - best["start_s"] <= 60
    assert "\u201cwizard curtain\u201d" in kinds(best)["SEARCHED_FOR"]["message"]
    assert {"SPEECH_DENSITY", "WHOLE_SENTENCES"} <= set(kinds(best))
    assert set(best["scene_ids"]) <= {scene["id"] for scene in done.scenes}


def test_a_clip_without_words_is_proposed_by_its_cuts_and_says_what_is_missing(clips: Clips) -> None:
    answer = proposals(clips("derived/objects_reel_noaudio.mp4"), min_duration_s=5.0, max_duration_s=9.0)
    edges = [0.0, 2.0, 3.6, 6.0, 8.0, 9.2, 12.0]

    assert any(line.startswith("no words: ") for line in answer["missing"])
    for one in answer["proposals"]:
        assert min(abs(one["start_s"] - edge) for edge in edges) < 0.1
        assert min(abs(one["end_s"] - edge) for edge in edges) < 0.1
        assert "CUTS" in kinds(one)
