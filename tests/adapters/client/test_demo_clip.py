"""The committed clip holds what its truth file says: cuts, text in the picture, sound."""

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.utils.output import RapidOCROutput
from scenedetect import ContentDetector, detect

from client.demo.clip import load_clip

CLIP = load_clip()
MOST_BYTES = 1_200_000


@pytest.fixture(scope="module")
def middles() -> list[NDArray[np.uint8]]:
    wanted = [(scene.start_s + scene.end_s) / 2 for scene in CLIP.scenes]
    found: list[NDArray[np.uint8]] = []
    with av.open(str(CLIP.path)) as file:
        for frame in file.decode(video=0):
            if len(found) < len(wanted) and frame.time is not None and frame.time >= wanted[len(found)]:
                found.append(frame.to_ndarray(format="bgr24").astype(np.uint8))
    return found


def test_clip_is_small_h264_with_aac() -> None:
    """Issue 2 point 9: at most 3 MB."""
    with av.open(str(CLIP.path)) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264", "aac"]
        assert file.duration == pytest.approx(CLIP.duration_s * 1e6, abs=50_000)

    assert CLIP.path.stat().st_size < MOST_BYTES


def test_content_detector_finds_exactly_the_cuts() -> None:
    found = [(start.seconds, end.seconds) for start, end in detect(str(CLIP.path), ContentDetector())]

    assert found == [(scene.start_s, scene.end_s) for scene in CLIP.scenes]


def test_text_in_the_picture_can_be_read(middles: list[NDArray[np.uint8]]) -> None:
    read = RapidOCR()
    for scene, picture in zip(CLIP.scenes, middles, strict=True):
        seen = read(picture)
        assert isinstance(seen, RapidOCROutput)
        lines = " ".join(seen.txts or ())

        for expected in scene.on_screen_text:
            assert expected in lines


def test_each_scene_is_spoken_in_and_quiet_at_its_edges() -> None:
    with av.open(str(CLIP.path)) as file:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    for scene in CLIP.scenes:
        begin, end = round(scene.start_s * 48_000), round(scene.end_s * 48_000)

        assert np.sqrt(np.mean(sound[begin + 24_000 : end - 48_000] ** 2)) > 0.03
        assert np.abs(sound[begin + 2_400 : begin + 16_000]).max() < 0.02
        assert np.abs(sound[end - 24_000 : end - 2_400]).max() < 0.02
