"""Pictures, cuts and movement of a stretch, through the real sandbox."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from chassis.core.errors import UnreadableMedia
from chassis.core.mediatime import TimeSpan
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.adapters.sampler import SandboxSampler, read_sampled
from ingest_svc.exports.ports import Sampled
from tests.support.media_clips import Clip, Shot, write_clip, write_tone
from tests.support.shared import MEDIA, needs_shared

SECOND = 10**9
SHOTS = [Shot(1.0, (220, 60, 60)), Shot(1.4, (20, 70, 20)), Shot(0.8, (60, 60, 235)), Shot(1.2, (200, 200, 200))]


async def sample(sandbox: MediaSandbox, clip: Path, out: Path, start_s: float, end_s: float) -> Sampled:
    probe = await sandbox.probe(clip, out)
    span = TimeSpan(round(start_s * SECOND), round(end_s * SECOND))
    return await SandboxSampler(sandbox).sample(clip, probe.facts, span, out)


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as opened:
        return opened.size


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("plain.mp4", Clip()),
        ("vfr.mp4", Clip(dropped=True)),
        ("stream.ts", Clip(codec="mpeg2video")),
        ("photo.avi", Clip(codec="mjpeg", pixel_format="yuvj420p")),
        ("odd.mkv", Clip(width=322, height=182, pixel_format="yuv422p10le")),
    ],
)
async def test_a_stretch_in_the_middle_has_its_own_pictures_cuts_and_clock(
    sandbox: MediaSandbox, tmp_path: Path, name: str, clip: Clip
) -> None:
    """R-EXP-05: what SMART sees; whatever the container's index is worth."""
    path = write_clip(tmp_path / name, SHOTS, clip)
    seen = await sample(sandbox, path, tmp_path, 0.5, 4.0)

    assert [start / SECOND for start in seen.shot_starts_ns] == pytest.approx([0, 0.5, 1.9, 2.7], abs=0.09)
    assert seen.at_ns[0] <= SECOND // 12
    assert all(0.12 * SECOND <= after - before <= 0.3 * SECOND for before, after in pairwise(seen.at_ns))
    assert seen.at_ns[-1] >= 3.2 * SECOND
    assert len(seen.at_ns) == len(seen.pictures) == len(seen.motion)
    assert size_of(seen.pictures[0]) == (clip.width, clip.height)


