"""How many pieces of work a stage can have in hand at once, from what its workers told."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics_svc.domain.capacity.queueing import Seconds
from metrics_svc.domain.capacity.recording import Flags, Pieces

__all__ = ["Servers", "live_servers"]

_LATEST_PIECES = 50
_PIECES_PER_WORKER = 10
"""So many pieces back every worker that is alive has very likely taken one: with 5 workers all but 1 time in 10^5."""
_LONGEST_PIECES = 2.0
_CLOCK_S = 0.001
"""A piece that begins this shortly before another ends did not run beside it."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Workers (processes) that live at the end of a recording, and how many pieces they can have in hand together."""

    workers: int
    slots: int
    is_estimated: bool
    """Whether a worker did not tell its slots: it counts as many as it was seen to have in hand at once."""

    @property
    def slots_per_worker(self) -> float:
        """Mean over the workers, at least 1."""
        return max(1.0, self.slots / self.workers)

    def slots_of(self, workers: int) -> int:
        """Return the slots that another number of workers of this kind would have."""
        return max(1, round(workers * self.slots_per_worker))


def live_servers(pieces: Pieces) -> Servers | None:
    """Return the workers of a stage at the end of a recording; None when no piece tells when it was in hand.

    Alive are those that took one of the latest pieces. Of these the most that were there side by side count, from the
    first to the last piece of each: a process that was started again replaced the one before it and adds nothing.
    """
    known = pieces.taken(np.isfinite(pieces.ended_s))
    if not len(known):
        return None
    tail = _latest(known)
    alive = np.unique(known.worker[tail])
    number = np.searchsorted(alive, known.worker)
    is_alive = alive[np.minimum(number, alive.size - 1)] == known.worker
    theirs = known.taken(is_alive)
    number = number[is_alive]
    first, last = np.full(alive.size, np.inf), np.full(alive.size, -np.inf)
    np.minimum.at(first, number, theirs.started_s)
    np.maximum.at(last, number, theirs.ended_s)
    told = np.zeros(alive.size, np.int64)
    np.maximum.at(told, number, theirs.slots)
    slots = np.array([told[one] or _side_by_side(theirs.taken(number == one)) for one in range(alive.size)])
    since = float(known.started_s[tail].min())
    most, at = _peak(np.maximum(first, since), last, slots)
    there = (np.maximum(first, since) <= at) & (last >= at)
    return Servers(int(there.sum()), most, bool((told[there] == 0).any()))


def _latest(pieces: Pieces) -> Flags:
    """Choose the latest pieces, so many that each worker that lives is among them.

    They reach back twice as far as the longest piece took: so long a worker may have been busy and told nothing.
    """
    newest_first = np.sort(pieces.ended_s)[::-1]
    workers = pieces.worker[np.argsort(-pieces.ended_s, kind="stable")]
    since = float(newest_first[0] - _LONGEST_PIECES * pieces.service_s.max())
    count = max(_LATEST_PIECES, int((newest_first >= since).sum()))
    while count < newest_first.size:
        wanted = _PIECES_PER_WORKER * np.unique(workers[:count]).size
        if wanted <= count:
            break
        count = wanted
    chosen: Flags = pieces.ended_s >= newest_first[min(count, newest_first.size) - 1]
    return chosen


def _side_by_side(pieces: Pieces) -> int:
    """Return how many pieces were in hand at once at most, at least 1."""
    ends = np.maximum(pieces.ended_s - _CLOCK_S, pieces.started_s)
    return max(1, _peak(pieces.started_s, ends, np.ones(len(pieces), np.int64))[0])


def _peak(starts: Seconds, ends: Seconds, weights: npt.NDArray[np.int64]) -> tuple[int, float]:
    """Return the largest sum of weights of (closed) spans that hold one moment, and the first such moment."""
    times = np.concatenate([starts, ends])
    changes = np.concatenate([weights, -weights])
    order = np.lexsort((changes < 0, times))
    sums = np.cumsum(changes[order])
    top = int(sums.argmax())
    return int(sums[top]), float(times[order[top]])
