"""Sources with known truth for the cutter, a cutter to cut them, and a look at what came out."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from chassis.core.mediatime import TimeSpan
from ingest_svc.adapters.cutter import FfmpegCutter, ffmpeg_program
from ingest_svc.adapters.media_child import probing
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.values import CameraPath, Encoding, Size, Strategy
from ingest_svc.domain.media_report import read_probe
from ingest_svc.domain.probe import MediaFacts
from ingest_svc.exports.ports import Clip, ClipSource, Made

__all__ = [
    "SECOND",
    "TINY",
    "Flashes",
    "Seen",
    "cut",
    "facts_of",
    "ffmpeg",
    "look",
    "names",
    "size_of",
    "source_of",
    "write_flashes",
]

SECOND = 10**9
RATE_HZ = 48_000
TINY = Encoding(size=Size(108, 192), crf=26, preset="ultrafast")
"""9:16 at a size that costs nothing."""


@dataclass(frozen=True, slots=True)
class Flashes:
    """A grey clip with moving stripes that is white for two pictures at each of `at`, with a beep of 60 ms.

    `is_uneven` leaves out every third picture, but no flash.
    """

    seconds: float = 3.0
    fps: Fraction = Fraction(25)
    at: tuple[float, ...] = (0.48, 1.48, 2.48)
    width: int = 160
    height: int = 90
    has_sound: bool = True
    is_uneven: bool = False
    group: int = 250


def write_flashes(path: Path, flashes: Flashes | None = None) -> Path:
    """Write such a clip, its sound uncompressed, so that nothing about it has a delay of its own."""
    flashes = flashes or Flashes()
    with av.open(str(path), mode="w") as output:
        stream: Any = output.add_stream("libx264", rate=flashes.fps)
        stream.width, stream.height, stream.pix_fmt = flashes.width, flashes.height, "yuv420p"
        stream.options = {"g": str(flashes.group), "preset": "ultrafast", "bf": "2", "sc_threshold": "0"}
        stream.time_base = stream.codec_context.time_base = 1 / flashes.fps
        sound: Any = output.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") if flashes.has_sound else None
        lit = {round(at * flashes.fps) + more for at in flashes.at for more in (0, 1)}
        for number in range(round(flashes.seconds * flashes.fps)):
            if flashes.is_uneven and number % 3 == 1 and number not in lit:
                continue
            frame = VideoFrame.from_ndarray(_picture(flashes, number, is_lit=number in lit), format="gray")
            frame.pts, frame.time_base = number, 1 / flashes.fps
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
        if sound is not None:
            for block in _beeps(flashes):
                output.mux(sound.encode(block))
            output.mux(sound.encode(None))
    return path


def _picture(flashes: Flashes, number: int, *, is_lit: bool) -> np.ndarray:
    picture = np.full((flashes.height, flashes.width), 250 if is_lit else 60, np.uint8)
    if not is_lit:
        picture[:, (np.arange(flashes.width) + number) // 8 % 2 == 0] = 40
    return picture


def _beeps(flashes: Flashes) -> Iterator[AudioFrame]:
    instants = np.arange(round(flashes.seconds * RATE_HZ)) / RATE_HZ
    samples = np.sin(2 * np.pi * 200 * instants) * 300  # never quite silent
    for at in flashes.at:
        begin = round(at * flashes.fps) / flashes.fps
        is_on = (instants >= begin) & (instants < begin + Fraction(6, 100))
        samples[is_on] = np.sin(2 * np.pi * 1000 * instants[is_on]) * 16_000
    for start in range(0, len(samples), 1024):
        block = samples[start : start + 1024].astype(np.int16).reshape(1, -1)
        frame = AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        yield frame


def ffmpeg(*words: str) -> None:
    """Run ffmpeg to make a source."""
    command = (ffmpeg_program(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *words)
    subprocess.run(command, check=True, capture_output=True)


@cache
def facts_of(path: Path) -> MediaFacts:
    """Probe a file, by the code of the sandbox's child, here."""
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "path": str(path),
            "out_dir": folder,
            "audio_name": "sound.flac",
            "max_pixels": 1 << 26,
            "max_duration_seconds": 3600,
        }
        answer = json.loads(json.dumps(probing.run(request, lambda _: None)))
        return read_probe(answer, out_dir=Path(folder), audio_name="sound.flac").facts


