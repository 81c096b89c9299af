"""kill -9 of any process, at the worst moment: the video becomes what it would have become anyway, once."""

import signal

import pytest

from tests.support.clips import DEMO_CLIP
from tests.support.fault_mesh import held_up, watch
from tests.support.shared import MEDIA, needs_shared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SPEECH = MEDIA / "derived" / "speech_reel.mp4"


def numbers(attempts):
    """Return how many attempts each stage took."""
    return {stage: len(tries) for stage, tries in attempts.items()}


ONCE = dict.fromkeys(
    ("downloading", "metadata", "scene_detection", "transcription", "scene_processing", "indexing", "finalizing"), 1
)


@needs_shared
def test_video_is_ready_once_when_inference_is_killed_while_it_transcribes(frail, mine, undisturbed):
    """R-RET-06: the carrier hands the work out again; the kill costs a delivery, not an attempt."""
    undisturbed.run(frail, SPEECH)
    video = watch(mine, SPEECH)
    video.until("transcription", "running")
    frail.kill("inference_svc")
    assert video.step("transcription")["state"] == "running", "the kill came too late to mean anything"

    undisturbed.judge(video, SPEECH)
    assert numbers(video.attempts()) == ONCE
    assert video.attempts()["transcription"][0]["deliveries"] == 2


def test_video_is_ready_once_when_ingest_is_killed_between_commit_and_publish(frail, mine, undisturbed):
    """The outbox is the truth: what was committed is sent by whoever lives next."""
    undisturbed.run(frail, DEMO_CLIP)
    with held_up(frail, "nats"):
        video = watch(mine, DEMO_CLIP)
        (waiting,) = frail.rows("SELECT published_at FROM ingest.outbox WHERE msg_id LIKE $1", f"work/{video.id}/%")
        frail.kill("ingest_svc")
    assert waiting["published_at"] is None

    undisturbed.judge(video, DEMO_CLIP)
    assert numbers(video.attempts()) == ONCE


def test_video_is_ready_once_when_ingest_is_killed_while_it_cuts_scenes(frail, mine, undisturbed):
    """R-RET-06: decoding in a child process does not outlive its parent, and starts again."""
    undisturbed.run(frail, DEMO_CLIP)
    video = watch(mine, DEMO_CLIP)
    video.until("scene_detection", "running")
    frail.kill("ingest_svc")

    undisturbed.judge(video, DEMO_CLIP)
    assert numbers(video.attempts()) == ONCE
    assert list((frail.data_dir / "scratch").iterdir()) == [], "the killed process left the video on the disk"


def test_video_is_ready_once_when_nats_is_killed_midway(frail, mine, undisturbed):
    """The carrier comes back with what it had confirmed; publishers repeat what it had not."""
    undisturbed.run(frail, DEMO_CLIP)
    video = watch(mine, DEMO_CLIP)
    video.until("scene_processing", "running")
    frail.kill("nats")

    undisturbed.judge(video, DEMO_CLIP)
    assert numbers(video.attempts()) == ONCE


def test_video_is_ready_once_when_postgres_is_killed_midway(frail, mine, undisturbed):
    """K8: what was committed is there after recovery; what was not comes again from the carrier."""
    undisturbed.run(frail, DEMO_CLIP)
    video = watch(mine, DEMO_CLIP)
    video.until("scene_processing", "running")
    frail.kill("postgres")
    frail.wait_ready("postgres")

    undisturbed.judge(video, DEMO_CLIP)
    assert numbers(video.attempts()) == ONCE


def test_video_is_searchable_once_when_index_is_killed_with_the_work_in_its_hands_and_after_ready(
    frail, mine, undisturbed
):
    """R-ING-14: `ready` means searchable, also after index_svc died before, and right after."""
    undisturbed.run(frail, DEMO_CLIP)
    with held_up(frail, "index_svc") as pid:
        video = watch(mine, DEMO_CLIP)
        video.until("indexing", "queued")
        assert frail.kill("index_svc") == pid
    frail.wait_ready("index_svc")
    undisturbed.judge(video, DEMO_CLIP)
    assert numbers(video.attempts()) == ONCE

    frail.kill("index_svc", signal.SIGKILL)
    frail.wait_ready("index_svc")
    undisturbed.judge(video, DEMO_CLIP)
