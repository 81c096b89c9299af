"""Measures a finished clip in one pass: what a player would show and play, picture by picture.

It shares nothing with the code that makes clips. Pictures are looked at through strided views of their brightness, one
sample in 64. The decoder leaves out its smoothing filter, and pictures that no other is built on (about half of what
x264 makes): they are counted and timed by their packets and taken to be like the next one, which halves the cost.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from chassis.core.mediatime import ns_from_pts
from ingest_svc.adapters.media_child.luma import dark_part, distance, small_luma
from ingest_svc.adapters.media_child.reader import (
    Refused,
    boxes,
    demux,
    open_media,
    prepare_video,
    sample_aspect,
    video_tracks,
)
from ingest_svc.domain.exports.checking.loudness import LoudnessMeter, channel_weights
from ingest_svc.domain.probe import Refusal, RefusalReason

__all__ = ["FFmpegError", "Refused", "run"]

_NS = 1_000_000_000
_MAX_PICTURES = 200_000
_MAX_CHANNELS = 64
_DIGITS = 4
_FAST = {"skip_frame": "noref", "skip_loop_filter": "all", "flags2": "+fast"}


@dataclass(slots=True)
class _Gauge:
    """Looks at the pictures of one stream. `ignored_rows` are where captions stand, as parts of the height."""

    stream: VideoStream
    ignored_rows: tuple[float, float]
    end_ns: int = 0
    is_interlaced: bool = False
    _stamps: list[int] = field(default_factory=list)
    _looks: list[tuple[int, float, float]] = field(default_factory=list)
    _first: VideoFrame | None = None
    _before: np.ndarray | None = None

    def note(self, packet: "Packet[Any]") -> None:
        """Take the time stamps of the next packet, one picture each; what an edit list cuts away is not shown."""
        if packet.pts is None or packet.time_base is None or packet.is_discard:
            return
        if len(self._stamps) >= _MAX_PICTURES:
            raise Refused(Refusal(RefusalReason.TOO_LONG, "The clip has more pictures than any clip may."))
        at_ns = ns_from_pts(packet.pts, packet.time_base)
        self._stamps.append(at_ns)
        self.end_ns = max(self.end_ns, at_ns + ns_from_pts(packet.duration or 0, packet.time_base))

    def show(self, frame: VideoFrame) -> None:
        """Take the next picture that was decoded: its dark part, and its distance from the one that was before it."""
        if frame.pts is None or frame.time_base is None:
            return
        self._first = self._first or frame
        luma = small_luma(frame)
        moved = 0.0 if self._before is None else distance(luma, self._before, without_rows=self.ignored_rows)
        self._looks.append((ns_from_pts(frame.pts, frame.time_base), dark_part(luma), moved))
        self._before = luma
        self.is_interlaced |= bool(frame.interlaced_frame)

    def report(self) -> dict[str, object] | None:
        """Return what was seen, as PictureTrack; None when there was no picture."""
        first, context = self._first, self.stream.codec_context
        if first is None or not self._stamps:
            return None
        at_ns = np.sort(np.array(self._stamps))
        looked_ns, dark, change = (np.array(column) for column in zip(*sorted(self._looks), strict=True))
        # A picture that was not decoded is taken to be like the next one that was.
        places = np.minimum(np.searchsorted(looked_ns, at_ns), len(looked_ns) - 1)
        usual_ns = int(np.median(np.diff(at_ns))) if len(at_ns) > 1 else 0
        return {
            "codec": str(context.codec.canonical_name),
            "profile": str(context.profile or ""),
            "pixel_format": first.format.name,
            "colours": [
                int(value) for value in (first.color_primaries, first.color_trc, first.colorspace, first.color_range)
            ],
            "width": first.width,
            "height": first.height,
            "is_square": round(first.width * sample_aspect(self.stream)) == first.width,
            "rotation_degrees": round(-first.rotation) % 360,
            "is_interlaced": self.is_interlaced,
            "tick_ns": ns_from_pts(1, self.stream.time_base or Fraction(0)),
            "at_ns": at_ns.tolist(),
            "end_ns": self.end_ns if self.end_ns > at_ns[-1] else int(at_ns[-1]) + usual_ns,
            "dark": np.round(dark[places], _DIGITS).tolist(),
            "change": np.round(change[places], _DIGITS).tolist(),
        }


@dataclass(slots=True)
class _Ear:
    """Listens to one stream."""

    stream: AudioStream
    start_ns: int | None = None
    end_ns: int = 0
    gap_ns: int = 0
    packets_start_ns: int | None = None
    packets_end_ns: int = 0
    _meter: LoudnessMeter | None = None
    _rate_hz: int = 0
    _channels: int = 0
    _resampler: AudioResampler | None = None

    def note(self, packet: "Packet[Any]") -> None:
        """Take the time stamps of the next packet."""
        if packet.pts is None or packet.time_base is None:
            return
        start_ns = ns_from_pts(packet.pts, packet.time_base)
        self.packets_start_ns = start_ns if self.packets_start_ns is None else self.packets_start_ns
        self.packets_end_ns = max(self.packets_end_ns, start_ns + ns_from_pts(packet.duration or 0, packet.time_base))

    def hear(self, frame: AudioFrame) -> None:
        """Take the next frame; a stream that changes its kind half-way is brought to what it began with."""
        if frame.pts is not None and frame.time_base is not None:
            at_ns = ns_from_pts(frame.pts, frame.time_base)
            if self.start_ns is None:
                self.start_ns = self.end_ns = at_ns
                self._skip_run_up(frame)
            self.gap_ns = max(self.gap_ns, at_ns - self.end_ns)
            self.end_ns = max(at_ns, self.end_ns)
        self.end_ns += frame.samples * _NS // max(1, frame.sample_rate)
        if self._meter is None:
            names = [channel.name for channel in frame.layout.channels][:_MAX_CHANNELS]
            self._rate_hz, self._channels = frame.sample_rate, len(names)
            self._meter = LoudnessMeter(frame.sample_rate, channel_weights(names))
            self._resampler = AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
        if self._resampler is not None:
            for plain in self._resampler.resample(frame):
                self._meter.feed(plain.to_ndarray()[: self._channels])

    def _skip_run_up(self, frame: AudioFrame) -> None:
        """Begin one block later where a file that begins its sound late has its coder's run-up played, as silence."""
        if self.start_ns and self.start_ns == self.packets_start_ns and self.stream.codec_context.name == "aac":
            self.start_ns += frame.samples * _NS // max(1, frame.sample_rate)

    def report(self) -> dict[str, object] | None:
        """Return what was heard, as SoundTrack; None when there was nothing."""
        if self._meter is None:
            return None
        heard = self._meter.finish()
        start_ns = self.start_ns or 0
        # A packet says how much of it counts; the decoder gives the rest of the coder's last block, too.
        end_ns = min(self.end_ns, self.packets_end_ns) if self.packets_end_ns > start_ns else self.end_ns
        return {
            "codec": str(self.stream.codec_context.codec.canonical_name),
            "rate_hz": self._rate_hz,
            "channels": self._channels,
            "start_ns": start_ns,
            "end_ns": end_ns,
            "gap_ns": self.gap_ns,
            "integrated_lufs": heard.integrated_lufs,
            "true_peak_dbtp": heard.true_peak_dbtp,
            "clipped_samples": heard.clipped_samples,
            "samples": heard.samples,
        }


