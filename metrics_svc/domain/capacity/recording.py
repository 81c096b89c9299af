"""What the workers told of a stretch of time, as arrays: the ground of everything that is said about capacity."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.queueing import Numbers, Seconds

__all__ = ["Flags", "Numbers", "Pieces", "Recording", "Runs"]

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """The attempts at one stage that ended in the window, in any order, all arrays of one length.

    Moments are seconds since the start of the window (negative before it), lengths are seconds and not negative; NaN
    is what was not told or not measured. `run`, `model` and `worker` are keys, equal where the thing is the same.
    """

    run: Numbers
    attempt: Numbers
    queued_s: Seconds
    started_s: Seconds
    service_s: Seconds
    wait_s: Seconds
    model: Numbers
    worker: Numbers
    slots: Numbers
    """Pieces the worker can have in hand at once; 0 when not told."""
    is_corrected: Flags
    """Whether clocks contradicted each other."""
    is_skipped: Flags

    def __len__(self) -> int:
        return int(self.run.size)

    @property
    def ended_s(self) -> Seconds:
        """When each ended; NaN when that is not known."""
        return self.started_s + self.service_s

    def taken(self, chosen: Flags) -> "Pieces":
        """Return some of them."""
        return Pieces(**{name: getattr(self, name)[chosen] for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """The runs of videos that ended in the window, in any order."""

    key: Numbers
    queued_s: Seconds
    """Seconds since the start of the window, negative before it; NaN when not told."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """A stretch of time, and what ended in it."""

    window: Window
    runs: Runs
    pieces: Mapping[str, Pieces]
    """By stage; only stages that did something."""
    models: Mapping[str, int]
    """Name of a model to its key; a stage without a model has none."""

    @classmethod
    def empty(cls, window: Window) -> "Recording":
        """Return a stretch of time in which nothing ended."""
        return cls(window=window, runs=Runs(key=np.empty(0, np.int64), queued_s=np.empty(0)), pieces={}, models={})

    @property
    def length_s(self) -> float:
        """Length of the stretch, seconds, above 0."""
        return (self.window.end - self.window.start).total_seconds()
