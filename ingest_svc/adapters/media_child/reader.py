"""Opens a media file with every gate closed that the library has, and reads what its container says."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from chassis.core.mediatime import ns_from_pts
from ingest_svc.domain.probe import (
    ACCEPTED_AUDIO_CODECS,
    ACCEPTED_FORMATS,
    ACCEPTED_VIDEO_CODECS,
    AudioTrack,
    Refusal,
    RefusalReason,
    VideoTrack,
    explain_unopenable,
)

__all__ = [
    "Refused",
    "audio_tracks",
    "boxes",
    "demux",
    "open_media",
    "origin_ns",
    "prepare_video",
    "sample_aspect",
    "video_tracks",
]

_DECODER_NAMES = frozenset(("libdav1d", "libaom-av1", "mp3float", "mp2float", "libopus", "libvorbis", "libvpx-vp9"))
"""Names under which the library offers accepted codecs; the whitelist compares decoder names, not codec names."""

_AV_TIME_BASE = Fraction(1, 1_000_000)
_MIN_ASPECT = Fraction(1, 16)
_MAX_BOXES = 1000
_MAX_READ_FAILURES = 16
_HEAD_BYTES = 256


class Refused(Exception):
    """The file is not used; carries the refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def open_media(path: Path) -> InputContainer:
    """Open a file with allow-listed demuxers, protocols and decoders only.

    Raises:
        Refused: no allowed demuxer takes it.
    """
    av.logging.set_level(None)
    size_bytes = path.stat().st_size
    try:
        return av.open(
            str(path),
            mode="r",
            options={
                "format_whitelist": ",".join(sorted(ACCEPTED_FORMATS)),
                "protocol_whitelist": "file",
                "codec_whitelist": ",".join(sorted(ACCEPTED_VIDEO_CODECS | ACCEPTED_AUDIO_CODECS | _DECODER_NAMES)),
                "max_streams": "256",
                "enable_drefs": "0",
            },
            metadata_errors="replace",
        )
    except av.error.FFmpegError as error:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        raise Refused(explain_unopenable(head, [kind for kind, _ in boxes(path)], size_bytes)) from error


def boxes(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Walk the top-level boxes of an MP4-like file: (type, whether it is complete); stops where it is not one."""
    size_bytes = path.stat().st_size
    offset = 0
    with path.open("rb") as file:
        for _ in range(_MAX_BOXES):
            file.seek(offset)
            header = file.read(16)
            if len(header) < 8:  # noqa: PLR2004  (length and type of a box)
                return
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            elif length == 0:
                length = size_bytes - offset
            yield header[4:8], offset + length <= size_bytes
            if length < 8:  # noqa: PLR2004
                return
            offset += length


def origin_ns(container: InputContainer) -> int:
    """Return the instant of the container's clock that players show as zero."""
    return ns_from_pts(container.start_time or 0, _AV_TIME_BASE)


def video_tracks(container: InputContainer) -> tuple[VideoTrack, ...]:
    """Return what the header says of each picture stream; rotation is known only after a frame was decoded."""
    tracks = []
    for stream in container.streams.video:
        if stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
            continue
        context = _decoder(stream)
        components = getattr(getattr(context, "format", None), "components", ())
        tracks.append(
            VideoTrack(
                index=stream.index,
                codec=_codec_name(stream),
                coded_width=getattr(context, "width", 0),
                coded_height=getattr(context, "height", 0),
                width=round(getattr(context, "width", 0) * sample_aspect(stream)),
                height=getattr(context, "height", 0),
                rotation_degrees=0,
                fps=float(stream.average_rate or 0),
                is_vfr=False,
                pixel_format=getattr(context, "pix_fmt", None) or "",
                bit_depth=max((component.bits for component in components), default=0),
                bit_rate_bps=getattr(context, "bit_rate", None) or 0,
                is_default=bool(stream.disposition & Disposition.default),
            )
        )
    return tuple(tracks)


def audio_tracks(container: InputContainer) -> tuple[AudioTrack, ...]:
    """Return what the header says of each sound stream."""
    return tuple(
        AudioTrack(
            index=stream.index,
            codec=_codec_name(stream),
            channels=getattr(_decoder(stream), "channels", 0),
            sample_rate_hz=getattr(_decoder(stream), "sample_rate", 0),
            language="" if stream.language in {None, "und"} else str(stream.language),
            bit_rate_bps=getattr(_decoder(stream), "bit_rate", None) or 0,
            is_default=bool(stream.disposition & Disposition.default),
        )
        for stream in container.streams.audio
    )


def sample_aspect(stream: VideoStream) -> Fraction:
    """Return the width of a sample over its height; 1 where the file says nothing sensible."""
    # Matroska says it of the stream, and its decoder never hears of it.
    aspect = stream.sample_aspect_ratio or getattr(_decoder(stream), "sample_aspect_ratio", None)
    return Fraction(aspect) if aspect and _MIN_ASPECT <= aspect <= 1 / _MIN_ASPECT else Fraction(1)


def prepare_video(container: InputContainer, index: int, *, max_pixels: int, threads: int) -> VideoStream:
    """Bound a decoder before it opens: a larger picture is an error, whatever the header said.

    Raises:
        Refused: the stream is not one of pictures.
    """
    stream = container.streams[index]
    if not isinstance(stream, VideoStream):
        raise Refused(Refusal(RefusalReason.INVALID_MEDIA, "The file changed while it was read; upload it again."))
    stream.codec_context.options = {"max_pixels": str(max_pixels)}
    stream.codec_context.thread_count = threads
    stream.codec_context.thread_type = "AUTO"
    return stream


def demux(container: InputContainer, *streams: Stream) -> Iterator["Packet[Any]"]:
    """Yield packets in file order, an empty one per stream at the end; damaged stretches are read over.

    What can not be read any more ends the file as if it ended there: what came before it is used.
    """
    failures = 0
    while True:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
        except av.error.FFmpegError:
            failures += 1
            if failures > _MAX_READ_FAILURES:
                return
        else:
            return


def _decoder(stream: Stream) -> Any:
    """Return the stream's decoder, None when the library has none: the stubs do not say that this happens."""
    return stream.codec_context


def _codec_name(stream: Stream) -> str:
    context = _decoder(stream)
    return "" if context is None else str(context.codec.canonical_name)
