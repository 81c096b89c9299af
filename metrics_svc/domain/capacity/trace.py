"""Recorded runs in the form in which they can be played again: when each was uploaded, and the work it brought.

What a run waited for in line is left out of it; that is what playing it again finds. What it waited for otherwise (a
pause before another try, the time to hand out) belongs to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from chassis.core.stages import PIPELINE, Stage
from metrics_svc.domain.capacity.queueing import Seconds
from metrics_svc.domain.capacity.recording import Flags, Numbers, Pieces, Recording

__all__ = ["NEEDS", "StageTrace", "Trace", "gathered", "needs_of", "stages_in_order", "trace_of"]

NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        Stage.DOWNLOADING: (),
        Stage.METADATA: (Stage.DOWNLOADING,),
        Stage.SCENE_DETECTION: (Stage.METADATA,),
        Stage.TRANSCRIPTION: (Stage.METADATA,),
        Stage.SCENE_PROCESSING: (Stage.SCENE_DETECTION, Stage.TRANSCRIPTION),
        Stage.INDEXING: (Stage.SCENE_PROCESSING,),
        Stage.FINALIZING: (Stage.INDEXING,),
    }
)
"""What must be done before a stage is handed out; a contract test compares it with that of ingest_svc. A stage that is
not known here is handed out so long after the upload as it was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StageTrace:
    """The pieces of one stage, by run and attempt; `first[i]` to `first[i+1]` are those of run i."""

    first: Numbers
    service_s: Seconds
    pause_s: Seconds
    """From the end of the attempt before to the hand-out of this one; 0 for a first attempt."""
    wait_s: Seconds
    """As it was recorded; NaN where it was not."""
    model: Numbers
    gap_s: Seconds
    """Of each run: from the end of what the stage needs to its hand-out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Uploads in order of time, and the work of those that ended."""

    uploads_s: Seconds
    """When each run was accepted, since the start of the window; ascending."""
    is_whole: Flags
    """Of each run: whether it ended and all its work was measured, so that it may stand for others."""
    stages: Mapping[str, StageTrace]
    """In the order of the pipeline."""


def stages_in_order(names: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names in the order of the pipeline, unknown ones at the end."""
    known = [stage.value for stage in PIPELINE if stage in names]
    return (*known, *sorted(set(names) - set(known)))


def needs_of(stage: str, present: Mapping[str, object]) -> tuple[str, ...]:
    """Return the stages a stage waits for, of those that did anything; a stage that never works is passed through."""
    found: list[str] = []
    for need in NEEDS.get(stage, ()):
        found += [need] if need in present else needs_of(need, present)
    return tuple(dict.fromkeys(found))


def trace_of(recording: Recording) -> Trace:
    """Put a recording in order. Runs that were accepted before the window, or nobody knows when, are left out."""
    keys, uploads_s, has_ended = _uploads(recording)
    broken = np.zeros(keys.size, np.bool_)
    stages: dict[str, StageTrace] = {}
    done: dict[str, Seconds] = {}
    for name in stages_in_order(recording.pieces):
        pieces = recording.pieces[name]
        place = np.minimum(np.searchsorted(keys, pieces.run), max(0, keys.size - 1))
        known = pieces.taken(keys[place] == pieces.run) if keys.size else pieces.taken(np.zeros(len(pieces), np.bool_))
        number = np.searchsorted(keys, known.run)
        broken[number[~np.isfinite(known.service_s)]] = True
        ready = _latest([done[need] for need in needs_of(name, stages)], uploads_s)
        stages[name], done[name] = _stage(known, number, ready, longest_s=recording.length_s)
    order = np.argsort(uploads_s, kind="stable")
    return Trace(
        uploads_s=uploads_s[order],
        is_whole=(has_ended & ~broken)[order],
        stages=MappingProxyType({name: _reordered(stage, order) for name, stage in stages.items()}),
    )


def _latest(several: list[Seconds], otherwise: Seconds) -> Seconds:
    return np.maximum.reduce(several) if several else otherwise


def _uploads(recording: Recording) -> tuple[Numbers, Seconds, Flags]:
    """Return key, moment and whether it ended of every run that was accepted in the window; keys ascend.

    A run is accepted when its end says so; of one that has not ended, when its first work was handed out.
    """
    open_runs = [pieces.run for pieces in recording.pieces.values()]
    open_queued = [pieces.queued_s for pieces in recording.pieces.values()]
    keys, place = np.unique(np.concatenate([recording.runs.key, *open_runs]), return_inverse=True)
    moments = np.concatenate([np.full(recording.runs.key.size, np.nan), *open_queued])
    uploads_s = np.full(keys.size, np.inf)
    np.fmin.at(uploads_s, place, moments)
    ended = place[: recording.runs.key.size]
    uploads_s[ended] = recording.runs.queued_s
    has_ended = np.zeros(keys.size, np.bool_)
    has_ended[ended] = True
    is_inside = (uploads_s >= 0) & (uploads_s < recording.length_s)
    return keys[is_inside], uploads_s[is_inside], has_ended[is_inside]


def _stage(pieces: Pieces, number: Numbers, ready: Seconds, *, longest_s: float) -> tuple[StageTrace, Seconds]:
    """Return the work of a stage by run, and when each run was through with it."""
    order = np.lexsort((pieces.attempt, number))
    number = number[order]
    queued, service, wait = pieces.queued_s[order], pieces.service_s[order], pieces.wait_s[order]
    ended = pieces.ended_s[order]
    first = np.searchsorted(number, np.arange(ready.size + 1))
    is_first = np.diff(number, prepend=-1) != 0
    before = np.concatenate([[np.nan], ended[:-1]])
    pause = np.where(is_first, 0.0, _between(before, queued, longest_s))
    gap = np.zeros(ready.size)
    gap[number[is_first]] = _between(ready[number[is_first]], queued[is_first], longest_s)
    done = ready.copy()
    np.fmax.at(done, number, ended)
    stage = StageTrace(
        first=first,
        service_s=np.nan_to_num(service),
        pause_s=pause,
        wait_s=wait,
        model=pieces.model[order],
        gap_s=gap,
    )
    return stage, done


def _between(earlier: Seconds, later: Seconds, longest_s: float) -> Seconds:
    """Return the time between; what is not known, or what two clocks contradict each other about, counts as nothing."""
    lengths = later - earlier
    return np.where((lengths > 0) & (lengths < longest_s), lengths, 0.0)


def _reordered(stage: StageTrace, order: Numbers) -> StageTrace:
    """Return the work of the same runs in another order."""
    first, chosen = gathered(stage.first, order)
    return StageTrace(
        first=first,
        service_s=stage.service_s[chosen],
        pause_s=stage.pause_s[chosen],
        wait_s=stage.wait_s[chosen],
        model=stage.model[chosen],
        gap_s=stage.gap_s[order],
    )


def gathered(first: Numbers, runs: Numbers) -> tuple[Numbers, Numbers]:
    """Return where the pieces of each of these runs begin, one after the other, and which pieces they are."""
    counts = first[runs + 1] - first[runs]
    begins = np.concatenate([[0], np.cumsum(counts)])
    return begins, np.repeat(first[runs] - begins[:-1], counts) + np.arange(begins[-1])
