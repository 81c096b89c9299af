"""What we accept and why (R-ING-03): every refusal is a word for programs and a sentence for a person."""

from dataclasses import replace

import pytest

from chassis.core.errors import UnreadableMedia, UpstreamUnavailable
from ingest_svc.domain.media_failures import error_from_event, error_from_exit
from ingest_svc.domain.probe import (
    AcceptanceLimits,
    AudioTrack,
    MediaFacts,
    RefusalReason,
    VideoTrack,
    choose_audio,
    choose_video,
    explain_unopenable,
    judge,
)

VIDEO = VideoTrack(0, "h264", 640, 360, 640, 360, 0, 25.0, False, "yuv420p", 8, 1000, True)
AUDIO = AudioTrack(1, "aac", 2, 48000, "", 1000, True)
FACTS = MediaFacts(("mov", "mp4"), 1000, 10**10, 8000, VIDEO, AUDIO, (VIDEO,), (AUDIO,), 0)


def test_an_ordinary_video_is_accepted() -> None:
    assert judge(FACTS, AcceptanceLimits()) is None


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FACTS, formats=("concat",)), RefusalReason.UNSUPPORTED_CONTAINER),
        (replace(FACTS, video=None, audio=None, video_tracks=(), audio_tracks=()), RefusalReason.NO_STREAMS),
        (replace(FACTS, video=replace(VIDEO, codec="magicyuv")), RefusalReason.UNSUPPORTED_CODEC),
        (replace(FACTS, video=None, audio=None, video_tracks=()), RefusalReason.UNSUPPORTED_CODEC),
        (replace(FACTS, video=replace(VIDEO, coded_width=16384, coded_height=8640)), RefusalReason.TOO_MANY_PIXELS),
        (replace(FACTS, duration_ns=43_201 * 10**9), RefusalReason.TOO_LONG),
    ],
)
def test_each_refusal_has_its_reason_and_a_sentence(facts: MediaFacts, reason: RefusalReason) -> None:
    refusal = judge(facts, AcceptanceLimits())

    assert refusal is not None
    assert refusal.reason == reason
    assert refusal.message.endswith(".")


def test_a_video_whose_sound_we_can_not_decode_is_still_accepted() -> None:
    assert judge(replace(FACTS, audio=None), AcceptanceLimits()) is None


@pytest.mark.parametrize(
    ("head", "boxes", "size", "reason"),
    [
        (b"", [], 0, RefusalReason.EMPTY_FILE),
        (b"ffconcat version 1.0\nfile x.mp4", [], 31, RefusalReason.UNSUPPORTED_CONTAINER),
        (b"\xef\xbb\xbf#EXTM3U\n", [], 31, RefusalReason.UNSUPPORTED_CONTAINER),
        (b"\0\0\0\x20ftypisom", [b"ftyp", b"mdat"], 9000, RefusalReason.INDEX_MISSING),
        (b"\0\0\0\x20ftypisom", [b"ftyp", b"moov"], 9000, RefusalReason.INVALID_MEDIA),
        (b"Dear diary, today", [], 9000, RefusalReason.INVALID_MEDIA),
    ],
)
def test_a_file_nobody_opens_is_explained(head: bytes, boxes: list[bytes], size: int, reason: RefusalReason) -> None:
    assert explain_unopenable(head, boxes, size).reason == reason


def test_the_track_people_watch_is_the_decodable_one_with_most_pixels_among_the_defaults() -> None:
    large = replace(VIDEO, index=3, coded_width=1280, coded_height=720)
    aside = replace(VIDEO, index=4, coded_width=4000, coded_height=3000, is_default=False)
    strange = replace(VIDEO, index=5, coded_width=4000, coded_height=3000, codec="hap")

    assert choose_video([VIDEO, large, aside, strange]) == large
    assert choose_video([VIDEO, replace(VIDEO, index=1)]) == VIDEO
    assert choose_video([]) is None


def test_the_sound_to_transcribe_is_the_default_one_with_the_highest_rate_that_can_be_decoded() -> None:
    low = replace(AUDIO, index=2, sample_rate_hz=8000)
    strange = replace(AUDIO, index=3, sample_rate_hz=96000, codec="atrac3")

    assert choose_audio([low, AUDIO, strange]) == AUDIO
    assert choose_audio([strange]) is None


def test_a_kill_from_outside_is_tried_again_and_a_crash_is_not() -> None:
    killed = error_from_exit(-9, was_ready=True, memory_bytes=2**30)
    crashed = error_from_exit(-11, was_ready=True, memory_bytes=2**30)
    not_started = error_from_exit(1, was_ready=False, memory_bytes=2**30)
    out_of_time = error_from_exit(-24, was_ready=True, memory_bytes=2**30)

    assert (type(killed), killed.reason, killed.permanent) == (UpstreamUnavailable, "MEDIA_CHILD_KILLED", False)
    assert (type(crashed), crashed.reason, crashed.permanent) == (UnreadableMedia, "MEDIA_CHILD_KILLED", True)
    assert (type(not_started), not_started.reason) == (UpstreamUnavailable, "SANDBOX_FAILED")
    assert (type(out_of_time), out_of_time.reason) == (UnreadableMedia, "MEDIA_TIMEOUT")


def test_a_full_scratch_disk_is_not_the_fault_of_the_file() -> None:
    full = error_from_event({"event": "failed", "kind": "os", "errno": 28}, memory_bytes=1)

    assert (type(full), full.reason) == (UpstreamUnavailable, "SCRATCH_FULL")


def test_an_answer_with_an_unknown_reason_is_nonsense() -> None:
    answer = error_from_event({"event": "refused", "reason": "rm -rf", "message": "x"}, memory_bytes=1)

    assert (answer.reason, answer.metadata["cause"]) == ("MEDIA_CHILD_KILLED", "answer")
