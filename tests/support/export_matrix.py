"""Every clip of the issue in every strategy, made by the real parts without a broker or a database."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from chassis.core.mediatime import TimeSpan
from chassis.io.stage import StageSpan
from inference_svc.engine import InferenceEngine
from inference_svc.subjects import find_subjects
from ingest_svc.adapters.caption_font import caption_typeface
from ingest_svc.adapters.checker import SandboxChecker
from ingest_svc.adapters.cutter import FfmpegCutter
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.adapters.sampler import SandboxSampler
from ingest_svc.domain.exports.values import CaptionStyle, Cut, Options, Quality, Ratio, Sighting, SpokenWord, Strategy
from ingest_svc.exports.maker import ExportMaker, Tools
from ingest_svc.exports.making import Job, Product
from ingest_svc.exports.ports import Sampled, Subjects
from ingest_svc.exports.record import Order
from ingest_svc.exports.sources import Source, Sources
from tests.support.inference_models import local_engine
from tests.support.shared import MEDIA

__all__ = ["CLIPS", "NS", "Case", "Workshop", "cases", "workshop"]

NS = 1_000_000_000
_SAID = "Nobody said this but the caption stands where a caption of this clip would stand"

CLIPS = {
    "derived/speech_reel.mp4": 6.0,
    "derived/faces_reel.mp4": 1.4,
    "video/fire2.mp4": 0.0,
    "derived/rotated90_metadata.mp4": 0.0,
    "video/h265_10bits.mp4": 0.0,
    "video/video-1080p-60fps-2s.mp4": 0.0,
    "derived/vfr_dropped.mp4": 0.0,
    "derived/objects_reel_noaudio.mp4": 3.0,
}
"""The clips of the issue, and the second at which each is cut: where it has a face, a voice or a cut."""


@dataclass(frozen=True, slots=True)
class Case:
    """One export of the matrix."""

    clip: str
    options: Options

    @property
    def is_plain(self) -> bool:
        """Whether it is upright and without captions."""
        return self.options.ratio == Ratio.R_9_16 and self.options.captions == CaptionStyle.NONE

    @property
    def name(self) -> str:
        """What it is called."""
        words = [Path(self.clip).stem, self.options.strategy.value, self.options.ratio.value.replace(":", "x")]
        return "-".join([*words, self.options.captions.value] if self.options.captions != CaptionStyle.NONE else words)


def cases() -> list[Case]:
    """Every clip in every strategy; captions and the other shapes once each."""
    usual = Options(strategy=Strategy.SMART, quality=Quality.LOW, snaps=False)
    every = [Case(clip, replace(usual, strategy=strategy)) for clip in CLIPS for strategy in Strategy]
    speech, faces = "derived/speech_reel.mp4", "derived/faces_reel.mp4"
    styles = [replace(usual, captions=style) for style in list(CaptionStyle)[1:]]
    shapes = [replace(usual, ratio=ratio) for ratio in list(Ratio)[1:]]
    return [*every, *(Case(speech, options) for options in styles), *(Case(faces, options) for options in shapes)]


@dataclass(slots=True)
class _Files:
    """Stands for the library: clips of ../shared, with words for those that are to have captions."""

    sandbox: MediaSandbox
    known: dict[str, Source] = field(default_factory=dict)

    async def fetch(self, _owner_id: str, video_ids: Iterable[str], folder: Path) -> dict[str, Source]:
        return {name: await self._one(name, folder) for name in dict.fromkeys(video_ids)}

    async def _one(self, name: str, folder: Path) -> Source:
        if name not in self.known:
            path = MEDIA / name
            facts = (await self.sandbox.probe(path, folder)).facts
            start_ns = round(CLIPS[name] * NS)
            words = [
                SpokenWord(word, start_ns + number * NS // 5, start_ns + (number + 1) * NS // 5)
                for number, word in enumerate(_SAID.split())
            ]
            self.known[name] = Source(path, facts, tuple(words), "")
        return self.known[name]


@dataclass(frozen=True, slots=True)
class _Models:
    """The real models, in this process."""

    engine: InferenceEngine

    async def find(self, sampled: Sampled) -> Subjects:
        sightings: list[Sighting] = []
        models: tuple[str, ...] = ()
        skipped: dict[str, str] = {}
        for first in range(0, len(sampled.pictures), 16):
            some = slice(first, first + 16)
            found = await find_subjects(self.engine.pool, [path.read_bytes() for path in sampled.pictures[some]])
            models, skipped = found.models, found.skipped
            for at_ns, picture in zip(sampled.at_ns[some], found.pictures, strict=True):
                for one in (*picture.faces, *picture.objects):
                    label = "face" if one in picture.faces else one.label
                    sightings.append(Sighting(at_ns, label, one.score, one.left, one.top, one.width, one.height))
        return Subjects(tuple(sightings), models, tuple(skipped))


@dataclass(frozen=True, slots=True)
class Workshop:
    """Makes cases."""

    maker: ExportMaker
    files: _Files
    folder: Path
    longest_ns: int

    async def make(self, case: Case) -> Product:
        """Make one case; its files stay until the workshop's folder goes."""
        folder = self.folder / case.name
        folder.mkdir()
        source = (await self.files.fetch("u_1", [case.clip], folder))[case.clip]
        start_ns = round(CLIPS[case.clip] * NS)
        span = TimeSpan(start_ns, min(source.facts.duration_ns, start_ns + self.longest_ns))
        order = Order(
            cuts=(Cut(case.clip, span),),
            options=case.options,
            request_id="",
            request_digest="",
            resolution="",
            storage_path="",
        )
        return await self.maker.make(
            Job("e_1", "u_1", order, folder, lambda _part: None, StageSpan(datetime(2026, 1, 1, tzinfo=UTC)))
        )


@asynccontextmanager
async def workshop(folder: Path, *, longest_s: float = 3.0) -> AsyncIterator[Workshop]:
    """Open everything that makes an export of so many seconds; models as far as they are beside this checkout."""
    engine = local_engine(folder)
    try:
        async with MediaSandbox(keeps_spares=False) as sandbox:
            files = _Files(sandbox)
            tools = Tools(
                sources=cast("Sources", files),
                cutter=FfmpegCutter(sandbox),
                sampler=SandboxSampler(sandbox),
                subjects=_Models(engine),
                checker=SandboxChecker(sandbox),
                typeface=caption_typeface,
            )
            yield Workshop(ExportMaker(tools, max_seconds=180.0), files, folder, round(longest_s * NS))
    finally:
        await engine.close()
