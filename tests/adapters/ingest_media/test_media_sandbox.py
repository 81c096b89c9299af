"""The sandbox on clips made here: scenes, pictures, sound; hostile and broken files; children that die or hang."""

from pathlib import Path

import av
import pytest
from PIL import Image, ImageStat

from chassis.core.errors import UnreadableMedia
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.probe import AcceptanceLimits, MediaWarning
from tests.support.media_clips import Clip, Shot, write_clip, write_tone

SECOND = 10**9
RED, GREEN, BLUE, GREY = (220, 60, 60), (20, 70, 20), (60, 60, 235), (200, 200, 200)
FOUR_SHOTS = [Shot(1.0, RED), Shot(1.4, GREEN), Shot(0.8, BLUE), Shot(1.2, GREY)]


async def test_three_known_cuts_make_exactly_four_scenes_within_two_frames(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    """R-ING-05; R-ING-03: duration, size, rate and codecs are those of the file."""
    clip = write_clip(tmp_path / "cuts.mp4", FOUR_SHOTS, Clip(has_tone=True))

    probe = await sandbox.probe(clip, tmp_path)
    found = await sandbox.detect_scenes(clip, tmp_path, probe.facts)

    video = probe.facts.video
    assert video is not None
    assert (video.codec, video.width, video.height, video.fps, video.is_vfr) == ("h264", 320, 180, 25.0, False)
    assert abs(probe.facts.duration_ns - round(4.4 * SECOND)) <= SECOND // 25
    starts = [scene.span.start_ns for scene in found.scenes]
    assert len(starts) == 4
    assert all(
        abs(start - truth) <= 2 * SECOND // 25
        for start, truth in zip(starts, (0, SECOND, 2.4 * SECOND, 3.2 * SECOND), strict=True)
    )
    assert found.scenes[-1].span.end_ns == probe.facts.duration_ns
    assert (found.options.detector, found.options.threshold) == ("content", 27.0)


async def test_boundaries_of_a_variable_frame_rate_are_times_and_not_frame_numbers(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    """R-ING-05."""
    clip = write_clip(tmp_path / "vfr.mp4", FOUR_SHOTS, Clip(dropped=True))

    probe = await sandbox.probe(clip, tmp_path)
    found = await sandbox.detect_scenes(clip, tmp_path, probe.facts)

    assert probe.facts.video is not None
    assert probe.facts.video.is_vfr
    starts = [scene.span.start_ns / SECOND for scene in found.scenes]
    assert starts == pytest.approx([0, 1.0, 2.4, 3.2], abs=0.08)


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("ten_bits.mp4", Clip(pixel_format="yuv420p10le")),
        ("full_colour.mp4", Clip(pixel_format="yuv444p")),
        ("odd.mkv", Clip(width=322, height=182, pixel_format="yuv422p")),
        ("photo.avi", Clip(codec="mjpeg", pixel_format="yuvj420p")),
        ("old.avi", Clip(codec="mpeg4")),
        ("stream.ts", Clip(codec="mpeg2video")),
        ("rgb.mp4", Clip(codec="libx264rgb", pixel_format="rgb24")),
    ],
)
async def test_every_kind_of_picture_is_cut_the_same(
    sandbox: MediaSandbox, tmp_path: Path, name: str, clip: Clip
) -> None:
    """R-ING-05: depth, chroma and container do not move a cut; a container clock that starts late does not either."""
    path = write_clip(tmp_path / name, FOUR_SHOTS, clip)

    probe = await sandbox.probe(path, tmp_path)
    found = await sandbox.detect_scenes(path, tmp_path, probe.facts)

    assert [scene.span.start_ns / SECOND for scene in found.scenes] == pytest.approx([0, 1.0, 2.4, 3.2], abs=0.08)
    assert all(scene.keyframes and scene.thumbnail for scene in found.scenes)


