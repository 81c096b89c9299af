"""Files that are not what they seem: each ends with a reason or with what could be read, and holds nobody up."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import Clips, reason_of
from tests.support.mesh import Library
from tests.support.shared import MEDIA, needs_shared

pytestmark = pytest.mark.timeout(180)

BROKEN = MEDIA / "broken"
WITHIN_SECONDS = 20.0


def refused(library: Library, source: Path | bytes, *, filename: str = "clip.mp4") -> dict[str, Any]:
    """Upload what can not be read; return the video after checking all that any refusal must look like."""
    began = time.monotonic()
    video = library.wait_terminal(library.upload(source, filename=filename)["id"])
    assert time.monotonic() - began < WITHIN_SECONDS
    steps = {step["stage"]: step for step in video["steps"]}

    assert video["state"] == "VIDEO_STATE_FAILED"
    assert (video["stage"], video["processing_stage"]) == ("STAGE_METADATA", "metadata")
    assert video["error"]["code"] == 3, "INVALID_ARGUMENT: sending it again is no use"
    assert steps["STAGE_DOWNLOADING"]["state"] == "STEP_STATE_DONE"
    assert steps["STAGE_METADATA"]["state"] == "STEP_STATE_FAILED"
    assert steps["STAGE_METADATA"]["reason"] == reason_of(video)
    assert steps["STAGE_METADATA"]["attempts"] == 1, "a permanent error is not retried"
    later = set(steps) - {"STAGE_DOWNLOADING", "STAGE_METADATA"}
    assert len(later) == 5
    assert {steps[stage]["state"] for stage in later} == {"STEP_STATE_PENDING"}
    assert all(video[key] for key in ("queued_at", "processing_started_at", "processing_finished_at"))
    assert "indexed_at" not in video
    assert library.scenes(video["id"]) == []
    return video


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EMPTY_FILE"),
        (b"This is a shopping list, not a film.\n" * 40, "INVALID_MEDIA"),
        (bytes(range(256)) * 400, "INVALID_MEDIA"),
        (
            b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + b"\x00\x10\x00\x00mdat" + b"\xab" * 4096,
            "INDEX_MISSING",
        ),
    ],
    ids=["empty", "text", "noise", "no index"],
)
def test_an_unreadable_file_fails_with_a_reason_within_seconds(library: Library, content: bytes, reason: str) -> None:
    """R-ING-03, R-ING-15, R-STG-03: failed in stage metadata, earlier steps done, all three times set, one attempt."""
    assert reason_of(refused(library, content)) == reason


@needs_shared
@pytest.mark.parametrize(
    ("name", "reason"),
    [("empty.mp4", "EMPTY_FILE"), ("text_named.mp4", "INVALID_MEDIA"), ("missing_moov.mp4", "INDEX_MISSING")],
)
def test_a_really_broken_file_fails_with_its_reason(library: Library, name: str, reason: str) -> None:
    """Issue 2, bad input."""
    assert reason_of(refused(library, BROKEN / name, filename=name)) == reason


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile '{victim}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{victim}\n#EXT-X-ENDLIST\n",
    ],
    ids=["ffconcat", "m3u8"],
)
def test_a_playlist_named_mp4_does_not_play_what_it_points_to(library: Library, tiny: Path, playlist: str) -> None:
    """Architecture 6: the file beside it on the disk stays unread."""
    video = refused(library, playlist.format(victim=tiny).encode())
    assert reason_of(video) in {"UNSUPPORTED_CONTAINER", "INVALID_MEDIA"}
    assert "duration_s" not in video


@needs_shared
def test_truncated_media_is_completed_as_far_as_it_goes(clips: Clips) -> None:
    """Issue 2, bad input: the header promises 5 s, the data ends early; no more is claimed than is there."""
    done = clips("broken/truncated_mdat.mp4")
    assert done.video["state"] == "VIDEO_STATE_READY"
    assert 0.5 < done.video["duration_s"] < 5.0
    assert done.scenes[-1]["end_s"] == pytest.approx(done.video["duration_s"], abs=0.1)


@needs_shared
def test_damaged_pictures_do_not_cost_the_words(clips: Clips) -> None:
    """Issue 2, bad input: 400 damaged bytes make false cuts; the true ones are still there, and so is all speech."""
    done = clips("broken/bitflips_mdat.mp4")
    assert done.video["state"] == "VIDEO_STATE_READY"
    starts = [scene["start_s"] for scene in done.scenes]
    for cut in (6.0, 11.0, 18.0, 24.0):
        assert min(abs(start - cut) for start in starts) < 0.5, cut
    assert "country" in done.top("ask what you can do for your country")["transcript_segment"]


def test_bad_files_do_not_hold_up_the_next_video(library: Library, tiny: Path) -> None:
    """Issue 2, bad input: ten unreadable files are waiting when a good one comes."""
    bad = [library.upload(f"no video {number}".encode())["id"] for number in range(10)]
    good = library.process(tiny)
    assert good["scene_count"] == 2
    assert {library.wait_terminal(video)["state"] for video in bad} == {"VIDEO_STATE_FAILED"}
