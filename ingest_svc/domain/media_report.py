"""What the media sandbox reports, as values, and the strict reading of its child's JSON.

The child has touched a stranger's file, so its words are a stranger's words: every field has a type and a range, file
names are ours, and whatever does not fit raises ValueError.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest_svc.domain.keyframes import DEFAULT_SLOT_NS, Keyframe, Scene, Thumbnail, scenes_with_pictures
from ingest_svc.domain.probe import AudioTrack, MediaFacts, MediaWarning, VideoTrack
from ingest_svc.domain.scenes import DEFAULT_MIN_SCENE_NS, DEFAULT_WINDOW_NS, scenes_from_cuts, windows
from ingest_svc.domain.strict_json import (
    MAX_NS,
    checked_text,
    checked_whole,
    flag,
    items,
    mapping,
    number,
    own_file,
    text,
    whole,
)

__all__ = [
    "ExtractedAudio",
    "ProbeResult",
    "SceneDetectionResult",
    "SceneOptions",
    "audio_only_scenes",
    "read_probe",
    "read_scenes",
]

_MAX_TRACKS = 256
_MAX_SHOTS = 1_000_000
_PICTURE_NAME = re.compile(r"(keyframe_\d{4,7}_\d{1,6}|thumb_\d{4,7})\.jpg")


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """How scenes are cut; recorded with the result.

    Attributes:
        detector: `content` (PySceneDetect ContentDetector on small pictures), or `windows` for sound alone.
        threshold: mean change of hue, saturation and brightness, 0 to 255, that makes a cut.
        min_shot_seconds: cuts nearer to each other than this are merged by the detector.
        min_scene_ns: a shot shorter than this joins its neighbour.
        slot_ns: a long shot gets one keyframe for each stretch of this length.
        window_ns: the longest scene of a file without pictures.
        keyframe_max_side: longer side of a keyframe in pixels.
        thumbnail_max_side: longer side of a thumbnail in pixels.
    """

    detector: str = "content"
    threshold: float = 27.0
    min_shot_seconds: float = 0.6
    min_scene_ns: int = DEFAULT_MIN_SCENE_NS
    slot_ns: int = DEFAULT_SLOT_NS
    window_ns: int = DEFAULT_WINDOW_NS
    keyframe_max_side: int = 640
    thumbnail_max_side: int = 320


@dataclass(frozen=True, slots=True)
class ExtractedAudio:
    """The chosen sound track as mono FLAC; sample n is heard n / sample_rate_hz seconds after the video's zero."""

    path: Path
    samples: int
    sample_rate_hz: int
    damaged_packets: int


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """An accepted file: its facts, and its sound if it has any that can be decoded."""

    facts: MediaFacts
    audio: ExtractedAudio | None


@dataclass(frozen=True, slots=True)
class SceneDetectionResult:
    """Scenes in order, covering the whole video; picture files lie in the output folder.

    Attributes:
        frames: pictures decoded.
        decode_errors: packets that could not be decoded and were left out.
        corrupt_frames: pictures that were decoded with damage.
        options: how it was done.
    """

    scenes: tuple[Scene, ...]
    frames: int
    decode_errors: int
    corrupt_frames: int
    options: SceneOptions


def audio_only_scenes(facts: MediaFacts, options: SceneOptions) -> SceneDetectionResult:
    """Cut sound without pictures into windows."""
    spans = windows(facts.duration_ns, window_ns=options.window_ns)
    return SceneDetectionResult(tuple(Scene(span) for span in spans), 0, 0, 0, options)


def read_probe(answer: object, *, out_dir: Path, audio_name: str) -> ProbeResult:
    """Read the child's answer to `probe`.

    Raises:
        ValueError: it is not one.
    """
    fields = mapping(answer)
    facts = _facts(mapping(fields.get("facts")))
    if fields.get("audio") is None:
        return ProbeResult(facts, None)
    sound = mapping(fields["audio"])
    audio = ExtractedAudio(
        path=own_file(out_dir / audio_name),
        samples=whole(sound, "samples", low=1),
        sample_rate_hz=whole(sound, "sample_rate_hz", low=1, high=10**6),
        damaged_packets=whole(sound, "damaged_packets"),
    )
    return ProbeResult(facts, audio)