def source_of(
    path: Path,
    start: float = 0.0,
    end: float | None = None,
    *,
    strategy: Strategy = Strategy.CENTER_CROP,
    camera: CameraPath | None = None,
) -> ClipSource:
    """Return a stretch of a file, in seconds; all of it without `end`."""
    facts = facts_of(path)
    span = TimeSpan(round(start * SECOND), facts.duration_ns if end is None else round(end * SECOND))
    return ClipSource(path=path, facts=facts, span=span, strategy=strategy, camera=camera)


def names(folder: Path) -> set[str]:
    """Return what is in a folder."""
    return {path.name for path in folder.iterdir()}


def size_of(path: Path) -> int:
    """Return the length of a file in bytes."""
    return path.stat().st_size


async def cut(
    sandbox: MediaSandbox,
    sources: Sequence[ClipSource],
    out: Path,
    *,
    encoding: Encoding = TINY,
    subtitles: str | None = None,
) -> Made:
    """Cut with a cutter of its own."""
    clip = Clip(sources=tuple(sources), encoding=encoding, subtitles=subtitles)
    made = await FfmpegCutter(sandbox).cut(clip, out)
    assert made.size_bytes == size_of(out)
    return made


@dataclass(frozen=True, slots=True)
class Seen:
    """What a clip is, as decoded here.

    Attributes:
        luma: mean of the middle of every picture, 0 to 255.
        times: when each is shown, in seconds.
        pictures: middle ones, RGB, as asked for.
        samples: float32[n, channels] from the instant 0 on; empty without sound.
    """

    width: int
    height: int
    rate: Fraction
    pixel_format: str
    colours: tuple[int, int, int, int]
    profile: str
    codec: str
    aspect: Fraction | None
    metadata: dict[str, str]
    luma: tuple[float, ...]
    times: tuple[float, ...]
    keyframes: tuple[int, ...]
    samples: np.ndarray = field(repr=False)
    sound: str = ""
    pictures: tuple[np.ndarray, ...] = field(default=(), repr=False)

    @property
    def seconds(self) -> float:
        """Length of the picture."""
        return float(len(self.times) / self.rate)

    def flashes(self) -> list[float]:
        """When white pictures begin, in seconds."""
        threshold = (max(self.luma) + min(self.luma)) / 2
        lit = [value > threshold for value in self.luma]
        return [self.times[n] for n in range(len(lit)) if lit[n] and (n == 0 or not lit[n - 1])]

    def beeps(self) -> list[float]:
        """When loud stretches begin, in seconds."""
        loud = np.abs(self.samples).max(axis=1) > np.abs(self.samples).max() / 4
        at = np.flatnonzero(loud)
        begins = at[np.diff(at, prepend=-RATE_HZ) > RATE_HZ // 10]
        return [float(begin / RATE_HZ) for begin in begins]


def _middle(grey: np.ndarray) -> np.ndarray:
    height, width = grey.shape
    return grey[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]


def look(path: Path, *, keeps: bool = False) -> Seen:
    """Decode a clip whole; `keeps` its pictures."""
    luma, times, keyframes, pictures, blocks = [], [], [], [], []
    with av.open(str(path)) as container:
        video: Any = container.streams.video[0]
        for number, frame in enumerate(container.decode(video)):
            grey = frame.reformat(format="gray").to_ndarray()
            luma.append(float(_middle(grey).mean()))
            times.append(float(frame.pts * frame.time_base))
            if frame.key_frame:
                keyframes.append(number)
            if keeps:
                pictures.append(frame.to_ndarray(format="rgb24"))
        context = video.codec_context
        seen = Seen(
            width=frame.width,
            height=frame.height,
            rate=Fraction(video.average_rate),
            pixel_format=context.pix_fmt,
            colours=(int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc), int(frame.color_range)),
            profile=context.profile or "",
            codec=context.name,
            aspect=context.sample_aspect_ratio,
            metadata=dict(container.metadata),
            luma=tuple(luma),
            times=tuple(times),
            keyframes=tuple(keyframes),
            pictures=tuple(pictures),
            samples=np.zeros((0, 2), np.float32),
        )
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return seen
        sound: Any = container.streams.audio[0]
        for frame in container.decode(sound):
            begin = round(frame.pts * frame.time_base * RATE_HZ)
            samples = frame.to_ndarray().T if frame.format.is_planar else frame.to_ndarray().reshape(-1, 2)
            blocks.append(samples[max(0, -begin) :])
        words = f"{sound.codec_context.name} {sound.codec_context.sample_rate} {sound.codec_context.layout.name}"
        return replace(seen, samples=np.concatenate(blocks), sound=words)
