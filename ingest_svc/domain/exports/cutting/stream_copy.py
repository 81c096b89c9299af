"""When nothing has to change: the streams of a source are the clip, but for their times."""

from fractions import Fraction

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, TimeSpan
from ingest_svc.domain.exports.cutting.gain import Heard
from ingest_svc.domain.exports.cutting.looks import CopyLook, SourceLook
from ingest_svc.domain.exports.cutting.rates import is_listed
from ingest_svc.domain.exports.values import Encoding
from ingest_svc.domain.probe import AudioTrack, MediaFacts, VideoTrack

__all__ = ["may_copy"]

_BT709 = 1
_PROFILE = "High"
_FORMATS = frozenset(("mp4", "mov", "matroska", "mpegts"))
_BUFFER_NS = 2 * NANOSECONDS_PER_SECOND
"""The encoder may spend this much of the highest rate in advance, which shows in short clips."""

_NEAR_LU = 1.0
_MOST_DBTP = -1.0


def may_copy(
    facts: MediaFacts,
    look: SourceLook,
    span: TimeSpan,
    encoding: Encoding,
    *,
    heard: Heard,
    target_lufs: float,
) -> bool:
    """Tell whether a cut of one source, without captions, is the clip already.

    Pictures: H.264 High, 8-bit 4:2:0 BT.709 in limited range and said to be, of the asked size, upright, progressive,
    at a steady rate that clips may have, not above the quality's bit rate, from keyframe to keyframe within one picture
    of the asked instants. Sound: none, or AAC LC, 48 kHz stereo, at the asked loudness and peak.
    """
    video, copy = facts.video, look.copy
    if video is None or copy is None or not _FORMATS.intersection(facts.formats):
        return False
    return (
        _is_right_picture(video, look, encoding)
        and _is_right_cut(copy, look, span)
        and copy.bit_rate_bps <= encoding.max_bps * (1 + _BUFFER_NS / max(1, copy.end_ns - copy.start_ns))
        and (facts.audio is None or _is_right_sound(facts.audio, copy, heard, target_lufs))
    )


def _is_right_picture(video: VideoTrack, look: SourceLook, encoding: Encoding) -> bool:
    return (
        video.codec == "h264"
        and look.copy is not None
        and look.copy.profile == _PROFILE
        and look.pixel_format == "yuv420p"
        and (look.width, look.height) == (encoding.size.width, encoding.size.height)
        and look.aspect == 1
        and not (look.is_rotated or look.is_interlaced or look.is_full_range or look.has_alpha)
        and (look.matrix, look.primaries, look.transfer) == (_BT709, _BT709, _BT709)
        and not video.is_vfr
        and look.average_rate > 0
        and is_listed(look.average_rate)
    )


def _is_right_cut(copy: CopyLook, look: SourceLook, span: TimeSpan) -> bool:
    picture_ns = NANOSECONDS_PER_SECOND / look.average_rate
    length = Fraction(copy.end_ns - copy.start_ns)
    return (
        copy.is_closed
        and abs(copy.start_ns - span.start_ns) <= picture_ns
        and abs(length - span.length_ns) <= picture_ns
        and abs(length - copy.pictures * picture_ns) <= picture_ns / 2
    )


def _is_right_sound(audio: AudioTrack, copy: CopyLook, heard: Heard, target_lufs: float) -> bool:
    return (
        (audio.codec, audio.sample_rate_hz, audio.channels) == ("aac", 48_000, 2)
        and copy.sound_profile == "LC"
        and heard.lufs is not None
        and abs(heard.lufs - target_lufs) <= _NEAR_LU
        and (heard.peak_dbtp is None or heard.peak_dbtp <= _MOST_DBTP)
    )