async def test_instants_are_those_of_the_frames_and_not_counted(sandbox: MediaSandbox, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "vfr.mp4", SHOTS, Clip(dropped=True))
    with av.open(str(path)) as container:
        true_ns = {round((frame.pts or 0) * (frame.time_base or 0) * SECOND) for frame in container.decode(video=0)}
    seen = await sample(sandbox, path, tmp_path, 0.5, 4.0)

    assert {at_ns + SECOND // 2 for at_ns in seen.at_ns} <= true_ns


async def test_a_still_that_began_before_the_stretch_is_in_it(sandbox: MediaSandbox, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "slides.mp4", SHOTS, Clip(fps=1))
    seen = await sample(sandbox, path, tmp_path, 1.4, 1.8)

    assert (seen.at_ns, seen.shot_starts_ns) == ((0,), (0,))


async def test_pictures_are_at_most_640_pixels_on_their_longer_side(sandbox: MediaSandbox, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "large.mp4", [Shot(0.3, (200, 60, 60))], Clip(width=1280, height=720))
    seen = await sample(sandbox, path, tmp_path, 0, 0.3)

    assert size_of(seen.pictures[0]) == (640, 360)


@needs_shared
async def test_pictures_stand_as_they_are_shown(sandbox: MediaSandbox, tmp_path: Path) -> None:
    seen = await sample(sandbox, MEDIA / "derived/rotated90_metadata.mp4", tmp_path, 0.3, 2.0)

    assert size_of(seen.pictures[0]) == (360, 640)


async def test_movement_is_found_where_it_is_and_not_across_a_cut(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """A bright square goes from left to right on black; after a cut nothing moves on white."""
    path = tmp_path / "square.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(75):
            picture = np.zeros((180, 320, 3), np.uint8) if number < 50 else np.full((180, 320, 3), 230, np.uint8)
            if number < 50:
                picture[60:100, 10 + 5 * number : 50 + 5 * number] = 230
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    seen = await sample(sandbox, path, tmp_path, 0, 3)
    moving = [one for at_ns, one in zip(seen.at_ns, seen.motion, strict=True) if 0 < at_ns < 2 * SECOND]
    after = [one[0] for at_ns, one in zip(seen.at_ns, seen.motion, strict=True) if at_ns >= 2 * SECOND]

    assert all(0.005 < amount < 0.2 for amount, _, _ in moving)
    assert [x for _, x, _ in moving] == sorted(x for _, x, _ in moving)
    assert moving[-1][1] - moving[0][1] > 0.4
    assert [y for _, _, y in moving] == pytest.approx([80 / 180] * len(moving), abs=0.03)
    assert after == [0.0] * len(after)


@needs_shared
async def test_a_camera_that_is_swung_about_makes_no_cut(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """R-EXP-05: the frame would jump there; the pan of this phone is 0.4 to 1 s into the clip."""
    seen = await sample(sandbox, MEDIA / "video/fire2.mp4", tmp_path, 0, 2.3)

    assert seen.shot_starts_ns == (0,)


@needs_shared
async def test_cuts_a_moment_after_the_start_are_found(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """The true cuts of this clip are at 1.2 and 3.04 s."""
    seen = await sample(sandbox, MEDIA / "video/bikes.mp4", tmp_path, 1.12, 3.2)

    assert [start / SECOND for start in seen.shot_starts_ns] == pytest.approx([0, 0.08, 1.92], abs=0.041)


@needs_shared
async def test_what_is_left_of_a_damaged_file_is_sampled(sandbox: MediaSandbox, tmp_path: Path) -> None:
    seen = await sample(sandbox, MEDIA / "broken/bitflips_mdat.mp4", tmp_path, 5, 8)

    assert len(seen.pictures) == 15


async def test_sound_alone_has_no_pictures_and_says_so(sandbox: MediaSandbox, tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.m4a", 1.0)
    with pytest.raises(UnreadableMedia) as refusal:
        await sample(sandbox, path, tmp_path, 0, 1)

    assert refusal.value.reason == "DECODE_FAILED"


async def test_a_file_that_lost_its_pictures_meanwhile_is_refused(sandbox: MediaSandbox, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", SHOTS[:1])
    probe = await sandbox.probe(path, tmp_path)
    write_tone(tmp_path / "tone.m4a", 1.0).replace(path)
    with pytest.raises(UnreadableMedia) as refusal:
        await SandboxSampler(sandbox).sample(path, probe.facts, TimeSpan(0, SECOND), tmp_path)

    assert refusal.value.reason == "INVALID_MEDIA"


GOOD = {
    "at_ns": [0, 5],
    "names": ["sample_00000.jpg", "sample_00001.jpg"],
    "cuts_ns": [7],
    "motion": [[0, 0.5, 0.5]] * 2,
}


@pytest.mark.parametrize(
    "lie",
    [
        {"at_ns": [5, 0]},
        {"at_ns": [0, 0]},
        {"at_ns": [0, 10]},
        {"at_ns": [0]},
        {"at_ns": []},
        {"names": ["sample_00000.jpg", "../other.jpg"]},
        {"names": ["sample_00000.jpg"] * 2},
        {"names": ["sample_00000.jpg", "sample_00009.jpg"]},
        {"cuts_ns": [10]},
        {"cuts_ns": list(range(10)) * 2},
        {"motion": [[0, 0.5, 0.5], [2.0, 0.5, 0.5]]},
        {"motion": [[0, 0.5, 0.5], [0.5, float("nan"), 0.5]]},
        {"motion": [[0, 0.5, 0.5], [True, 0.5, 0.5]]},
        {"motion": [[0, 0.5, 0.5], 3]},
    ],
)
def test_an_answer_that_is_none_is_not_believed(tmp_path: Path, lie: dict[str, object]) -> None:
    for number in range(2):
        (tmp_path / f"sample_{number:05d}.jpg").write_bytes(b"x")

    assert read_sampled(GOOD, out_dir=tmp_path, length_ns=10).shot_starts_ns == (0, 7)
    with pytest.raises(ValueError):  # noqa: PT011  (any sentence will do)
        read_sampled({**GOOD, **lie}, out_dir=tmp_path, length_ns=10)
