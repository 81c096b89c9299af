"""Looks into a stretch of a file through the media sandbox: small pictures, cuts and movement."""

import re
from pathlib import Path

from chassis.core.errors import UnreadableMedia
from chassis.core.mediatime import TimeSpan
from ingest_svc.adapters.media_process import absolute
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.media_failures import nonsense
from ingest_svc.domain.media_report import SceneOptions
from ingest_svc.domain.probe import MediaFacts, RefusalReason
from ingest_svc.domain.strict_json import checked_text, checked_whole, items, mapping, own_file
from ingest_svc.exports.ports import Sampled

__all__ = ["SandboxSampler", "read_sampled"]

_STEP_NS = 200_000_000
_MAX_PICTURES = 400
"""A stretch of more than 80 seconds is looked at less often, so that the models are not busy for minutes."""
_MAX_SIDE = 640
_MIN_SHOT_SECONDS = 0.2
"""Shorter than for scenes: a frame that glides over a cut is worse than a short shot."""
_NAME = re.compile(r"sample_\d{5}\.jpg")


class SandboxSampler:
    """Decodes a stretch once, in a child of the media sandbox.

    Args:
        sandbox: entered by its owner.
        options: how cuts are found; as for scenes, but for the shortest shot.
    """

    def __init__(self, sandbox: MediaSandbox, options: SceneOptions | None = None) -> None:
        self._sandbox = sandbox
        self._options = options or SceneOptions()

    async def sample(self, path: Path, facts: MediaFacts, span: TimeSpan, out_dir: Path) -> Sampled:
        """Leave about five pictures per second in `out_dir`, upright, their longer side at most 640 pixels.

        Raises:
            UnreadableMedia: the file can not be used, or holds no picture in this stretch.
            UpstreamUnavailable: the child was killed from outside, or the scratch space is full; try again.
        """
        if facts.video is None or span.length_ns <= 0:
            raise UnreadableMedia(
                "There are no pictures in this stretch of the file; choose another one.",
                reason=RefusalReason.DECODE_FAILED,
            )
        limits = self._sandbox.limits
        request = {
            "path": absolute(path),
            "stream_index": facts.video.index,
            "start_ns": span.start_ns,
            "end_ns": span.end_ns,
            "step_ns": max(_STEP_NS, span.length_ns // _MAX_PICTURES),
            "max_side": _MAX_SIDE,
            "threads": limits.threads,
            "threshold": self._options.threshold,
            "min_shot_seconds": _MIN_SHOT_SECONDS,
        }
        # Without a usable index everything before the stretch is decoded too.
        answer = await self._sandbox.ask("sample", request, out_dir, limits.scenes_seconds(span.end_ns))
        try:
            return read_sampled(answer, out_dir=out_dir, length_ns=span.length_ns)
        except (ValueError, KeyError) as error:
            raise nonsense() from error


def read_sampled(answer: object, *, out_dir: Path, length_ns: int) -> Sampled:
    """Read the child's answer.

    Raises:
        ValueError: it is not one.
    """
    fields = mapping(answer)
    most = 2 * _MAX_PICTURES + 2
    at_ns = tuple(checked_whole(value, 0, length_ns - 1) for value in items(fields, "at_ns", most))
    names = [checked_text(name) for name in items(fields, "names", most)]
    motion = tuple(_motion(value) for value in items(fields, "motion", most))
    cuts_ns = {checked_whole(value, 0, length_ns - 1) for value in items(fields, "cuts_ns", length_ns)}
    if not len(at_ns) == len(names) == len(motion) or not at_ns or sorted(set(at_ns)) != list(at_ns):
        raise ValueError("pictures and their instants do not belong together")
    if not all(_NAME.fullmatch(name) for name in names) or len(set(names)) != len(names):
        raise ValueError("a picture has a name that is not ours")
    pictures = tuple(own_file(out_dir / name) for name in names)
    return Sampled(at_ns, pictures, tuple(sorted({0, *cuts_ns})), motion)


def _motion(value: object) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:  # noqa: PLR2004  (how much, x, y)
        raise ValueError("a movement is three numbers")
    for part in value:
        if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part <= 1:
            raise ValueError("a movement is given in parts of the picture")
    amount, x, y = (float(part) for part in value)
    return amount, x, y
