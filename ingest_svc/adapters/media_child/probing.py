"""The probe: one pass over the packets tells what the file holds and leaves its sound at 16 kHz.

One picture is decoded, to be sure that pictures can be; all packets are read, so that duration and frame distances are
measured and not believed.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from chassis.core.mediatime import ns_from_pts
from ingest_svc.adapters.media_child.audio import AudioWriter
from ingest_svc.adapters.media_child.reader import (
    Refused,
    audio_tracks,
    boxes,
    demux,
    open_media,
    origin_ns,
    prepare_video,
    video_tracks,
)
from ingest_svc.domain.probe import (
    AcceptanceLimits,
    MediaFacts,
    MediaWarning,
    Refusal,
    RefusalReason,
    choose_audio,
    choose_video,
    judge,
)

__all__ = ["FFmpegError", "Refused", "outline", "run"]

_NS = 1_000_000_000
_DURATION_TOLERANCE_NS = _NS
_JITTER_NS = 2_000_000
_MAX_FIRST_PICTURE_PACKETS = 300


@dataclass(slots=True)
class _Pass:
    """What the packets have told so far; times are nanoseconds from the container's zero."""

    end_ns: int = 0
    video_packets: int = 0
    distances_ns: set[int] = field(default_factory=set)
    last_dts_ns: int | None = None
    first_frame: VideoFrame | None = None
    decode_errors: int = 0


def run(request: Mapping[str, Any], progress: Callable[[float], None]) -> dict[str, object]:
    """Probe one file; `request` has `path`, `out_dir`, `audio_name`, `max_pixels`, `max_duration_seconds`.

    Returns:
        `facts` (MediaFacts as JSON) and `audio`: None, or its samples, sample rate and damaged packets.

    Raises:
        Refused: the file is not accepted.
    """
    path = Path(request["path"])
    limits = AcceptanceLimits(request["max_pixels"], request["max_duration_seconds"])
    with open_media(path) as container:
        facts = outline(container, path)
        _refuse_if(judge(facts, limits))
        writer = None
        if facts.audio is not None:
            writer = AudioWriter(Path(request["out_dir"]) / request["audio_name"], origin_ns(container))
        seen = _read_all(container, facts, writer, limits=limits, progress=progress)
        facts = _measured(facts, seen, path)
        audio = writer.close() if writer is not None else None
    if facts.video is not None and seen.first_frame is None:
        _refuse_if(
            Refusal(RefusalReason.DECODE_FAILED, "Not one picture of the video can be decoded; export it again.")
        )
    if facts.duration_ns <= 0:
        _refuse_if(Refusal(RefusalReason.DURATION_UNKNOWN, "The file holds no playable moment; export it again."))
    _refuse_if(judge(facts, limits))
    if audio is not None and audio["damaged_packets"]:
        facts = replace(facts, warnings=(*facts.warnings, MediaWarning.AUDIO_DAMAGED))
    return {"facts": asdict(facts), "audio": audio if audio is not None and audio["samples"] else None}


def outline(container: InputContainer, path: Path) -> MediaFacts:
    """Return what the header says: sizes before rotation, rates and lengths as they are claimed."""
    videos, sounds = video_tracks(container), audio_tracks(container)
    chosen = choose_audio(sounds)
    return MediaFacts(
        formats=tuple(container.format.name.split(",")),
        size_bytes=path.stat().st_size,
        duration_ns=(container.duration or 0) * 1000,
        bit_rate_bps=container.bit_rate or 0,
        video=choose_video(videos),
        audio=chosen,
        video_tracks=videos,
        audio_tracks=sounds,
        subtitle_stream_count=len(container.streams.subtitles),
        warnings=(MediaWarning.AUDIO_CODEC_UNSUPPORTED,) if sounds and chosen is None else (),
    )


