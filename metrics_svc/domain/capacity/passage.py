"""The way of uploads through the stages: when each is through, and when it would be if nothing ever waited."""

from collections.abc import Mapping

import numpy as np

from metrics_svc.domain.capacity.queueing import Seconds
from metrics_svc.domain.capacity.recording import Numbers
from metrics_svc.domain.capacity.trace import Trace, needs_of

__all__ = ["Passage", "recorded_queue_s", "sums_by"]


class Passage:
    """Uploads on their way; stages are passed in the order of the pipeline."""

    def __init__(self, begun_s: Seconds) -> None:
        self._begun_s = begun_s
        self._done: dict[str, Seconds] = {}
        self._at_once: dict[str, Seconds] = {}

    def ready_s(self, stage: str) -> Seconds:
        """Return when what a stage needs is done, for each upload."""
        return self._latest(self._done, stage)

    def through(self, stage: str, takes_s: Seconds, waits_s: Seconds) -> None:
        """Let each upload pass a stage: what it takes without waiting, and what it waited."""
        at_once = self._latest(self._at_once, stage)
        self._done[stage], self._at_once[stage] = self.ready_s(stage) + takes_s + waits_s, at_once + takes_s

    def lost_s(self) -> Seconds:
        """Return by how much each upload is through later than if nothing had waited."""
        return np.maximum(self._end_s(self._done) - self._end_s(self._at_once), 0.0)

    def _end_s(self, times: Mapping[str, Seconds]) -> Seconds:
        ends: Seconds = np.maximum.reduce([self._begun_s, *times.values()])
        return ends

    def _latest(self, times: Mapping[str, Seconds], stage: str) -> Seconds:
        ready: Seconds = np.maximum.reduce([self._begun_s, *(times[need] for need in needs_of(stage, times))])
        return ready


def sums_by(owner: Numbers, values: Seconds, owners: int) -> Seconds:
    """Return the sum of the values of each owner; owners are numbered from 0."""
    return np.bincount(owner, values, owners).astype(np.float64)


def recorded_queue_s(trace: Trace) -> Seconds:
    """Return what waiting cost each run of which everything was measured, as it was recorded."""
    uploads = trace.uploads_s.size
    passage = Passage(trace.uploads_s)
    is_known = trace.is_whole.copy()
    for name, stage in trace.stages.items():
        upload: Numbers = np.repeat(np.arange(uploads), np.diff(stage.first))
        is_known[upload[np.isnan(stage.wait_s)]] = False
        takes = stage.gap_s + sums_by(upload, stage.service_s + stage.pause_s, uploads)
        passage.through(name, takes, sums_by(upload, np.nan_to_num(stage.wait_s), uploads))
    lost: Seconds = passage.lost_s()[is_known]
    return lost
