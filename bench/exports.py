"""An export costs at most 1.10 times the single best ffmpeg command for the same clip, in wall clock and in CPU.

The peer decodes once and encodes once, written by hand, and is given for nothing what an export has to find out first:
the gain of the sound, where to cut, how the pictures are stored. Both make the same clip, one after the other in turns;
that they are the same is measured picture by picture. Beside that: eight exports that queue against eight one by one,
the most memory that the processes of one export hold, and a copy of the streams against their encoding.
"""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from bench.harness import Aim, Gate, Measured, Quantity, Run, Stopwatch, quantile, seconds
from chassis.core.mediatime import TimeSpan
from chassis.io.spending import Spending, spending_on
from ingest_svc.adapters.cutter import FfmpegCutter, ffmpeg_program
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.cutting.limits import CutLimits
from ingest_svc.domain.exports.values import Encoding, Quality, Ratio, Strategy, encoding_of
from ingest_svc.domain.probe import MediaFacts
from ingest_svc.exports.ports import Clip, ClipSource, Made

__all__ = ["measure"]

_PEER = "one hand-written ffmpeg command that decodes once and encodes once, its gain and its cut known beforehand"
_MIB = 1 << 20
_NS = 1_000_000_000
_START_S = 2.0
_SAMPLE_SECONDS = 0.02
_QUEUED = 8
_REEL = 20
_LEAST_PSNR_DB = 38.0
_LOUDNESS_LUFS = -14.0
_NO_CAPTIONS = "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Start, End, Style, Text\n"
_MATRIX = "in_color_matrix=bt709:in_range=tv:out_color_matrix=bt709:out_range=tv"
_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_FRAMINGS = {
    Strategy.CENTER_CROP: f"crop=608:1080,scale=1080:1920:flags=bicubic+accurate_rnd:{_MATRIX},{_TAGS}[v]",
    Strategy.BLUR_PAD: (
        f"scale=1080:608:flags=bicubic+accurate_rnd:{_MATRIX},split[a][b];"
        "[b]crop=342:608,scale=90:160:flags=area,gblur=sigma=3:steps=2,lutyuv=y=16+(val-16)*0.7,"
        f"scale=1080:1920:flags=bicubic[c];[c][a]overlay=0:656:format=yuv420,{_TAGS}[v]"
    ),
}
"""How a person would write it, for 1080p into 9:16."""


@dataclass(slots=True)
class _Cost:
    """What runs of one kind cost, a number per run."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Bench:
    run: Run
    folder: Path
    sandbox: MediaSandbox
    source: Path
    facts: MediaFacts
    length_s: float
    encoding: Encoding

    def clip(self, strategy: Strategy, start_s: float = _START_S, length_s: float | None = None) -> ClipSource:
        """Return a stretch of the source."""
        end_s = start_s + (length_s or self.length_s)
        span = TimeSpan(round(start_s * _NS), round(end_s * _NS))
        return ClipSource(path=self.source, facts=self.facts, span=span, strategy=strategy)


async def measure(run: Run) -> Measured:
    """Measure ours and the peer's in turns, then the queue, the memory and the copy."""
    folder = run.folder("exports")
    length_s = float(run.count(20, 2))
    source = await asyncio.to_thread(_write_source, folder / "source.mp4", length_s + 2 * _START_S)
    encoding = encoding_of(Ratio.R_9_16, Quality.MEDIUM)
    if run.is_quick:
        encoding = replace(encoding, preset="superfast")
    async with MediaSandbox(keeps_spares=False) as sandbox:
        facts = (await sandbox.probe(source, folder)).facts
        bench = _Bench(run, folder, sandbox, source, facts, length_s, encoding)
        values: dict[str, Quantity] = {}
        gates: list[Gate] = []
        ratios = [await _against_peer(bench, strategy, values, gates) for strategy in _FRAMINGS]
        await _queue(bench, values, gates)
        await _memory(bench, values, gates)
        await _copy(bench, values, gates)
    return Measured(
        values=values,
        ratio=max(ratios),
        peer=_PEER,
        gates=tuple(gates),
        aims=(
            Aim("ratio", 1.10),
            Aim("center_crop_cpu_ratio", 1.10),
            Aim("blur_pad_cpu_ratio", 1.10),
            Aim("queued_to_one_by_one", 1.0),
            Aim("memory_medium", 500.0),
            Aim("memory_high", 500.0),
            Aim("memory_reel", 500.0),
        ),
        inputs=(str(_FRAMINGS).encode(), str(length_s).encode()),
    )


