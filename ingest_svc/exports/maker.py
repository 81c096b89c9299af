"""Makes an export of its parts: fetch, snap, follow the subject, lay out the words, cut, check, take a picture."""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis.core.errors import Corruption
from chassis.core.mediatime import TimeSpan, ns_from_seconds
from chassis.io import logs
from heimdex.ingest.v1 import export_pb2
from ingest_svc.domain.cue_files import to_srt, to_vtt
from ingest_svc.domain.exports.camera.camera import Seen, plan_camera
from ingest_svc.domain.exports.captions.captions import Burned, burn, cues, place_words
from ingest_svc.domain.exports.captions.layout import Typeface
from ingest_svc.domain.exports.checking.check_report import size_note
from ingest_svc.domain.exports.proposing.snapping import snap
from ingest_svc.domain.exports.values import CameraPath, CaptionStyle, Cut, Options, Sighting, Strategy, encoding_of
from ingest_svc.exports.expectation import expected_of
from ingest_svc.exports.making import Job, Product
from ingest_svc.exports.ports import Checker, Clip, ClipSource, Cutter, Made, Sampler, SubjectFinder
from ingest_svc.exports.sources import Source, Sources

__all__ = ["ExportMaker", "Tools"]

_log = logs.get_logger(__name__)
_LOOKED, _CUT = 0.15, 0.85
"""Parts of the work that are done once all cuts were looked into, and once the clip is written."""
_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The parts an export is made of; `typeface` gives the font of a caption style."""

    sources: Sources
    cutter: Cutter
    sampler: Sampler
    subjects: SubjectFinder
    checker: Checker
    typeface: Callable[[CaptionStyle], Typeface]


@dataclass(frozen=True, slots=True)
class _Shown:
    """How one cut is shown: the strategy that is used for it, and what the frame has to hold."""

    strategy: Strategy
    camera: CameraPath | None = None
    followed: tuple[Sighting, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    """Captions of a clip: what is burned in, and the texts of the files; empty without words."""

    burned: Burned | None
    srt: str
    vtt: str
    notes: tuple[str, ...]


class ExportMaker:
    """Makes exports, one after the other or side by side."""

    def __init__(self, tools: Tools, *, max_seconds: float) -> None:
        self._tools = tools
        self._longest_ns = ns_from_seconds(max_seconds)

    async def make(self, job: Job) -> Product:
        """Make one export.

        Raises:
            NotFound: a video or its file has gone, `SOURCE_MISSING`.
            UnreadableMedia: a source can not be used.
            Corruption: a source is not what was uploaded, or the clip did not pass its check twice.
            UpstreamUnavailable: something did not answer, or the disk is full; try again.
        """
        options, cuts = job.order.options, job.order.cuts
        sources = await self._tools.sources.fetch(job.owner_id, [cut.video_id for cut in cuts], job.folder)
        job.span.bytes_read = sum(source.facts.size_bytes for source in sources.values())
        spans = self._spans(cuts, sources, options)
        shown = [
            await self._look(job, number, sources[cut.video_id], span)
            for number, (cut, span) in enumerate(zip(cuts, spans, strict=True))
        ]
        words = await asyncio.to_thread(self._words, options, spans, [sources[cut.video_id] for cut in cuts])
        clip = Clip(
            sources=tuple(
                ClipSource(
                    path=sources[cut.video_id].path,
                    facts=sources[cut.video_id].facts,
                    span=span,
                    strategy=how.strategy,
                    camera=how.camera,
                )
                for cut, span, how in zip(cuts, spans, shown, strict=True)
            ),
            encoding=encoding_of(options.ratio, options.quality),
            subtitles=words.burned.script if words.burned else None,
        )
        path, made, report = await self._checked(job, clip, shown, words)
        thumbnail = job.folder / "clip.jpg"
        await self._tools.cutter.thumbnail(path, thumbnail)
        srt, vtt = _written(job.folder, words)
        return Product(
            clip=path,
            thumbnail=thumbnail,
            srt=srt,
            vtt=vtt,
            spans=spans,
            used_strategy=_used(options, shown),
            is_stream_copy=made.is_stream_copy,
            notes=tuple(dict.fromkeys((*_notes(shown), *words.notes, *made.notes, *_size_notes(made)))),
            report=report,
            size_bytes=made.size_bytes,
            duration_ns=made.duration_ns,
        )

    def _spans(self, cuts: Sequence[Cut], sources: Mapping[str, Source], options: Options) -> tuple[TimeSpan, ...]:
        """Return what is taken of each video; snapping may not make a clip longer than one may ask for."""
        asked = tuple(cut.span for cut in cuts)
        if not options.snaps:
            return asked
        snapped = tuple(
            snap(cut.span, sources[cut.video_id].words, length_ns=sources[cut.video_id].facts.duration_ns)
            for cut in cuts
        )
        return snapped if sum(span.length_ns for span in snapped) <= self._longest_ns else asked

    async def _look(self, job: Job, number: int, source: Source, span: TimeSpan) -> _Shown:
        """Decide how a cut is shown; for SMART that takes a look into it."""
        options, video = job.order.options, source.facts.video
        if options.strategy is not Strategy.SMART or video is None:
            return _Shown(options.strategy)
        seen = Seen(length_ns=span.length_ns, width=video.width, height=video.height)
        plan = plan_camera(seen, options.ratio)
        if plan.path is None:  # the picture has another shape than the frame
            plan = plan_camera(await self._seen(job, number, source, span), options.ratio)
        job.on_progress(_LOOKED * (number + 1) / len(job.order.cuts))
        if plan.path is None:
            return _Shown(Strategy.BLUR_PAD, note=plan.note)
        return _Shown(Strategy.SMART, plan.path, plan.followed)

    async def _seen(self, job: Job, number: int, source: Source, span: TimeSpan) -> Seen:
        video = source.facts.video
        assert video is not None  # noqa: S101  # the caller looked
        folder = job.folder / f"look_{number}"
        folder.mkdir()
        try:
            sampled = await self._tools.sampler.sample(source.path, source.facts, span, folder)
            subjects = await self._tools.subjects.find(sampled)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        job.span.model = job.span.model or ",".join(subjects.models)
        return Seen(
            length_ns=span.length_ns,
            width=video.width,
            height=video.height,
            sightings=subjects.sightings,
            at_ns=sampled.at_ns,
            motion=sampled.motion,
            shot_starts_ns=sampled.shot_starts_ns,
            models=subjects.models,
            missing=subjects.missing,
        )

    def _words(self, options: Options, spans: Sequence[TimeSpan], sources: Sequence[Source]) -> _Words:
        passages = place_words(spans, [source.words for source in sources])
        burned = None
        if options.captions is not CaptionStyle.NONE:
            size = encoding_of(options.ratio, options.quality).size
            burned = burn(passages, style=options.captions, size=size, typeface=self._tools.typeface(options.captions))
        lines = cues(passages)
        notes = list(burned.notes) if burned else []
        if options.captions is not CaptionStyle.NONE and burned is None:
            why = next((source.silence for source in sources if source.silence), "nothing is said in this stretch")
            notes.append(f"CAPTIONS_WITHOUT_WORDS: no words to show: {why}")
        return _Words(burned, to_srt(lines) if lines else "", to_vtt(lines) if lines else "", tuple(notes))

    async def _checked(
        self, job: Job, clip: Clip, shown: Sequence[_Shown], words: _Words
    ) -> tuple[Path, Made, export_pb2.CheckReport]:
        """Cut and check; a clip that is not what was asked for is made once more.

        Raises:
            Corruption: it was not the second time either, `EXPORT_CHECK_FAILED`.
        """
        report = export_pb2.CheckReport()
        for number in range(_TRIES):
            path = job.folder / f"clip_{number}.mp4"
            made = await self._tools.cutter.cut(
                clip, path, on_progress=lambda part: job.on_progress(_LOOKED + (_CUT - _LOOKED) * part)
            )
            job.on_progress(_CUT)
            expected = expected_of(
                clip,
                subjects=[how.followed for how in shown],
                caption_boxes=words.burned.boxes if words.burned else (),
                is_stream_copy=made.is_stream_copy,
            )
            report = await self._tools.checker.check(path, expected)
            if report.verdict != export_pb2.CHECK_VERDICT_FAILED:
                return path, made, report
            _log.warning("a clip did not pass its check", attempt=number + 1, reasons=list(report.reasons))
            path.unlink(missing_ok=True)
        raise Corruption(
            "the clip did not come out as it was asked for: " + "; ".join(report.reasons), reason="EXPORT_CHECK_FAILED"
        )


def _used(options: Options, shown: Sequence[_Shown]) -> Strategy:
    """Return the strategy that was used: the asked one if any cut could be shown by it."""
    used = {how.strategy for how in shown}
    return options.strategy if options.strategy in used else next(iter(used))


def _notes(shown: Sequence[_Shown]) -> list[str]:
    """Return why cuts are shown otherwise than asked; which ones, where it is not all of them."""
    notes = {how.note: [number for number, one in enumerate(shown, 1) if one.note == how.note] for how in shown}
    return [
        note if len(numbers) == len(shown) else f"{note} (segments {', '.join(map(str, numbers))})"
        for note, numbers in notes.items()
        if note
    ]


def _size_notes(made: Made) -> list[str]:
    note = size_note(made.size_bytes)
    return [note] if note else []


def _written(folder: Path, words: _Words) -> tuple[Path | None, Path | None]:
    if not words.srt:
        return None, None
    srt, vtt = folder / "clip.srt", folder / "clip.vtt"
    srt.write_text(words.srt, encoding="utf-8")
    vtt.write_text(words.vtt, encoding="utf-8")
    return srt, vtt
