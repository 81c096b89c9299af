"""Real clips with known cuts and words through the whole mesh, over HTTP alone."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from tests.support.clips import Clips, Processed
from tests.support.shared import MEDIA, needs_shared

pytestmark = [needs_shared, pytest.mark.timeout(180)]

SPEECH_REEL, LONG_TALK = "derived/speech_reel.mp4", "derived/long_talk_75s.mp4"
OBJECTS_REEL = "derived/objects_reel_noaudio.mp4"
JFK_LAID_AT_S = 1.0
# Starts in jfk.flac (SOURCE.md of whisper-fixture) of words that no pause precedes or follows.
JFK_WORDS = {"Americans,": (1.60, 1.96), "not": (3.84, 4.88)}


def truth(name: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((MEDIA / "ground_truth.json").read_text(encoding="utf-8"))["files"][name]
    return known


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


@pytest.mark.parametrize("name", [SPEECH_REEL, OBJECTS_REEL, LONG_TALK])
def test_scenes_are_exactly_the_known_shots(clips: Clips, name: str) -> None:
    """R-ING-05: as many scenes as shots, each boundary within two frames; they cover the video without gap."""
    known, done = truth(name), clips(name)
    frames_2_s = 2 / done.video["media_info"]["fps"]
    starts = [scene["start_s"] for scene in done.scenes]
    ends = [scene["end_s"] for scene in done.scenes]

    assert done.video["scene_count"] == len(done.scenes) == len(known["shots"])
    assert starts == pytest.approx([0.0, *known["cuts"]], abs=frames_2_s)
    assert ends == pytest.approx([*known["cuts"], known["duration"]], abs=frames_2_s)
    assert starts[1:] == ends[:-1]
    assert [scene["index"] for scene in done.scenes] == list(range(len(done.scenes)))


def test_cuts_of_an_unmade_clip_are_those_of_pyscenedetect(clips: Clips) -> None:
    """R-ING-05: five hard cuts in street scenes, each within two frames."""
    done = clips("video/bikes.mp4")
    cuts = truth("video/bikes.mp4")["cuts_content_detector"]
    assert [scene["start_s"] for scene in done.scenes] == pytest.approx([0.0, *cuts], abs=2 / 25)


def test_a_famous_sentence_is_found_first_where_it_is_said(clips: Clips) -> None:
    """Issue 2: "ask not ..." is said across the cut at 6 s, most of it behind: that scene comes first."""
    done = clips(SPEECH_REEL)
    results = done.library.search("ask not what your country can do for you")

    assert (results[0]["scene"]["start_s"], results[0]["scene"]["end_s"]) == pytest.approx((6.0, 11.0), abs=0.08)
    assert "SIGNAL_SPEECH" in {match["signal"] for match in results[0]["matches"]}
    assert results[0]["score"] > results[1]["score"]


def test_words_have_the_times_at_which_they_are_said(clips: Clips) -> None:
    """R-ING-06: known words of jfk.flac within 0.5 s; segments in order, inside the video, not empty."""
    done = clips(SPEECH_REEL)
    segments = done.transcript()["segments"]
    words = segments[0]["words"]
    for text, (start_s, end_s) in JFK_WORDS.items():
        word = next(word for word in words if word["text"] == text)
        assert word["start_s"] == pytest.approx(JFK_LAID_AT_S + start_s, abs=0.5), text
        assert word["end_s"] == pytest.approx(JFK_LAID_AT_S + end_s, abs=0.5), text
    assert words[-1]["start_s"] == pytest.approx(JFK_LAID_AT_S + 10.1, abs=0.5)
    for segment, spoken in zip(segments, truth(SPEECH_REEL)["speech"], strict=True):
        assert segment["start_s"] == pytest.approx(spoken["start"], abs=0.5)
        assert plain(segment["text"]) == plain(spoken["text"])
    assert all(segment["start_s"] < segment["end_s"] <= done.video["duration_s"] for segment in segments)
    assert all(before["end_s"] <= after["start_s"] for before, after in pairwise(segments))


@pytest.mark.parametrize("name", [SPEECH_REEL, LONG_TALK])
def test_words_of_scenes_lie_in_them_and_together_are_the_transcript(clips: Clips, name: str) -> None:
    """R-ING-09: a word belongs to the scene in which it starts; none is lost, none is told twice."""
    done = clips(name)
    segments = done.transcript()["segments"]

    for scene in done.scenes:
        assert all(scene["start_s"] <= word["start_s"] < scene["end_s"] for word in scene["words"])
        assert scene["transcript_segment"] == " ".join(word["text"] for word in scene["words"])
    told = " ".join(scene["transcript_segment"] for scene in done.scenes if scene["transcript_segment"])
    assert told == " ".join(segment["text"] for segment in segments)
    assert plain(told) == plain(" ".join(spoken["text"] for spoken in truth(name)["speech"]))


@pytest.mark.parametrize("q", ["macaw", "parrot", "espresso", "chickadee", "hot dog"])
def test_an_object_is_found_in_the_scene_that_shows_it(clips: Clips, q: str) -> None:
    """Issue 2: pictures without any sound; R-ING-07: each scene has a tag, R-SRC-02: all can be found."""
    shots = {"macaw": 2, "parrot": 2, "espresso": 1, "chickadee": 4, "hot dog": 3}
    done = clips(OBJECTS_REEL)
    assert done.top(q)["index"] == shots[q]
    assert all(scene["tags"] and not scene["transcript_segment"] for scene in done.scenes)


def test_all_seven_sentences_of_a_long_talk_are_found_where_they_are_said(clips: Clips) -> None:
    """Issue 2: first in their scene, the one said twice on the two top places."""
    done, known = clips(LONG_TALK), truth(LONG_TALK)
    starts = [0.0, *known["cuts"]]
    said: dict[str, set[int]] = {}
    for spoken in known["speech"]:
        index = max(number for number, start in enumerate(starts) if start <= spoken["start"])
        said.setdefault(spoken["text"], set()).add(index)

    assert sum(len(scenes) for scenes in said.values()) == 7
    for text, scenes in said.items():
        found = [result["scene"]["index"] for result in done.library.search(text)]
        assert set(found[: len(scenes)]) == scenes, text


def test_captions_of_a_film_agree_with_what_was_heard(clips: Clips) -> None:
    """Issue 2: friday.mp4 completes; its own caption file is the witness."""
    done = clips("video/friday.mp4")
    captions = (MEDIA / "video/friday.vtt").read_text(encoding="utf-8")
    heard = set(plain(done.transcript()["segments"][0]["text"]))
    assert done.video["state"] == "VIDEO_STATE_READY"
    assert len(heard & set(plain(captions))) >= 5
    assert done.top("Hildy, how are you")["video_id"] == done.id


def _facts(done: Processed, *names: str) -> tuple[Any, ...]:
    return tuple(done.video["media_info"][name] for name in names)


def test_two_pictures_and_two_sounds_in_one_file_complete(clips: Clips) -> None:
    """R-ING-03: nasa_13013.mp4; the better picture stream is taken, one sound track is transcribed."""
    done = clips("video/nasa_13013.mp4")
    assert done.video["state"] == "VIDEO_STATE_READY"
    assert _facts(done, "video_stream_count", "width", "height") == (2, 480, 270)
    assert [track["is_transcribed"] for track in done.video["media_info"]["audio_tracks"]].count(True) == 1
    assert done.scenes[-1]["end_s"] == pytest.approx(13.05, abs=0.1)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("video/av1_video.mkv", {"video_codec": "av1", "width": 640, "fps": 25.0}),
        ("video/h265_10bits.mp4", {"video_codec": "hevc", "bit_depth": 10, "pixel_format": "yuv420p10le"}),
        ("video/cockatoo.mp4", {"pixel_format": "yuv444p", "audio_codec": "mp3", "fps": 20.0}),
        ("video/video-1080p-60fps-2s.mp4", {"width": 1920, "height": 1080, "fps": 60.0}),
        ("video/fire2.mp4", {"is_variable_frame_rate": True}),
        ("derived/vfr_dropped.mp4", {"is_variable_frame_rate": True}),
        ("derived/rotated90_metadata.mp4", {}),
    ],
)
def test_an_unusual_but_readable_file_becomes_ready(clips: Clips, name: str, facts: dict[str, Any]) -> None:
    """Issue 2, bad input: AV1, 10 bit, 4:4:4, 60 fps, variable frame rate, rotation; each has scenes and thumbnails."""
    done = clips(name)
    assert done.video["state"] == "VIDEO_STATE_READY", done.video.get("error")
    assert {key: done.video["media_info"][key] for key in facts} == facts
    assert done.scenes[0]["start_s"] == 0.0
    assert done.scenes[-1]["end_s"] == pytest.approx(done.video["duration_s"], abs=0.1)
    assert all(scene["thumbnail_url"] for scene in done.scenes)


def test_rotation_is_undone_in_what_people_see(clips: Clips) -> None:
    """R-ING-03: a quarter turn in the display matrix is told, and the thumbnail stands upright."""
    done = clips("derived/rotated90_metadata.mp4")
    width, height, turn = _facts(done, "width", "height", "rotation_degrees")
    assert turn % 180 == 90
    assert width < height


def test_silence_is_no_speech(clips: Clips) -> None:
    """R-ING-04: digital silence, and an animal: ready, without one invented word."""
    for name in ("derived/silent_audio.mov", "video/cockatoo.mp4"):
        done = clips(name)
        assert done.video["state"] == "VIDEO_STATE_READY"
        assert not done.transcript().get("segments")
        assert all(not scene["transcript_segment"] and not scene["words"] for scene in done.scenes)


def test_sound_without_pictures_is_one_scene_of_words(clips: Clips) -> None:
    """Issue 2, bad input: audio only; what is said in it is found."""
    done = clips("derived/audio_only.m4a")
    assert done.video["state"] == "VIDEO_STATE_READY"
    assert len(done.scenes) == 1
    assert done.top("he was not an ill-disposed young man")["video_id"] == done.id
