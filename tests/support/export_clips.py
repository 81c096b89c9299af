"""Small clips for the check of exports, each right but for one thing, and the checker without a process of its own."""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import imageio_ffmpeg

from chassis.core.errors import UnreadableMedia
from chassis.core.mediatime import TimeSpan
from heimdex.ingest.v1 import export_pb2
from ingest_svc.adapters.checker import SandboxChecker
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.checking.expected import Expected, Origin
from ingest_svc.domain.exports.values import Encoding, Size, Strategy
from ingest_svc.domain.media_limits import SandboxLimits

__all__ = ["NS", "Made", "check", "expected", "ffmpeg", "make", "origin"]

NS = 1_000_000_000
SIZE = Size(144, 256)
_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a clip is made; at its defaults it is a good one of two seconds at 30 pictures a second, 60 in all.

    Attributes:
        pictures: source of ffmpeg.
        filters: what is done to its pictures, besides bringing it to size.
        tags: colour tags, as a filter; empty for none.
        pixel_format: of the file.
        level_dbfs: of a tone of 1 kHz in both channels, which makes it as many LUFS; None for no sound.
        sound_filters: what is done to the sound.
        sound_offset_s: how much later the sound begins.
        extra: other words for ffmpeg.
        is_faststart: whether the index comes first.
    """

    pictures: str = "testsrc2=size=144x256:rate=30:duration=2"
    filters: str = ""
    tags: str = _TAGS
    pixel_format: str = "yuv420p"
    level_dbfs: float | None = -14.0
    sound_filters: str = ""
    sound_offset_s: float = 0.0
    sound_codec: str = "aac"
    extra: tuple[str, ...] = ()
    is_faststart: bool = True


def ffmpeg(*words: str) -> None:
    """Run the packaged ffmpeg; what it complains about fails the test."""
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *words], check=True, timeout=30)


def make(path: Path, how: Made | None = None) -> Path:
    """Make a clip."""
    how = how or Made()
    words = ["-f", "lavfi", "-i", how.pictures]
    if how.level_dbfs is not None:
        wave = f"{10 ** (how.level_dbfs / 20)}*sin(2*PI*1000*t)"
        words += ["-itsoffset", str(how.sound_offset_s), "-f", "lavfi", "-i", f"aevalsrc={wave}|{wave}:s=48000:d=2"]
        words += ["-c:a", how.sound_codec, "-b:a", "192k"]
        words += ["-af", how.sound_filters] if how.sound_filters else []
    chain = ",".join(part for part in (how.filters, how.tags, f"format={how.pixel_format}") if part)
    words += ["-vf", chain, "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", *how.extra]
    words += ["-movflags", "+faststart"] if how.is_faststart else []
    ffmpeg(*words, str(path))
    return path


def expected(**changes: Any) -> Expected:
    """What a good clip is held against."""
    usual: dict[str, Any] = {
        "duration_ns": 2 * NS,
        "encoding": Encoding(size=SIZE, crf=26, preset="veryfast"),
        "has_sound": True,
        "loudness_lufs": -14.0,
        "lengths_ns": (2 * NS,),
    }
    return Expected(**{**usual, **changes})


def origin(path: Path, **changes: Any) -> Origin:
    """A source of the size and length of the good clip."""
    usual: dict[str, Any] = {
        "path": path,
        "stream_index": 0,
        "width": SIZE.width,
        "height": SIZE.height,
        "rotation_degrees": 0,
        "span": TimeSpan(0, 2 * NS),
        "strategy": Strategy.CENTER_CROP,
    }
    return Origin(**{**usual, **changes})


class _Here:
    """Stands for the sandbox: the same code of the child, in this process, so that its lines are counted."""

    def __init__(self) -> None:
        self.limits = SandboxLimits(threads=1)
        self.asked: list[str] = []

    async def ask(self, command: str, request: Mapping[str, Any], _out_dir: Path, _wall_seconds: float) -> object:
        self.asked.append(command)
        child = import_module(
            f"ingest_svc.adapters.media_child.{ {'measure': 'measuring', 'look': 'looking'}[command] }"
        )
        run: Callable[[Mapping[str, Any], Callable[[float], None]], object] = child.run
        told: list[float] = []
        try:
            answer = run(json.loads(json.dumps({**request, "max_pixels": 2**24})), told.append)
        except child.Refused as refused:
            raise UnreadableMedia(refused.refusal.message, reason=refused.refusal.reason) from refused
        assert all(0 <= part for part in told)
        return json.loads(json.dumps(answer))


async def check(
    clip: Path, wanted: Expected | None = None, *, asked: list[str] | None = None
) -> export_pb2.CheckReport:
    """Check a clip as the service does, but for the process; `asked` takes what was asked of the child."""
    here = _Here()
    report = await SandboxChecker(cast("MediaSandbox", here)).check(clip, wanted or expected())
    if asked is not None:
        asked += here.asked
    return report