async def test_pictures_are_jpeg_small_enough_in_their_scene_and_never_black(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    """R-ING-12: the shot is black but for three frames; those are shown."""
    shots = [Shot(2.0, RED, is_black=True), Shot(0.12, GREY), Shot(1.0, RED, is_black=True)]
    clip = write_clip(tmp_path / "dark.mp4", shots, Clip(width=1280, height=720))

    probe = await sandbox.probe(clip, tmp_path)
    found = await sandbox.detect_scenes(clip, tmp_path, probe.facts)

    brightest = 0.0
    for scene in found.scenes:
        assert scene.thumbnail is not None
        with Image.open(tmp_path / scene.thumbnail.file_name) as small:
            assert (small.format, max(small.size)) == ("JPEG", 320)
            brightest = max(brightest, ImageStat.Stat(small.convert("L")).mean[0])
        for keyframe in scene.keyframes:
            assert scene.span.contains(keyframe.at_ns)
            with Image.open(tmp_path / keyframe.file_name) as picture:
                assert picture.size == (640, 360) == (keyframe.width, keyframe.height)
    assert brightest > 40


async def test_a_long_shot_has_a_keyframe_every_ten_seconds(sandbox: MediaSandbox, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "long.mp4", [Shot(27.0, RED)], Clip(width=64, height=48, fps=10))

    probe = await sandbox.probe(clip, tmp_path)
    found = await sandbox.detect_scenes(clip, tmp_path, probe.facts)

    assert [len(scene.keyframes) for scene in found.scenes] == [3]


async def test_the_sound_is_16_khz_mono_as_long_as_the_video_and_progress_is_told(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    """R-ING-04."""
    clip = write_clip(tmp_path / "tone.mp4", FOUR_SHOTS, Clip(has_tone=True))
    told: list[float] = []

    probe = await sandbox.probe(clip, tmp_path, on_progress=told.append)

    assert probe.audio is not None
    with av.open(str(probe.audio.path)) as sound:
        stream = sound.streams.audio[0]
        assert (sound.format.name, stream.rate, stream.channels) == ("flac", 16_000, 1)
        samples = sum(frame.samples for frame in sound.decode(stream))
    assert samples == probe.audio.samples
    assert samples / 16_000 == pytest.approx(4.4, abs=0.05)
    assert told
    assert all(0 <= fraction <= 1 for fraction in told)


async def test_video_without_sound_has_no_audio_and_sound_alone_becomes_windows(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    """R-ING-04: neither is an error."""
    silent = await sandbox.probe(write_clip(tmp_path / "silent.mp4", [Shot(1.0, RED)]), tmp_path)
    tone = write_tone(tmp_path / "tone.m4a", 70.0)
    heard = await sandbox.probe(tone, tmp_path)
    found = await sandbox.detect_scenes(tone, tmp_path, heard.facts)

    assert silent.audio is None
    assert heard.facts.video is None
    assert heard.audio is not None
    assert [scene.keyframes for scene in found.scenes] == [(), (), ()]
    assert found.scenes[-1].span.end_ns == heard.facts.duration_ns


async def test_a_playlist_with_a_video_name_never_plays_its_sibling(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """architecture.md section 6."""
    write_clip(tmp_path / "sibling.mp4", [Shot(1.0, RED)])
    playlist = tmp_path / "x.mp4"
    playlist.write_text("ffconcat version 1.0\nfile sibling.mp4\n")

    with pytest.raises(UnreadableMedia) as refused:
        await sandbox.probe(playlist, tmp_path)

    assert refused.value.reason == "UNSUPPORTED_CONTAINER"


async def test_a_picture_sequence_and_a_rare_codec_are_refused(sandbox: MediaSandbox, tmp_path: Path) -> None:
    rare = write_clip(tmp_path / "rare.avi", [Shot(0.4, RED)], Clip(codec="ffv1"))
    png = tmp_path / "one.mp4"
    Image.new("RGB", (64, 64)).save(png, format="PNG")

    reasons = []
    for path in (rare, png):
        with pytest.raises(UnreadableMedia) as refused:
            await sandbox.probe(path, tmp_path)
        reasons.append(refused.value.reason)

    assert reasons == ["UNSUPPORTED_CODEC", "INVALID_MEDIA"]


async def test_too_many_pixels_are_refused_by_the_header_and_by_the_decoder(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "large.mp4", [Shot(0.4, RED)], Clip(width=640, height=480))
    async with MediaSandbox(keeps_spares=False) as box:
        honest = (await box.probe(clip, tmp_path)).facts
    async with MediaSandbox(acceptance=AcceptanceLimits(max_pixels=1000), keeps_spares=False) as strict:
        with pytest.raises(UnreadableMedia) as by_header:
            await strict.probe(clip, tmp_path)
        with pytest.raises(UnreadableMedia) as by_decoder:
            await strict.detect_scenes(clip, tmp_path, honest)

    assert (by_header.value.reason, by_decoder.value.reason) == ("TOO_MANY_PIXELS", "DECODE_FAILED")


async def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "long.wav", 3.0)
    async with MediaSandbox(acceptance=AcceptanceLimits(max_duration_seconds=2), keeps_spares=False) as box:
        with pytest.raises(UnreadableMedia) as refused:
            await box.probe(tone, tmp_path)

    assert refused.value.reason == "TOO_LONG"


async def test_a_cut_off_file_is_used_as_far_as_it_goes(sandbox: MediaSandbox, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", FOUR_SHOTS)
    half = tmp_path / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 5])

    probe = await sandbox.probe(half, tmp_path)
    found = await sandbox.detect_scenes(half, tmp_path, probe.facts)

    assert MediaWarning.DURATION_CORRECTED in probe.facts.warnings
    assert 1 < len(found.scenes) < 4 or probe.facts.duration_ns < 4 * SECOND
    assert found.scenes[-1].span.end_ns == probe.facts.duration_ns
