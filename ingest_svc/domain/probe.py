"""Facts about a media file, and what we accept and why.

Nothing here opens a file: a sandboxed child gathers the facts, and these pure functions judge them, once in the child
before anything is decoded and once more in the parent. A refusal is a word for programs and a sentence for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "ACCEPTED_AUDIO_CODECS",
    "ACCEPTED_FORMATS",
    "ACCEPTED_VIDEO_CODECS",
    "AcceptanceLimits",
    "AudioTrack",
    "MediaFacts",
    "MediaWarning",
    "Refusal",
    "RefusalReason",
    "VideoTrack",
    "choose_audio",
    "choose_video",
    "explain_unopenable",
    "judge",
]

ACCEPTED_FORMATS: frozenset[str] = frozenset(
    "mov mp4 m4a 3gp 3g2 mj2 matroska webm avi mpegts mpeg flv ogg wav mp3 flac aac".split()  # noqa: SIM905
)
"""Demuxer names. No playlist, no image sequence, no device, no network format is among them."""

ACCEPTED_VIDEO_CODECS: frozenset[str] = frozenset(
    "h264 hevc av1 vp8 vp9 mpeg4 mpeg2video mpeg1video h263 prores dnxhd mjpeg theora indeo4".split()  # noqa: SIM905
)
"""Canonical codec names. indeo4 is there because old AVI libraries are real; rare intermediate codecs are not."""

ACCEPTED_AUDIO_CODECS: frozenset[str] = frozenset(
    "aac mp3 mp2 opus vorbis flac alac ac3 eac3".split()  # noqa: SIM905
    + [f"pcm_{layout}" for layout in "u8 s16le s16be s24le s24be s32le s32be f32le f32be f64le alaw mulaw".split()]  # noqa: SIM905
)
"""Canonical codec names. A sound track in another codec is left out with a warning; the pictures are still used."""

_BOX_HEADER_BYTES = 8
_MP4_FIRST_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"))
_PLAYLIST_MARKS = (b"ffconcat", b"#EXTM3U", b"<?xml", b"<MPD", b"[playlist]")


class RefusalReason(StrEnum):
    """Why a file can not be used; stable words for programs."""

    EMPTY_FILE = "EMPTY_FILE"
    INVALID_MEDIA = "INVALID_MEDIA"
    INDEX_MISSING = "INDEX_MISSING"
    UNSUPPORTED_CONTAINER = "UNSUPPORTED_CONTAINER"
    UNSUPPORTED_CODEC = "UNSUPPORTED_CODEC"
    NO_STREAMS = "NO_STREAMS"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    TOO_LONG = "TOO_LONG"
    DURATION_UNKNOWN = "DURATION_UNKNOWN"
    DECODE_FAILED = "DECODE_FAILED"
    MEDIA_TIMEOUT = "MEDIA_TIMEOUT"
    MEDIA_CHILD_KILLED = "MEDIA_CHILD_KILLED"


class MediaWarning(StrEnum):
    """What was odd about a file that is used all the same."""

    MEDIA_TRUNCATED = "MEDIA_TRUNCATED"
    DURATION_CORRECTED = "DURATION_CORRECTED"
    AUDIO_CODEC_UNSUPPORTED = "AUDIO_CODEC_UNSUPPORTED"
    AUDIO_DAMAGED = "AUDIO_DAMAGED"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is not used: the word for programs, the sentence for the person who sent it."""

    reason: RefusalReason
    message: str