def read_scenes(answer: object, *, out_dir: Path, facts: MediaFacts, options: SceneOptions) -> SceneDetectionResult:
    """Read the child's answer to `scenes` and cover the whole video with its shots.

    Raises:
        ValueError: it is not one.
    """
    fields = mapping(answer)
    cuts_ns = [checked_whole(cut, 0, MAX_NS) for cut in items(fields, "cuts_ns", _MAX_SHOTS)]
    last_ns = facts.duration_ns - 1
    keyframes = [Keyframe(*_picture(item, out_dir, last_ns)) for item in items(fields, "keyframes", _MAX_SHOTS)]
    thumbnails = [Thumbnail(*_picture(item, out_dir, last_ns)) for item in items(fields, "thumbnails", _MAX_SHOTS)]
    spans = scenes_from_cuts(cuts_ns, facts.duration_ns, min_scene_ns=options.min_scene_ns)
    return SceneDetectionResult(
        scenes=scenes_with_pictures(spans, keyframes, thumbnails),
        frames=whole(fields, "frames", low=1),
        decode_errors=whole(fields, "decode_errors"),
        corrupt_frames=whole(fields, "corrupt_frames"),
        options=options,
    )


def _facts(fields: Mapping[str, Any]) -> MediaFacts:
    videos = tuple(_video(mapping(item)) for item in items(fields, "video_tracks", _MAX_TRACKS))
    sounds = tuple(_audio(mapping(item)) for item in items(fields, "audio_tracks", _MAX_TRACKS))
    return MediaFacts(
        formats=tuple(checked_text(name) for name in items(fields, "formats", 32)),
        size_bytes=whole(fields, "size_bytes"),
        duration_ns=whole(fields, "duration_ns", low=1, high=MAX_NS),
        bit_rate_bps=whole(fields, "bit_rate_bps"),
        video=_video(mapping(fields["video"])) if fields.get("video") is not None else None,
        audio=_audio(mapping(fields["audio"])) if fields.get("audio") is not None else None,
        video_tracks=videos,
        audio_tracks=sounds,
        subtitle_stream_count=whole(fields, "subtitle_stream_count"),
        warnings=tuple(MediaWarning(checked_text(word)) for word in items(fields, "warnings", 32)),
    )


def _video(fields: Mapping[str, Any]) -> VideoTrack:
    turn = whole(fields, "rotation_degrees", high=270)
    if turn % 90:
        raise ValueError("rotation_degrees is not a quarter turn")
    return VideoTrack(
        index=whole(fields, "index", high=_MAX_TRACKS),
        codec=text(fields, "codec"),
        coded_width=whole(fields, "coded_width", high=10**6),
        coded_height=whole(fields, "coded_height", high=10**6),
        width=whole(fields, "width", high=10**7),
        height=whole(fields, "height", high=10**7),
        rotation_degrees=turn,
        fps=number(fields, "fps", high=1e6),
        is_vfr=flag(fields, "is_vfr"),
        pixel_format=text(fields, "pixel_format"),
        bit_depth=whole(fields, "bit_depth", high=64),
        bit_rate_bps=whole(fields, "bit_rate_bps"),
        is_default=flag(fields, "is_default"),
    )


def _audio(fields: Mapping[str, Any]) -> AudioTrack:
    return AudioTrack(
        index=whole(fields, "index", high=_MAX_TRACKS),
        codec=text(fields, "codec"),
        channels=whole(fields, "channels", high=1024),
        sample_rate_hz=whole(fields, "sample_rate_hz", high=10**8),
        language=text(fields, "language"),
        bit_rate_bps=whole(fields, "bit_rate_bps"),
        is_default=flag(fields, "is_default"),
    )


def _picture(item: object, out_dir: Path, last_ns: int) -> tuple[int, str, int, int]:
    """Return instant (inside the video), file name, width and height of a picture that is really there."""
    fields = mapping(item)
    name = text(fields, "file_name")
    if not _PICTURE_NAME.fullmatch(name):
        raise ValueError("a picture has a name that is not ours")
    own_file(out_dir / name)
    at_ns = min(whole(fields, "at_ns", high=MAX_NS), last_ns)
    return at_ns, name, whole(fields, "width", low=1, high=10**5), whole(fields, "height", low=1, high=10**5)
