"""Measures finished clips in a child of the media sandbox; what the numbers come to is decided in the domain."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from chassis.core.errors import UnreadableMedia
from heimdex.ingest.v1 import export_pb2
from ingest_svc.adapters.media_process import absolute
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.checking.check_report import Report, Verdict, unreadable
from ingest_svc.domain.exports.checking.doubts import Doubt, doubts_about, is_fault, read_looks
from ingest_svc.domain.exports.checking.expected import Expected, Origin
from ingest_svc.domain.exports.checking.measured import Measured, PictureTrack, read_measured
from ingest_svc.domain.exports.checking.verdict import judge
from ingest_svc.domain.media_failures import nonsense

__all__ = ["SandboxChecker"]

_ROW_MARGIN = 0.02
_MOST_IGNORED = 0.7
_VERDICTS = {
    Verdict.GOOD: export_pb2.CHECK_VERDICT_GOOD,
    Verdict.POOR: export_pb2.CHECK_VERDICT_POOR,
    Verdict.FAILED: export_pb2.CHECK_VERDICT_FAILED,
}


class SandboxChecker:
    """Decodes a clip once, and its sources only where the clip is black or stands still.

    Args:
        sandbox: entered by its owner.
    """

    def __init__(self, sandbox: MediaSandbox) -> None:
        self._sandbox = sandbox

    async def check(self, clip: Path, expected: Expected) -> export_pb2.CheckReport:
        """Measure a finished clip and say what it is like; one that can not be read is a report, not an error.

        Raises:
            UpstreamUnavailable: no child could be started, or it was killed from outside; try again.
        """
        try:
            measured = await self._measure(clip, expected)
        except UnreadableMedia as error:
            return _encode(unreadable(expected, str(error)))
        faults = await self._faults(measured.pictures, expected) if measured.pictures else ()
        return _encode(judge(measured, expected, faults))

    async def _measure(self, clip: Path, expected: Expected) -> Measured:
        request = {
            "path": absolute(clip),
            "threads": self._sandbox.limits.threads,
            "duration_ns": expected.duration_ns,
            "ignored_rows": _caption_rows(expected.caption_boxes),
        }
        answer = await self._sandbox.ask("measure", request, clip.parent, self._wall_seconds(expected))
        try:
            return read_measured(answer)
        except (ValueError, KeyError) as error:
            raise nonsense() from error

    async def _faults(self, pictures: PictureTrack, expected: Expected) -> tuple[Doubt, ...]:
        doubts = doubts_about(pictures, expected)
        by_origin: dict[Origin | None, list[Doubt]] = defaultdict(list)
        for doubt in doubts:
            by_origin[doubt.look.origin if doubt.look is not None else None].append(doubt)
        faults: list[Doubt] = []
        for origin, together in by_origin.items():
            seen = [None] * len(together) if origin is None else await self._look(origin, together, expected)
            faults += [doubt for doubt, what in zip(together, seen, strict=True) if is_fault(doubt, what)]
        return tuple(faults)

    async def _look(
        self, origin: Origin, doubts: Sequence[Doubt], expected: Expected
    ) -> Sequence[tuple[float, float] | None]:
        """Look at a source; one that can not be read tells nothing, and nobody is blamed for it."""
        looks = [doubt.look for doubt in doubts if doubt.look is not None]
        request = {
            "path": absolute(origin.path),
            "stream_index": origin.stream_index,
            "threads": self._sandbox.limits.threads,
            "rotation_degrees": origin.rotation_degrees,
            "looks": [(look.span.start_ns, look.span.end_ns, *look.window) for look in looks],
        }
        # Without a usable index everything before the stretch is decoded too.
        wall_seconds = self._sandbox.limits.scenes_seconds(origin.span.end_ns) + self._wall_seconds(expected)
        try:
            answer = await self._sandbox.ask("look", request, origin.path.parent, wall_seconds)
            return read_looks(answer, len(looks))
        except (UnreadableMedia, ValueError, KeyError):
            return [None] * len(looks)

    def _wall_seconds(self, expected: Expected) -> float:
        return self._sandbox.limits.scenes_seconds(expected.duration_ns)


def _caption_rows(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float]:
    """Return the rows between which captions change, as parts of the height; none when that would leave too little."""
    if not boxes:
        return 0.0, 0.0
    top = max(0.0, min(box[1] for box in boxes) - _ROW_MARGIN)
    bottom = min(1.0, max(box[1] + box[3] for box in boxes) + _ROW_MARGIN)
    return (top, bottom) if 0 < bottom - top <= _MOST_IGNORED else (0.0, 0.0)


def _encode(report: Report) -> export_pb2.CheckReport:
    """Return the report as a message; what could not be measured is absent from it."""
    message = export_pb2.CheckReport(verdict=_VERDICTS[report.verdict], reasons=report.reasons)
    for field in fields(report):
        value = getattr(report, field.name)
        if field.name not in {"verdict", "reasons"} and value is not None:
            setattr(message, field.name, value)
    return message