@dataclass(frozen=True, slots=True)
class AcceptanceLimits:
    """The largest media we take.

    Attributes:
        max_pixels: width times height of one coded picture; the default admits 8K (8192x4352).
        max_duration_seconds: length in time.
    """

    max_pixels: int = 8192 * 4352
    max_duration_seconds: int = 12 * 3600


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """One moving-picture stream; attached cover pictures are not tracks.

    Attributes:
        index: stream index in the container.
        coded_width: pixels before rotation and aspect correction.
        coded_height: pixels before rotation and aspect correction.
        width: pixels as displayed, after sample aspect ratio and rotation.
        height: pixels as displayed, after sample aspect ratio and rotation.
        rotation_degrees: clockwise turn the file asks for: 0, 90, 180 or 270.
        fps: average frames per second; 0 when unknown.
        is_vfr: whether the distance between frames varies.
        bit_depth: bits per colour sample; 0 when unknown.
        bit_rate_bps: bits per second; 0 when unknown.
        is_default: whether the container marks it as the default.
    """

    index: int
    codec: str
    coded_width: int
    coded_height: int
    width: int
    height: int
    rotation_degrees: int
    fps: float
    is_vfr: bool
    pixel_format: str
    bit_depth: int
    bit_rate_bps: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One sound stream; `language` is the container's tag, empty when it names none."""

    index: int
    codec: str
    channels: int
    sample_rate_hz: int
    language: str
    bit_rate_bps: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a container holds.

    Attributes:
        formats: names of the container format, most general first.
        duration_ns: length of the media, exact to the millisecond at least.
        bit_rate_bps: average over the whole file; 0 when unknown.
        video: the stream that scenes are cut from; None for audio only.
        audio: the stream that is transcribed; None when there is none that can be decoded.
    """

    formats: tuple[str, ...]
    size_bytes: int
    duration_ns: int
    bit_rate_bps: int
    video: VideoTrack | None
    audio: AudioTrack | None
    video_tracks: tuple[VideoTrack, ...]
    audio_tracks: tuple[AudioTrack, ...]
    subtitle_stream_count: int
    warnings: tuple[MediaWarning, ...] = ()


def choose_video(tracks: Sequence[VideoTrack]) -> VideoTrack | None:
    """Return the track people would watch: decodable, then default, then most pixels, frames, bits, then first."""
    return max(
        tracks,
        key=lambda track: (
            track.codec in ACCEPTED_VIDEO_CODECS,
            track.is_default,
            track.coded_width * track.coded_height,
            track.fps,
            track.bit_rate_bps,
            -track.index,
        ),
        default=None,
    )


def choose_audio(tracks: Sequence[AudioTrack]) -> AudioTrack | None:
    """Return the decodable track to transcribe: default, then highest sample rate, channels, bits, then first."""
    return max(
        (track for track in tracks if track.codec in ACCEPTED_AUDIO_CODECS and track.sample_rate_hz > 0),
        key=lambda track: (
            track.is_default,
            track.sample_rate_hz,
            track.channels,
            track.bit_rate_bps,
            -track.index,
        ),
        default=None,
    )


def judge(facts: MediaFacts, limits: AcceptanceLimits) -> Refusal | None:
    """Return why these facts are refused, or None when the file is accepted."""
    if not ACCEPTED_FORMATS.intersection(facts.formats):
        return Refusal(
            RefusalReason.UNSUPPORTED_CONTAINER,
            f"The container format {', '.join(facts.formats) or 'unknown'} is not taken; "
            "send MP4, MOV, Matroska, WebM, AVI or MPEG-TS.",
        )
    if not facts.video_tracks and not facts.audio_tracks:
        return Refusal(
            RefusalReason.NO_STREAMS, "The file holds neither pictures nor sound; export it again with a video track."
        )
    if facts.video is not None:
        refusal = _judge_video(facts.video, limits)
        if refusal is not None:
            return refusal
    elif facts.audio is None:
        codecs = ", ".join(sorted({track.codec for track in facts.audio_tracks}))
        return Refusal(
            RefusalReason.UNSUPPORTED_CODEC,
            f"The sound is coded as {codecs}, which is not taken; convert it to AAC, MP3, Opus or FLAC.",
        )
    if facts.duration_ns > limits.max_duration_seconds * 1_000_000_000:
        return Refusal(
            RefusalReason.TOO_LONG,
            f"The media is {facts.duration_ns / 1e9:.0f} s long and at most {limits.max_duration_seconds} s are taken; "
            "cut it into parts.",
        )
    return None


def _judge_video(video: VideoTrack, limits: AcceptanceLimits) -> Refusal | None:
    if video.codec not in ACCEPTED_VIDEO_CODECS:
        return Refusal(
            RefusalReason.UNSUPPORTED_CODEC,
            f"The pictures are coded as {video.codec or 'something unknown'}, which is not taken; "
            "convert the file to H.264, HEVC, VP9 or AV1.",
        )
    pixels = video.coded_width * video.coded_height
    if pixels > limits.max_pixels:
        return Refusal(
            RefusalReason.TOO_MANY_PIXELS,
            f"One picture has {video.coded_width}x{video.coded_height} = {pixels} pixels and at most "
            f"{limits.max_pixels} are taken; scale the video down.",
        )
    return None


def explain_unopenable(head: bytes, boxes: Sequence[bytes], size_bytes: int) -> Refusal:
    """Say why no allowed demuxer opened a file.

    Args:
        head: first bytes of the file, at least 64 where it has them.
        boxes: four-letter types of its top-level boxes in order, as far as they could be walked; empty if not MP4-like.
        size_bytes: length of the file.
    """
    if size_bytes == 0:
        return Refusal(RefusalReason.EMPTY_FILE, "The file is empty; upload it again.")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLIST_MARKS):
        return Refusal(
            RefusalReason.UNSUPPORTED_CONTAINER,
            "The file is a playlist that points to other files; upload the video itself.",
        )
    looks_like_mp4 = len(head) >= _BOX_HEADER_BYTES and head[4:8] in _MP4_FIRST_BOXES
    if looks_like_mp4 and b"moov" not in boxes:
        return Refusal(
            RefusalReason.INDEX_MISSING,
            "The file's index (moov box) is missing, as after a broken recording or an unfinished upload; "
            "repair it with the camera or upload the complete file.",
        )
    return Refusal(
        RefusalReason.INVALID_MEDIA,
        "The file is not a video or sound file we know, or its header is damaged; "
        "check that it plays, and send MP4, MOV, Matroska, WebM, AVI or MPEG-TS.",
    )
