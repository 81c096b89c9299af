"""Which frames stand for a scene: one near the middle of each slot of a shot, never a blank one if another is there.

The choice is made while the video streams by, so nothing here looks ahead: a shot is divided into slots, each slot
keeps a handful of candidates that thin themselves out as it grows, and the slot's picture is chosen when it ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from chassis.core.mediatime import TimeSpan

__all__ = [
    "DEFAULT_SLOT_NS",
    "Candidate",
    "Keyframe",
    "Scene",
    "Slot",
    "Thumbnail",
    "choose",
    "scenes_with_pictures",
]

DEFAULT_SLOT_NS = 10_000_000_000
"""A long shot gets one keyframe for each slot of this length."""

_FIRST_CADENCE_NS = 300_000_000
_MAX_CANDIDATES = 8
_BLANK_MEAN_LUMA = 24.0
_BLANK_CONTRAST = 4.0

PictureT = TypeVar("PictureT")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[PictureT]):
    """A picture that may stand for its shot.

    Attributes:
        at_ns: instant in the video.
        mean_luma: average brightness, 0 to 255; video black is about 16.
        contrast: standard deviation of brightness, 0 to 128.
        picture: whatever the caller can turn into a file.
    """

    at_ns: int
    mean_luma: float
    contrast: float
    picture: PictureT

    @property
    def is_blank(self) -> bool:
        """Whether nothing is to be seen: black, or one even colour."""
        return self.mean_luma < _BLANK_MEAN_LUMA or self.contrast < _BLANK_CONTRAST


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One written picture of a shot: instant in the video, file name inside the output folder, size in pixels."""

    at_ns: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Thumbnail(Keyframe):
    """The small picture that is shown for a shot."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A span of the video and the pictures that stand for it; both are empty for sound without pictures."""

    span: TimeSpan
    keyframes: tuple[Keyframe, ...] = ()
    thumbnail: Thumbnail | None = None


class Slot(Generic[PictureT]):
    """Candidates of one stretch of a shot, at most nine at a time, spread evenly over what has been seen of it."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        self.end_ns = start_ns
        self._cadence_ns = _FIRST_CADENCE_NS
        self._spread: list[Candidate[PictureT]] = []
        self._rescue: Candidate[PictureT] | None = None

    def offer(self, at_ns: int, measure: Callable[[], Candidate[PictureT]]) -> None:
        """Show the slot a frame; `measure` is called only if the frame is wanted.

        While everything kept is blank, each frame is measured, so that one that is not blank is never missed.
        """
        self.end_ns = at_ns
        due = not self._spread or at_ns - self._spread[-1].at_ns >= self._cadence_ns
        if not due and not self._is_all_blank:
            return
        candidate = measure()
        if due:
            self._spread.append(candidate)
            if len(self._spread) > _MAX_CANDIDATES:
                self._spread = self._spread[::2]
                self._cadence_ns *= 2
        if not candidate.is_blank and self._rescue is None:
            self._rescue = candidate

    def split(self, at_ns: int) -> "Slot[PictureT]":
        """Keep what lies before an instant and return a slot that begins there with the rest."""
        late: Slot[PictureT] = Slot(at_ns)
        for candidate in self.candidates:
            if candidate.at_ns >= at_ns:
                late.offer(candidate.at_ns, lambda kept=candidate: kept)  # type: ignore[misc]
        self._spread = [candidate for candidate in self._spread if candidate.at_ns < at_ns]
        if self._rescue is not None and self._rescue.at_ns >= at_ns:
            self._rescue = None
        late.end_ns = max(at_ns, self.end_ns)
        self.end_ns = min(at_ns, self.end_ns)
        return late

    @property
    def candidates(self) -> tuple[Candidate[PictureT], ...]:
        """What may be chosen now, in order of time."""
        kept = self._spread if self._rescue is None else [*self._spread, self._rescue]
        return tuple(sorted({candidate.at_ns: candidate for candidate in kept}.values(), key=lambda c: c.at_ns))

    @property
    def _is_all_blank(self) -> bool:
        return self._rescue is None


def choose(candidates: Sequence[Candidate[PictureT]], start_ns: int, end_ns: int) -> Candidate[PictureT]:
    """Return the candidate nearest to the middle of a span, a blank one only if all are; the earlier one on a tie.

    Raises:
        ValueError: there is no candidate.
    """
    middle_ns = (start_ns + end_ns) // 2
    return min(candidates, key=lambda candidate: (candidate.is_blank, abs(candidate.at_ns - middle_ns)))


def scenes_with_pictures(
    spans: Sequence[TimeSpan], keyframes: Sequence[Keyframe], thumbnails: Sequence[Thumbnail]
) -> tuple[Scene, ...]:
    """Give every scene the pictures taken inside it, in order of time; its thumbnail is its first one."""
    scenes = []
    for span in spans:
        inside = sorted((frame for frame in keyframes if span.contains(frame.at_ns)), key=lambda frame: frame.at_ns)
        first = min((small for small in thumbnails if span.contains(small.at_ns)), key=lambda s: s.at_ns, default=None)
        scenes.append(replace(Scene(span), keyframes=tuple(inside), thumbnail=first))
    return tuple(scenes)