def _read_all(
    container: InputContainer,
    facts: MediaFacts,
    writer: AudioWriter | None,
    *,
    limits: AcceptanceLimits,
    progress: Callable[[float], None],
) -> _Pass:
    seen = _Pass()
    zero_ns = origin_ns(container)
    video = audio = None
    if facts.video is not None:
        video = prepare_video(container, facts.video.index, max_pixels=limits.max_pixels, threads=1)
    if facts.audio is not None:
        audio = container.streams[facts.audio.index]
    for packet in demux(container, *(stream for stream in (video, audio) if stream is not None)):
        _note(packet, seen, zero_ns, is_video=packet.stream is video)
        if seen.end_ns > limits.max_duration_seconds * _NS:
            _refuse_if(judge(replace(facts, duration_ns=seen.end_ns), limits))
        if packet.stream is video:
            _first_picture(packet, seen)
        elif writer is not None:
            writer.feed(packet)
        if facts.duration_ns:
            progress(seen.end_ns / facts.duration_ns)
    return seen


def _note(packet: "Packet[Any]", seen: _Pass, zero_ns: int, *, is_video: bool) -> None:
    if packet.pts is None or packet.time_base is None:
        return
    at_ns = ns_from_pts(packet.pts, packet.time_base) - zero_ns
    length_ns = ns_from_pts(packet.duration or 0, packet.time_base)
    seen.end_ns = max(seen.end_ns, at_ns + length_ns)
    if not is_video:
        return
    seen.video_packets += 1
    if packet.dts is not None:
        # Decode times are in order where presentation times are not, and have the same distances over a group.
        dts_ns = ns_from_pts(packet.dts, packet.time_base)
        if seen.last_dts_ns is not None and len(seen.distances_ns) < 64:  # noqa: PLR2004  (enough to know)
            seen.distances_ns.add(dts_ns - seen.last_dts_ns)
        seen.last_dts_ns = dts_ns


def _first_picture(packet: "Packet[Any]", seen: _Pass) -> None:
    if seen.first_frame is not None or seen.video_packets > _MAX_FIRST_PICTURE_PACKETS:
        return
    try:
        for frame in packet.decode():
            seen.first_frame = seen.first_frame or frame
    except MemoryError:
        raise
    except FFmpegError:
        seen.decode_errors += 1


def _measured(facts: MediaFacts, seen: _Pass, path: Path) -> MediaFacts:
    """Correct the header by what the packets and the first picture showed."""
    warnings = list(facts.warnings)
    is_truncated = "mp4" in facts.formats and not all(complete for _, complete in boxes(path))
    duration_ns = facts.duration_ns
    if is_truncated:
        warnings.append(MediaWarning.MEDIA_TRUNCATED)
        duration_ns = min(duration_ns, seen.end_ns) if duration_ns else seen.end_ns
    elif seen.end_ns and abs(seen.end_ns - duration_ns) > _DURATION_TOLERANCE_NS:
        if duration_ns:
            warnings.append(MediaWarning.DURATION_CORRECTED)
        duration_ns = seen.end_ns
    bit_rate = facts.bit_rate_bps or (facts.size_bytes * 8 * _NS // duration_ns if duration_ns > 0 else 0)
    facts = replace(facts, duration_ns=duration_ns, bit_rate_bps=bit_rate, warnings=tuple(warnings))
    if facts.video is None or seen.first_frame is None:
        return facts
    clockwise = round(-seen.first_frame.rotation / 90) * 90 % 360
    video = facts.video
    if clockwise in {90, 270}:
        video = replace(video, width=video.height, height=video.width)
    frame_format = seen.first_frame.format
    video = replace(
        video,
        rotation_degrees=clockwise,
        is_vfr=bool(seen.distances_ns) and max(seen.distances_ns) - min(seen.distances_ns) > _JITTER_NS,
        pixel_format=frame_format.name,
        bit_depth=max((component.bits for component in frame_format.components), default=0),
        fps=video.fps or (seen.video_packets * _NS / seen.end_ns if seen.end_ns else 0.0),
    )
    tracks = tuple(video if track.index == video.index else track for track in facts.video_tracks)
    return replace(facts, video=video, video_tracks=tracks)


def _refuse_if(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise Refused(refusal)