async def _against_peer(bench: _Bench, strategy: Strategy, values: dict[str, Quantity], gates: list[Gate]) -> float:
    """Measure one strategy in turns and return the ratio of wall clocks."""
    ours, peers = _Cost(), _Cost()
    own, other = bench.folder / f"{strategy}.mp4", bench.folder / f"{strategy}-peer.mp4"
    cutter = FfmpegCutter(bench.sandbox)
    gain_db = _LOUDNESS_LUFS - await asyncio.to_thread(_loudness, bench.source, _START_S, bench.length_s)
    command = _peer_command(bench, strategy, gain_db, cutter.limits, other)
    for number in range(bench.run.count(5, 1)):
        bench.run.say(f"{strategy}: turn {number + 1}")
        turns: list[Callable[[], Awaitable[None]]] = [
            lambda: _ours(cutter, bench, bench.clip(strategy), own, ours),
            lambda: asyncio.to_thread(_theirs, command, peers),
        ]
        for turn in turns if number % 2 else reversed(turns):
            await turn()
    wall = quantile(ours.wall_s, 50) / quantile(peers.wall_s, 50)
    values |= {
        f"{strategy}_wall": seconds(quantile(ours.wall_s, 50)),
        f"{strategy}_peer_wall": seconds(quantile(peers.wall_s, 50)),
        f"{strategy}_wall_ratio": Quantity(round(wall, 3), ""),
        f"{strategy}_cpu": seconds(quantile(ours.cpu_s, 50)),
        f"{strategy}_peer_cpu": seconds(quantile(peers.cpu_s, 50)),
        f"{strategy}_cpu_ratio": Quantity(round(quantile(ours.cpu_s, 50) / quantile(peers.cpu_s, 50), 3), ""),
    }
    psnr_db = await asyncio.to_thread(_psnr, own, other)
    lufs = await asyncio.to_thread(_loudness, own, 0.0, bench.length_s)
    gates += [
        Gate(f"{strategy}: the clips show the same", psnr_db >= _LEAST_PSNR_DB, f"{psnr_db:.1f} dB"),
        Gate(f"{strategy}: the clip is as loud as it has to be", abs(lufs - _LOUDNESS_LUFS) <= 1, f"{lufs:.1f} LUFS"),
    ]
    return wall


async def _ours(cutter: FfmpegCutter, bench: _Bench, source: ClipSource, out: Path, cost: _Cost) -> None:
    spending, watch = Spending(), Stopwatch()
    with spending_on(spending):
        await cutter.cut(Clip(sources=(source,), encoding=bench.encoding), out)
    cost.wall_s.append(watch.seconds)
    cost.cpu_s.append((spending.cpu_ns or 0) / _NS)


def _theirs(command: tuple[str, ...], cost: _Cost) -> None:
    watch = Stopwatch()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the peer failed with {process.returncode}")
    cost.wall_s.append(watch.seconds)
    cost.cpu_s.append(used.ru_utime + used.ru_stime)


