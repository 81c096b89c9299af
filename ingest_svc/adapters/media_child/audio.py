"""Writes the chosen sound track as 16 kHz mono FLAC on the video's own clock: gaps become silence."""

import errno
from fractions import Fraction
from pathlib import Path

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from chassis.core.mediatime import ns_from_pts

__all__ = ["SAMPLE_RATE_HZ", "AudioWriter"]

SAMPLE_RATE_HZ = 16_000
_SCRATCH_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
_NS = 1_000_000_000
_GAP_SAMPLES = SAMPLE_RATE_HZ // 10
_START_SLACK_SAMPLES = SAMPLE_RATE_HZ // 200
_SILENCE_BLOCK = SAMPLE_RATE_HZ * 10
_MAX_GAP_SAMPLES = SAMPLE_RATE_HZ * 3600
_BLOCK = 4608
"""Samples of one FLAC frame at this rate and level; all but the last must be this long."""


class AudioWriter:
    """Decodes, resamples and encodes packets of one stream; sample n is heard n / 16000 s after the video's zero.

    Args:
        path: file to write.
        zero_ns: instant of the stream's clock that is the video's zero.
    """

    def __init__(self, path: Path, zero_ns: int) -> None:
        self._zero_ns = zero_ns
        self._output = av.open(str(path), mode="w", format="flac")
        self._stream = self._output.add_stream("flac", rate=SAMPLE_RATE_HZ, options={"compression_level": "1"})
        self._stream.codec_context.layout = "mono"
        self._stream.codec_context.format = "s16"
        self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        self._shape: tuple[str, str, int] | None = None
        self._queue = AudioFifo()
        self._samples = 0
        self._encoded = 0
        self._damaged_packets = 0

    def feed(self, packet: "Packet[AudioStream]") -> None:
        """Take one packet; a damaged one is counted and left out."""
        try:
            for frame in packet.decode():
                self._align(frame)
                self._resample(frame)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            if error.errno in _SCRATCH_ERRORS:
                raise
            self._damaged_packets += 1

    def close(self) -> dict[str, int]:
        """Finish the file.

        Returns:
            `samples`, `sample_rate_hz` and `damaged_packets`.
        """
        self._drain()
        self._encode(self._queue.read(0, True))
        self._output.mux(self._stream.encode(None))
        self._output.close()
        return {
            "samples": self._samples,
            "sample_rate_hz": SAMPLE_RATE_HZ,
            "damaged_packets": self._damaged_packets,
        }

    def _align(self, frame: AudioFrame) -> None:
        """Fill with silence up to where the stream's clock says this frame belongs."""
        if frame.pts is None or frame.time_base is None:
            return
        due = (ns_from_pts(frame.pts, frame.time_base) - self._zero_ns) * SAMPLE_RATE_HZ // _NS
        gap = due - self._samples
        if gap > (_GAP_SAMPLES if self._samples else _START_SLACK_SAMPLES):
            self._drain()
            left = min(due - self._samples, _MAX_GAP_SAMPLES)
            while left > 0:
                block = min(left, _SILENCE_BLOCK)
                self._append(_silence(block))
                left -= block

    def _resample(self, frame: AudioFrame) -> None:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            # Some streams change their layout half-way; a resampler takes one shape only.
            if self._shape is not None:
                self._drain()
            self._shape = shape
        for out in self._resampler.resample(frame):
            self._append(out)

    def _drain(self) -> None:
        if self._shape is None:
            return
        for out in self._resampler.resample(None):
            self._append(out)
        self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        self._shape = None

    def _append(self, frame: AudioFrame) -> None:
        frame.pts = None  # the queue would refuse stamps that jump; ours are counted
        self._queue.write(frame)
        self._samples += frame.samples
        while self._queue.samples >= _BLOCK:
            self._encode(self._queue.read(_BLOCK))

    def _encode(self, frame: AudioFrame | None) -> None:
        if frame is None:
            return
        frame.pts = self._encoded
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        self._encoded += frame.samples
        self._output.mux(self._stream.encode(frame))


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="mono", samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame
