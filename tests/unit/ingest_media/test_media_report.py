"""The child's words are a stranger's words: what does not fit is refused (architecture.md section 6)."""

from dataclasses import asdict
from pathlib import Path

import pytest

from ingest_svc.domain.media_report import SceneOptions, read_probe, read_scenes
from ingest_svc.domain.probe import AudioTrack, MediaFacts, VideoTrack

VIDEO = VideoTrack(0, "h264", 640, 360, 640, 360, 0, 25.0, False, "yuv420p", 8, 1000, True)
AUDIO = AudioTrack(1, "aac", 2, 48000, "", 1000, True)
FACTS = MediaFacts(("mov", "mp4"), 1000, 10**10, 8000, VIDEO, AUDIO, (VIDEO,), (AUDIO,), 0)


def as_json(facts: MediaFacts) -> dict[str, object]:
    answer = asdict(facts)
    for key in ("formats", "warnings", "video_tracks", "audio_tracks"):
        answer[key] = list(answer[key])
    return answer


def test_facts_survive_the_way_through_json(tmp_path: Path) -> None:
    result = read_probe({"facts": as_json(FACTS), "audio": None}, out_dir=tmp_path, audio_name="audio.flac")

    assert result.facts == FACTS


@pytest.mark.parametrize("lie", [{"duration_ns": -1}, {"duration_ns": True}, {"formats": "mp4"}, {"video": [1]}])
def test_a_fact_of_the_wrong_kind_is_refused(tmp_path: Path, lie: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_probe({"facts": as_json(FACTS) | lie, "audio": None}, out_dir=tmp_path, audio_name="audio.flac")


@pytest.mark.parametrize("name", ["../../etc/passwd", "keyframe_0000_0.jpg", "/etc/passwd", "keyframe_0000_0.jpg\n"])
def test_a_picture_outside_of_the_folder_or_absent_or_a_link_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "keyframe_0000_0.jpg").symlink_to("/etc/hostname")
    frame = {"at_ns": 0, "file_name": name, "width": 1, "height": 1}
    answer = {
        "cuts_ns": [],
        "keyframes": [frame],
        "thumbnails": [],
        "frames": 1,
        "decode_errors": 0,
        "corrupt_frames": 0,
    }

    with pytest.raises(ValueError, match=r"name|not there"):
        read_scenes(answer, out_dir=tmp_path, facts=FACTS, options=SceneOptions())