def run(request: Mapping[str, Any], progress: Callable[[float], None]) -> dict[str, object]:
    """Measure one clip; `request` has `path`, `max_pixels`, `threads`, `duration_ns` and `ignored_rows`.

    Returns:
        What `read_measured` reads.

    Raises:
        Refused: it is no file of media.
    """
    path = Path(request["path"])
    kinds = list(boxes(path))
    order = [kind for kind, _ in kinds if kind in {b"moov", b"mdat"}]
    with open_media(path) as container:
        gauge = _gauge(container, request)
        ear = _Ear(container.streams.audio[0]) if container.streams.audio else None
        damaged = 0
        for packet in demux(container, *(part.stream for part in (gauge, ear) if part is not None)):
            try:
                _take(packet, gauge, ear)
            except MemoryError:
                raise
            except FFmpegError:
                damaged += 1
            if gauge is not None:
                progress(gauge.end_ns / max(1, request["duration_ns"]))
        return {
            "is_faststart": order[:1] == [b"moov"],
            "is_whole": all(complete for _, complete in kinds),
            "damaged_packets": damaged,
            "pictures": gauge.report() if gauge is not None else None,
            "sound": ear.report() if ear is not None else None,
        }


def _gauge(container: InputContainer, request: Mapping[str, Any]) -> _Gauge | None:
    tracks = video_tracks(container)
    if not tracks:
        return None
    stream = prepare_video(container, tracks[0].index, max_pixels=request["max_pixels"], threads=request["threads"])
    stream.codec_context.options = {**stream.codec_context.options, **_FAST}
    top, bottom = request["ignored_rows"]
    return _Gauge(stream, (top, bottom))


def _take(packet: "Packet[Any]", gauge: _Gauge | None, ear: _Ear | None) -> None:
    if isinstance(packet.stream, AudioStream) and ear is not None:
        ear.note(packet)
    elif gauge is not None:
        gauge.note(packet)
    for frame in _decoded(packet):
        if isinstance(frame, VideoFrame) and gauge is not None:
            gauge.show(frame)
        elif isinstance(frame, AudioFrame) and ear is not None:
            ear.hear(frame)


def _decoded(packet: "Packet[Any]") -> Iterator[object]:
    yield from packet.decode()
