"""Small clips with known truth, made on the spot with PyAV: what the real clips are too large or too lucky to show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

__all__ = ["Clip", "Shot", "write_clip", "write_tone"]

_AUDIO_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of moving stripes over one colour (red, green, blue, 0 to 255); black when `is_black`."""

    seconds: float
    colour: tuple[int, int, int]
    is_black: bool = False


@dataclass(frozen=True, slots=True)
class Clip:
    """How a clip is coded; `dropped` leaves out every third frame, which makes the frame rate vary."""

    width: int = 320
    height: int = 180
    fps: int = 25
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    has_tone: bool = False
    dropped: bool = False


def write_clip(path: Path, shots: Sequence[Shot], clip: Clip | None = None) -> Path:
    """Write the shots one after the other with hard cuts; the name's ending picks the container."""
    clip = clip or Clip()
    with av.open(str(path), mode="w") as output:
        stream = cast("VideoStream", output.add_stream(clip.codec, rate=clip.fps))
        stream.codec_context.bit_rate = 4_000_000  # without it, coders of single pictures are all noise
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pixel_format
        sound = output.add_stream("aac", rate=_AUDIO_RATE_HZ) if clip.has_tone else None
        for number, picture in enumerate(_pictures(shots, clip)):
            if clip.dropped and number % 3 == 1:
                continue
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, clip.fps)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            for block in _tone(sum(shot.seconds for shot in shots)):
                output.mux(sound.encode(block))
            output.mux(sound.encode(None))
    return path


def write_tone(path: Path, seconds: float) -> Path:
    """Write a tone without pictures."""
    with av.open(str(path), mode="w") as output:
        codec = "aac" if path.suffix == ".m4a" else "pcm_s16le"
        sound = cast("AudioStream", output.add_stream(codec, rate=_AUDIO_RATE_HZ))
        for block in _tone(seconds):
            output.mux(sound.encode(block))
        output.mux(sound.encode(None))
    return path


def _pictures(shots: Sequence[Shot], clip: Clip) -> Iterator[np.ndarray]:
    number = 0
    for shot in shots:
        for _ in range(round(shot.seconds * clip.fps)):
            picture = np.zeros((clip.height, clip.width, 3), dtype=np.uint8)
            if not shot.is_black:
                picture[:] = shot.colour
                picture[:, (np.arange(clip.width) + number) // 16 % 2 == 0] //= 2
            yield picture
            number += 1


def _tone(seconds: float) -> Iterator[AudioFrame]:
    total = round(seconds * _AUDIO_RATE_HZ)
    for start in range(0, total, 1024):
        instants = np.arange(start, min(start + 1024, total)) / _AUDIO_RATE_HZ
        samples = (np.sin(2 * np.pi * 440 * instants) * 8000).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _AUDIO_RATE_HZ, start, Fraction(1, _AUDIO_RATE_HZ)
        yield frame
