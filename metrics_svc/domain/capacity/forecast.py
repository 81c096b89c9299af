"""What waiting will be: recorded days played again with other uploads, other lengths of work, other numbers of workers.

How it works, what was tried before and how far each was from the truth: docs/decisions/0005-capacity-forecast.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.load import MIN_STARTS
from metrics_svc.domain.capacity.passage import Passage, sums_by
from metrics_svc.domain.capacity.queueing import Jobs, Numbers, Seconds, are_mostly_within, waits_in_line
from metrics_svc.domain.capacity.recording import Flags
from metrics_svc.domain.capacity.resampling import Scenario, draw_uploads
from metrics_svc.domain.capacity.trace import StageTrace, Trace, gathered

__all__ = ["ALMOST_ALL", "Line", "Playback", "Played", "StageWork", "Waits", "waits_of"]

ALMOST_ALL = 0.95
"""The share of waits that has to be within a target."""
_SEED = 20_261_122
_MIN_STRETCHES = 10
"""From fewer stretches nothing is said about how much they differ."""
_BAND = (10.0, 90.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Waits of many pieces, or what waiting cost many videos; seconds."""

    mean_s: float
    p95_s: float
    low_s: float | None = None
    """In one stretch of ten the mean is below this; None when too few stretches were played."""
    high_s: float | None = None
    """In one stretch of ten the mean is above this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """What comes to one stage; the jobs of one stretch come long after those of the one before."""

    jobs: Jobs
    dispatch_s: float

    def waits_s(self, servers: int | None) -> Seconds:
        """Return how long each piece waits, handing out included; None: there is always a free server."""
        if servers is None:
            return np.full(self.jobs.services_s.size, self.dispatch_s)
        return waits_in_line(self.jobs, servers) + self.dispatch_s

    def is_within(self, target_s: float, servers: int) -> bool:
        """Return whether almost all waits are at most so long."""
        return are_mostly_within(self.jobs, servers, limit_s=target_s - self.dispatch_s, share=ALMOST_ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageWork:
    """How a stage works when it is played: what handing out takes, and by what its lengths are multiplied."""

    dispatch_s: float = 0.0
    service_factor: float = 1.0
    model_factors: Mapping[int, float] = field(default_factory=dict)
    """By key of the model, on top of `service_factor`."""

    def services_s(self, stage: StageTrace) -> Seconds:
        """Return the lengths of the pieces of a stage."""
        factors = np.full(stage.service_s.size, self.service_factor)
        for model, factor in self.model_factors.items():
            factors[stage.model == model] *= factor
        services: Seconds = stage.service_s * factors
        return services


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Played:
    """What came of playing, by stage; a stage that nothing came to has no waits."""

    waits: Mapping[str, Waits]
    queue: Waits
    """What waiting cost a video from upload to end; of stages side by side only what made it later."""


class Playback:
    """Uploads drawn from a trace, ready to be played with any number of servers.

    Raises:
        ValueError: too little was recorded; ask `can_play` before.
    """

    def __init__(self, trace: Trace, window: Window, *, uploads_factor: float, work: Mapping[str, StageWork]) -> None:
        if not self.can_play(trace):
            raise ValueError("too few uploads to play")
        self._names = tuple(trace.stages)
        self.scenario: Scenario = draw_uploads(trace.uploads_s, _brought_s(trace), window, uploads_factor)
        like = _whole(self.scenario.like, trace.is_whole)
        self._pieces = {name: _pieces(stage, work[name], like) for name, stage in trace.stages.items()}
        self._begun_s = self.scenario.arrivals_s + self.scenario.stretch * self._far_apart()
        length_s = (window.end - window.start).total_seconds()
        runs_per_s = trace.uploads_s.size * uploads_factor / length_s
        of_whole = {name: np.repeat(trace.is_whole, np.diff(stage.first)) for name, stage in trace.stages.items()}
        self.loads: Mapping[str, float] = {
            name: float(work[name].services_s(stage)[of_whole[name]].sum()) / int(trace.is_whole.sum()) * runs_per_s
            for name, stage in trace.stages.items()
        }
        """By stage: how many servers the work fills, however many there are."""

    @staticmethod
    def can_play(trace: Trace) -> bool:
        """Return whether enough was recorded."""
        return trace.uploads_s.size >= MIN_STARTS and int(trace.is_whole.sum()) >= MIN_STARTS

    def play(self, choose_servers: Callable[[str, Line], int | None]) -> Played:
        """Let every upload go through all stages, in their order; each stage is asked once how many servers it has."""
        passage = Passage(self._begun_s)
        waits: dict[str, Waits] = {}
        for name in self._names:
            pieces = self._pieces[name]
            line = pieces.line(passage.ready_s(name))
            waited = line.waits_s(choose_servers(name, line))
            if summary := waits_of(waited, self.scenario.stretch[pieces.upload]):
                waits[name] = summary
            takes = sums_by(pieces.upload, pieces.service_s + pieces.pause_s, self._begun_s.size)
            passage.through(name, pieces.gap_s + takes, sums_by(pieces.upload, waited, self._begun_s.size))
        queue = waits_of(passage.lost_s(), self.scenario.stretch)
        return Played(waits=waits, queue=queue or Waits(mean_s=0.0, p95_s=0.0))

    def _far_apart(self) -> float:
        """Return after how long a stretch is surely over, even if one server did everything one after the other."""
        uploads = self.scenario.arrivals_s.size
        takes = np.zeros(uploads)
        for one in self._pieces.values():
            takes += one.gap_s + sums_by(one.upload, one.service_s + one.pause_s + one.dispatch_s, uploads)
        longest = np.bincount(self.scenario.stretch, takes, self.scenario.stretches).max(initial=0.0)
        return self.scenario.length_s + float(longest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pieces:
    """The pieces of one stage, by upload and attempt; `gap_s` is of each upload, the rest of each piece."""

    first: Numbers
    """Where the pieces of each upload begin; one more, where all end."""
    upload: Numbers
    service_s: Seconds
    pause_s: Seconds
    gap_s: Seconds
    dispatch_s: float

    def line(self, ready_s: Seconds) -> Line:
        """Return what comes to the stage when what it needs is ready at these moments, for each upload."""
        uploads = np.flatnonzero(np.diff(self.first))
        arrivals = (ready_s + self.gap_s)[uploads] + self.dispatch_s
        order = np.argsort(arrivals, kind="stable")
        uploads = uploads[order]
        jobs = Jobs(
            arrivals_s=arrivals[order],
            first=self.first[uploads],
            until=self.first[uploads + 1],
            services_s=self.service_s,
            pauses_s=self.pause_s + self.dispatch_s,
        )
        return Line(jobs=jobs, dispatch_s=self.dispatch_s)


def waits_of(waits_s: Seconds, stretch: Numbers) -> Waits | None:
    """Summarise waits; `stretch` says which stretch each belongs to, from 0. None when there is none."""
    if not waits_s.size:
        return None
    counts = np.bincount(stretch)
    means = np.bincount(stretch, waits_s)[counts > 0] / counts[counts > 0]
    band = np.percentile(means, _BAND).tolist() if means.size >= _MIN_STRETCHES else (None, None)
    p95_s = float(np.percentile(waits_s, 100 * ALMOST_ALL, method="inverted_cdf"))
    return Waits(mean_s=float(waits_s.mean()), p95_s=p95_s, low_s=band[0], high_s=band[1])


def _pieces(stage: StageTrace, work: StageWork, like: Numbers) -> _Pieces:
    """Return the pieces of one stage for uploads that are like those runs."""
    first, chosen = gathered(stage.first, like)
    upload = np.repeat(np.arange(like.size), np.diff(first))
    service, pause = work.services_s(stage)[chosen], stage.pause_s[chosen]
    return _Pieces(
        first=first,
        upload=upload,
        service_s=service,
        pause_s=pause,
        gap_s=stage.gap_s[like],
        dispatch_s=work.dispatch_s,
    )


def _brought_s(trace: Trace) -> Seconds:
    """Return all work of each run, seconds; of a run that is not whole, what runs bring on average."""
    sums = np.zeros(trace.uploads_s.size)
    for stage in trace.stages.values():
        sums += sums_by(np.repeat(np.arange(sums.size), np.diff(stage.first)), stage.service_s, sums.size)
    return np.where(trace.is_whole, sums, sums[trace.is_whole].mean())


def _whole(like: Numbers, is_whole: Flags) -> Numbers:
    """Let runs that did not end yet, or were not measured, be like another that did."""
    stand_ins = np.flatnonzero(is_whole)
    random = np.random.default_rng(_SEED)
    return np.where(is_whole[like], like, stand_ins[random.integers(0, stand_ins.size, like.size)])