def _peer_command(bench: _Bench, strategy: Strategy, gain_db: float, limits: CutLimits, out: Path) -> tuple[str, ...]:
    encoding, length = bench.encoding, bench.length_s
    sound = f"[0:a]volume={gain_db:.2f}dB,afade=t=in:d=0.02,afade=t=out:st={length - 0.06}:d=0.06[s]"
    graph = f"[0:v]{_FRAMINGS[strategy]};{sound}"
    return (
        *(ffmpeg_program(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
        *("-threads", str(limits.decoder_threads), "-ss", str(_START_S), "-t", str(length), "-i", str(bench.source)),
        *("-filter_complex", graph, "-map", "[v]", "-map", "[s]", "-c:v", "libx264", "-preset", encoding.preset),
        *("-crf", str(encoding.crf), "-maxrate", str(encoding.max_bps), "-bufsize", str(2 * encoding.max_bps)),
        *("-profile:v", "high", "-pix_fmt", "yuv420p", "-g", "50", "-rc-lookahead", "10"),
        *("-threads:v", str(limits.encoder_threads), "-c:a", "aac", "-b:a", str(encoding.audio_bps), "-ar", "48000"),
        *("-ac", "2", "-movflags", "+faststart", str(out)),
    )


async def _queue(bench: _Bench, values: dict[str, Quantity], gates: list[Gate]) -> None:
    """Eight short exports at once, which queue in the cutter, against the same one by one, in turns."""
    length_s = min(3.0, bench.length_s)
    cutter = FfmpegCutter(bench.sandbox)
    one_by_one, queued, made = list[float](), list[float](), list[Made]()

    async def export(number: int) -> None:
        out = bench.folder / f"queued-{number}.mp4"
        clip = Clip(sources=(bench.clip(Strategy.CENTER_CROP, 1.0 + 0.1 * number, length_s),), encoding=bench.encoding)
        made.append(await cutter.cut(clip, out))

    rounds = bench.run.count(3, 1)
    for number in range(rounds):
        bench.run.say(f"queue: round {number + 1} of {rounds}")
        watch = Stopwatch()
        for which in range(_QUEUED):
            await export(which)
        one_by_one.append(watch.seconds)
        watch = Stopwatch()
        async with asyncio.TaskGroup() as tasks:
            for which in range(_QUEUED):
                tasks.create_task(export(which))
        queued.append(watch.seconds)
    ratio = quantile(queued, 50) / quantile(one_by_one, 50)
    values |= {
        "queued_wall": seconds(quantile(queued, 50)),
        "one_by_one_wall": seconds(quantile(one_by_one, 50)),
        "queued_to_one_by_one": Quantity(round(ratio, 3), ""),
    }
    gates.append(Gate("every export of the queue was made", len(made) == 2 * _QUEUED * rounds, str(len(made))))


async def _memory(bench: _Bench, values: dict[str, Quantity], gates: list[Gate]) -> None:
    """The most that the processes of one export hold resident together, sampled 50 times a second."""
    length_s = min(6.0, bench.length_s)
    one = bench.clip(Strategy.BLUR_PAD, length_s=length_s)
    short = min(1.0, length_s / 4)
    reel = tuple(bench.clip(Strategy.CENTER_CROP, 0.1 * number, short) for number in range(_REEL))
    kinds = {
        "memory_medium": ((one,), bench.encoding),
        "memory_high": ((one,), encoding_of(Ratio.R_9_16, Quality.HIGH)),
        "memory_reel": (reel, bench.encoding),
    }
    for name, (sources, encoding) in kinds.items():
        bench.run.say(name)
        with _peak() as peak:
            await FfmpegCutter(bench.sandbox).cut(
                Clip(sources=sources, encoding=encoding), bench.folder / f"{name}.mp4"
            )
        values[name] = Quantity(round(peak.most_bytes / _MIB, 1), "MiB")
        gates.append(Gate(f"{name} was seen", peak.most_bytes > 0))


@dataclass(slots=True)
class _Peak:
    most_bytes: int = 0

    def sample(self, ours: psutil.Process) -> None:
        total = 0
        for child in ours.children(recursive=True):
            with suppress(psutil.Error):
                total += child.memory_info().rss
        self.most_bytes = max(self.most_bytes, total)


@contextmanager
def _peak() -> Iterator[_Peak]:
    """Sample the resident memory of our children while the block runs."""
    peak, ours = _Peak(), psutil.Process()

    async def sample() -> None:
        while True:
            peak.sample(ours)
            await asyncio.sleep(_SAMPLE_SECONDS)

    task = asyncio.ensure_future(sample())
    try:
        yield peak
    finally:
        task.cancel()


async def _copy(bench: _Bench, values: dict[str, Quantity], gates: list[Gate]) -> None:
    """A clip that is right already, copied and encoded anew."""
    finished = bench.folder / f"{Strategy.CENTER_CROP}.mp4"
    facts = (await bench.sandbox.probe(finished, bench.folder)).facts
    span = TimeSpan(0, round(bench.length_s * _NS))
    source = ClipSource(path=finished, facts=facts, span=span, strategy=Strategy.CENTER_CROP)
    cutter = FfmpegCutter(bench.sandbox)
    walls: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(bench.run.count(3, 1)):
        # A captioned clip is encoded anew, and an empty script draws nothing.
        for subtitles in (None, _NO_CAPTIONS):
            began = time.perf_counter()
            made = await cutter.cut(
                Clip(sources=(source,), encoding=bench.encoding, subtitles=subtitles), bench.folder / "copied.mp4"
            )
            walls[made.is_stream_copy].append(time.perf_counter() - began)
    gates.append(Gate("what is right is copied, and what is not is encoded", all(walls.values())))
    if all(walls.values()):
        values |= {
            "copy_wall": seconds(quantile(walls[True], 50)),
            "encode_wall": seconds(quantile(walls[False], 50)),
            "copy_to_encode": Quantity(round(quantile(walls[True], 50) / quantile(walls[False], 50), 4), ""),
        }


def _write_source(path: Path, length_s: float) -> Path:
    """Write 1080p with a long group, busy pictures and a sound that is neither too loud nor too quiet."""
    pictures = f"testsrc2=size=1920x1080:rate=25:duration={length_s},noise=alls=6:allf=t,gblur=sigma=1"
    sound = f"anoisesrc=color=pink:amplitude=0.15:sample_rate=48000:duration={length_s}"
    tags = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    _ffmpeg(
        *("-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound, "-vf", tags, "-c:v", "libx264"),
        *("-preset", "superfast", "-crf", "20", "-g", "250", "-bf", "3", "-pix_fmt", "yuv420p"),
        *("-ac", "2", "-c:a", "aac", "-b:a", "160k", str(path)),
    )
    return path


def _loudness(path: Path, start_s: float, length_s: float) -> float:
    cut = ("-ss", str(start_s), "-t", str(length_s), "-i", str(path))
    said = _ffmpeg(*cut, "-vn", "-af", "ebur128=framelog=quiet", "-f", "null", "-", level="info")
    return float(re.findall(r"I:\s+(\S+) LUFS", said)[-1])


def _psnr(one: Path, other: Path) -> float:
    """Return the mean PSNR of two clips in decibels."""
    said = _ffmpeg("-i", str(one), "-i", str(other), "-lavfi", "[0:v][1:v]psnr", "-f", "null", "-", level="info")
    found = re.findall(r"average:(\S+)", said)[-1]
    return 100.0 if found == "inf" else float(found)


def _ffmpeg(*words: str, level: str = "error") -> str:
    command = (ffmpeg_program(), "-hide_banner", "-nostdin", "-loglevel", level, "-y", *words)
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr
