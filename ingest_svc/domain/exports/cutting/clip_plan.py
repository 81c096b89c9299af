"""A clip as filter graphs: where its sources lie, and what is done to their pictures and sounds."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, TimeSpan
from ingest_svc.domain.exports.cutting.commands import CAPTIONS, FONTS, Input
from ingest_svc.domain.exports.cutting.gain import Gain
from ingest_svc.domain.exports.cutting.limits import CutLimits
from ingest_svc.domain.exports.cutting.looks import SourceLook
from ingest_svc.domain.exports.cutting.picture_chain import PictureChain, picture_chain
from ingest_svc.domain.exports.cutting.rates import clip_rate
from ingest_svc.domain.exports.cutting.sound_chain import HeardSource, gain_chain, meter_chain, sound_chain
from ingest_svc.domain.exports.cutting.timeline import Placed, place
from ingest_svc.domain.exports.values import CameraPath, Encoding, Strategy
from ingest_svc.domain.probe import MediaFacts

__all__ = ["PICTURES", "SOUND", "ClipPlan", "PlannedClip", "PlannedSource", "plan_clip"]

PICTURES, SOUND = "pictures", "sound"
"""Labels of what the graphs end in."""


class PlannedSource(Protocol):
    """What a plan needs to know of a source; `ports.ClipSource` is one."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def facts(self) -> MediaFacts: ...  # noqa: D102
    @property
    def span(self) -> TimeSpan: ...  # noqa: D102
    @property
    def strategy(self) -> Strategy: ...  # noqa: D102
    @property
    def camera(self) -> CameraPath | None: ...  # noqa: D102


class PlannedClip(Protocol):
    """What a plan needs to know of a clip; `ports.Clip` is one."""

    @property
    def sources(self) -> tuple[PlannedSource, ...]: ...  # noqa: D102
    @property
    def encoding(self) -> Encoding: ...  # noqa: D102
    @property
    def subtitles(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """How a clip is made; `looks` and `placed` have one entry per source.

    Attributes:
        rate: pictures per second.
    """

    sources: tuple[PlannedSource, ...]
    encoding: Encoding
    has_captions: bool
    looks: tuple[SourceLook, ...]
    rate: Fraction
    placed: tuple[Placed, ...]

    @property
    def pictures(self) -> int:
        """How many pictures the clip has."""
        return self.placed[-1].first_picture + self.placed[-1].pictures

    @property
    def samples(self) -> int:
        """How many samples its sound has, if it has one."""
        return self.placed[-1].first_sample + self.placed[-1].samples

    @property
    def duration_ns(self) -> int:
        """Its length."""
        return round(self.pictures * NANOSECONDS_PER_SECOND / self.rate)

    @property
    def is_reel(self) -> bool:
        """Whether it has several sources."""
        return len(self.sources) > 1

    @property
    def has_sound(self) -> bool:
        """Whether any source has sound."""
        return any(source.facts.audio is not None for source in self.sources)

    def source_input(self, number: int, limits: CutLimits) -> Input:
        """Return the input of one source, pictures and sound."""
        build = self.looks[number].x264_build
        return Input.of_file(self.sources[number].path, self.placed[number], limits, x264_build=build)

    def sound_inputs(self, limits: CutLimits) -> tuple[Input, ...]:
        """Return the inputs of those sources that have sound."""
        return tuple(
            Input.of_file(source.path, placed, limits)
            for source, placed in zip(self.sources, self.placed, strict=True)
            if source.facts.audio is not None
        )

    def meter_graph(self, gain: Gain | None, *, with_peak: bool) -> str:
        """Return the graph that measures the sound as it would be with a gain; its inputs are the sound inputs."""
        laid = sound_chain(self._heard(0), "laid")
        return f"{laid};[laid]{gain_chain(gain, self.samples)},{meter_chain(with_peak=with_peak)}[{SOUND}]"

    def encode_graph(self, gain: Gain | None) -> PictureChain:
        """Return the graph of the run that encodes.

        Its first input is the source, or the pictures of a reel; after those of a reel come the sound inputs.
        """
        if self.is_reel:
            chain = PictureChain(
                "[0:0]setsar=1,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709[framed]"
            )
        else:
            chain = self._picture_chain(0, "framed")
        captions = f"ass=filename={CAPTIONS}:fontsdir={FONTS}" if self.has_captions else "null"
        parts = [chain.text, f"[framed]{captions}[{PICTURES}]"]
        if self.has_sound:
            laid = sound_chain(self._heard(1 if self.is_reel else 0), "laid")
            parts += [laid, f"[laid]{gain_chain(gain, self.samples)}[{SOUND}]"]
        return PictureChain(";\n".join(parts), chain.files)

    def feed_graph(self, number: int) -> PictureChain:
        """Return the graph that frames the pictures of one source of a reel."""
        return self._picture_chain(number, PICTURES)

    def _picture_chain(self, number: int, result: str) -> PictureChain:
        source = self.sources[number]
        video = source.facts.video
        return picture_chain(
            self.looks[number],
            source.strategy,
            source.camera,
            placed=self.placed[number],
            rate=self.rate,
            frame=self.encoding.size,
            source=f"0:{0 if video is None else video.index}",
            result=result,
            name=f"c{number}",
        )

    def _heard(self, first_input: int) -> tuple[HeardSource, ...]:
        heard, number = [], first_input
        for source, placed in zip(self.sources, self.placed, strict=True):
            audio = source.facts.audio
            heard.append(HeardSource(None if audio is None else f"{number}:{audio.index}", placed))
            number += audio is not None
        return tuple(heard)


def plan_clip(clip: PlannedClip, looks: tuple[SourceLook, ...]) -> ClipPlan:
    """Plan a clip whose sources were looked at; without looks, one that is good enough to measure its sound."""
    looks = looks or tuple(SourceLook(width=2, height=2) for _ in clip.sources)
    rate = clip_rate(looks)
    return ClipPlan(
        sources=clip.sources,
        encoding=clip.encoding,
        has_captions=clip.subtitles is not None,
        looks=looks,
        rate=rate,
        placed=place([source.span for source in clip.sources], looks, rate),
    )
