"""The sandbox on the real clips of ../shared/media: known cuts, odd files that work, broken ones that are refused."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from chassis.core.errors import UnreadableMedia
from ingest_svc.adapters.media_sandbox import MediaSandbox
from tests.support.shared import MEDIA, needs_shared

pytestmark = needs_shared

SECOND = 10**9
TRUTH = {
    "derived/speech_reel.mp4": 25,
    "derived/objects_reel_noaudio.mp4": 25,
    "derived/faces_reel.mp4": 25,
    "derived/long_talk_75s.mp4": 25,
    "video/bikes.mp4": 25,
    "video/testvideo.mp4": 29.97,
    "video/big_buck_bunny_0_30.webm": 24,
}
READABLE = [
    "broken/bitflips_mdat.mp4",
    "broken/truncated_mdat.mp4",
    "derived/rotated90_metadata.mp4",
    "derived/silent_audio.mov",
    "derived/vfr_dropped.mp4",
    "video/av1_video.mkv",
    "video/cockatoo.mp4",
    "video/fades.mp4",
    "video/fire2.mp4",
    "video/flower.webm",
    "video/friday.mp4",
    "video/h265_10bits.mp4",
    "video/nasa_13013.mp4",
    "video/video-1080p-60fps-2s.mp4",
    "video/video-3s_indeo4.avi",
]


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box


@pytest.mark.parametrize("name", TRUTH)
async def test_scenes_are_those_of_the_ground_truth_within_two_frames(
    sandbox: MediaSandbox, tmp_path: Path, name: str
) -> None:
    """R-ING-05."""
    known = json.loads((MEDIA / "ground_truth.json").read_text())["files"][name]
    cuts = known.get("cuts") or known["cuts_content_detector"]

    probe = await sandbox.probe(MEDIA / name, tmp_path)
    found = await sandbox.detect_scenes(MEDIA / name, tmp_path, probe.facts)

    starts = [scene.span.start_ns / SECOND for scene in found.scenes[1:]]
    assert starts == pytest.approx(cuts, abs=2 / TRUTH[name])
    assert all(scene.keyframes and scene.thumbnail for scene in found.scenes)


@pytest.mark.parametrize("name", READABLE)
async def test_every_readable_clip_is_completed(sandbox: MediaSandbox, tmp_path: Path, name: str) -> None:
    """R-ING-03."""
    probe = await sandbox.probe(MEDIA / name, tmp_path)
    found = await sandbox.detect_scenes(MEDIA / name, tmp_path, probe.facts)

    spans = [scene.span for scene in found.scenes]
    assert (spans[0].start_ns, spans[-1].end_ns) == (0, probe.facts.duration_ns)
    assert all(left.end_ns == right.start_ns for left, right in pairwise(spans))
    assert all(scene.thumbnail for scene in found.scenes)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken/empty.mp4", "EMPTY_FILE"),
        ("broken/missing_moov.mp4", "INDEX_MISSING"),
        ("broken/text_named.mp4", "INVALID_MEDIA"),
        ("video/friday.vtt", "INVALID_MEDIA"),
    ],
)
async def test_every_broken_file_is_refused_with_its_reason(
    sandbox: MediaSandbox, tmp_path: Path, name: str, reason: str
) -> None:
    """R-ING-03."""
    with pytest.raises(UnreadableMedia) as refused:
        await sandbox.probe(MEDIA / name, tmp_path)

    assert reason == refused.value.reason


async def test_of_several_streams_the_best_are_chosen(sandbox: MediaSandbox, tmp_path: Path) -> None:
    probe = await sandbox.probe(MEDIA / "video/nasa_13013.mp4", tmp_path)

    assert probe.facts.video is not None
    assert probe.facts.audio is not None
    assert (probe.facts.video.width, probe.facts.video.height, len(probe.facts.video_tracks)) == (480, 270, 2)
    assert (probe.facts.audio.sample_rate_hz, len(probe.facts.audio_tracks)) == (16_000, 2)
    assert probe.facts.subtitle_stream_count == 2


@pytest.mark.parametrize(
    ("name", "size", "turn"),
    [("derived/rotated90_metadata.mp4", (540, 960), 270), ("video/fire2.mp4", (1280, 720), 180)],
)
async def test_rotation_is_reported_clockwise_and_pictures_stand_upright(
    sandbox: MediaSandbox, tmp_path: Path, name: str, size: tuple[int, int], turn: int
) -> None:
    probe = await sandbox.probe(MEDIA / name, tmp_path)
    found = await sandbox.detect_scenes(MEDIA / name, tmp_path, probe.facts)

    video = probe.facts.video
    assert video is not None
    assert (*size, turn) == (video.width, video.height, video.rotation_degrees)
    keyframe = found.scenes[0].keyframes[0]
    assert (keyframe.width > keyframe.height) == (size[0] > size[1])
