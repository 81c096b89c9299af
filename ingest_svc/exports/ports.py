"""What the making of a clip is made of: each part is kept behind one of these, and may be replaced on its own.

All work happens in sandboxed children and may take as long as the clip; every method may raise UpstreamUnavailable (try
again) beside what it names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from chassis.core.mediatime import TimeSpan
from heimdex.ingest.v1 import export_pb2
from ingest_svc.domain.exports.checking.expected import Expected
from ingest_svc.domain.exports.values import CameraPath, Encoding, Sighting, Strategy
from ingest_svc.domain.probe import MediaFacts

__all__ = [
    "Checker",
    "Clip",
    "ClipSource",
    "Cutter",
    "Expected",
    "Made",
    "Sampled",
    "Sampler",
    "SubjectFinder",
    "Subjects",
]

Progress = Callable[[float], None]
"""Called in the event loop with the part of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSource:
    """One stretch of one file: what is cut out, and how it fills the frame. `camera` is there for SMART alone."""

    path: Path
    facts: MediaFacts
    span: TimeSpan
    strategy: Strategy
    camera: CameraPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What is to be made. `subtitles` is a whole ASS script in times of the clip, or None."""

    sources: tuple[ClipSource, ...]
    encoding: Encoding
    subtitles: str | None = None
    loudness_lufs: float = -14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made. `notes` are `REASON: sentence` each."""

    size_bytes: int
    duration_ns: int
    frame_rate: Fraction
    is_stream_copy: bool
    notes: tuple[str, ...] = ()


class Cutter(Protocol):
    """Makes clips."""

    async def cut(self, clip: Clip, out: Path, *, on_progress: Progress | None = None) -> Made:
        """Write the clip to `out` (MP4), which does not exist yet.

        Nothing is left behind on failure.

        Raises:
            UnreadableMedia: a source can not be used.
            ResourceExhausted: the disk is full.
        """
        ...

    async def thumbnail(self, clip: Path, out: Path) -> None:
        """Write a JPEG of a finished clip, its longer side at most 480 pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Sampled:
    """Pictures of a cut: JPEG files, `at_ns` from the start of the cut, and where its shots begin (0 included)."""

    at_ns: tuple[int, ...]
    pictures: tuple[Path, ...]
    shot_starts_ns: tuple[int, ...]
    motion: tuple[tuple[float, float, float], ...] = ()
    """Per picture: how much moves, 0 to 1, and the centre of it as parts of the picture."""


class Sampler(Protocol):
    """Looks into a stretch of a file."""

    async def sample(self, path: Path, facts: MediaFacts, span: TimeSpan, out_dir: Path) -> Sampled:
        """Decode a stretch once and leave small pictures of it in `out_dir`.

        Raises:
            UnreadableMedia: the file can not be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Subjects:
    """What was seen. `models` are `name@revision`; `missing` are capabilities that did not take part."""

    sightings: tuple[Sighting, ...]
    models: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class SubjectFinder(Protocol):
    """Asks models where the subjects are."""

    async def find(self, sampled: Sampled) -> Subjects:
        """Return what is seen in pictures; with no model at all nothing is seen and `missing` says why."""
        ...


class Checker(Protocol):
    """Measures clips that somebody else made."""

    async def check(self, clip: Path, expected: Expected) -> export_pb2.CheckReport:
        """Decode a finished clip once and say what it is like.

        A clip that can not be read is a report with verdict FAILED, not an error.
        """
        ...
