"""Waiting in a line: what a group of servers that take the oldest piece first makes of arrivals and lengths.

Times are seconds. No randomness, no assumption about distributions: the recursion of Lindley for one server, of Kiefer
and Wolfowitz for several. A piece that is tried again comes back when it ended, so it is played, not assumed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush, heapreplace

import numpy as np
import numpy.typing as npt

__all__ = ["Jobs", "Numbers", "Seconds", "are_mostly_within", "waits_in_line"]

Seconds = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
_CHUNK = 4_096
_Chunk = tuple[Numbers, Seconds]
"""Numbers of pieces, and how long each waits."""


@dataclass(frozen=True, kw_only=True, eq=False)  # without slots: what is computed once is kept in the instance
class Jobs:
    """Jobs by arrival; job i is the pieces `first[i]` up to before `until[i]`, one after the other, at least one."""

    arrivals_s: Seconds
    """When the first piece of each job is there, ascending."""
    first: Numbers
    until: Numbers
    services_s: Seconds
    """How long each piece takes."""
    pauses_s: Seconds
    """From the end of the piece before until this one is there; of a first piece it is not used."""

    @property
    def has_retries(self) -> bool:
        """Whether a job has more than one piece."""
        return self.services_s.size > self.arrivals_s.size

    @cached_property
    def enough_servers(self) -> int:
        """With how many servers surely nobody ever waits; 0 when nobody comes."""
        if not self.services_s.size:
            return 0
        at_once = self._arrivals_without_waits()
        ended_before = np.searchsorted(np.sort(at_once + self.services_s), np.sort(at_once), side="left")
        return int((np.arange(1, at_once.size + 1) - ended_before).max())

    def _arrivals_without_waits(self) -> Seconds:
        """Return when each piece would be there if none before it had waited."""
        begun = np.cumsum(self.services_s + self.pauses_s) - self.services_s
        counts = self.until - self.first
        job = np.repeat(np.arange(self.first.size), counts)
        piece = np.arange(job.size) - np.repeat(np.cumsum(counts) - counts, counts) + self.first[job]
        # The difference first: a first piece is there exactly when its job is, however much work stands before it.
        arrivals: Seconds = self.arrivals_s[job] + (begun[piece] - begun[self.first[job]])
        return arrivals


def waits_in_line(jobs: Jobs, servers: int) -> Seconds:
    """Return how long each piece waits; `servers` is at least 1."""
    waits = np.zeros(jobs.services_s.size)
    for pieces, chunk in _chunks(jobs, servers):
        waits[pieces] = chunk
    return waits


def are_mostly_within(jobs: Jobs, servers: int, *, limit_s: float, share: float) -> bool:
    """Return whether at least this share of the pieces waits at most so long; a clear no is found early."""
    may_be_longer = jobs.services_s.size * (1 - share)
    longer = 0
    for _, waits in _chunks(jobs, servers):
        longer += int((waits > limit_s).sum())
        if longer > may_be_longer:
            return False
    return True


def _chunks(jobs: Jobs, servers: int) -> Iterator[_Chunk]:
    """Yield the waits of all pieces, in about the order in which they begin; those that surely do not wait may lack."""
    if servers == 1 and not jobs.has_retries:
        yield jobs.first, _waits_for_one(jobs.arrivals_s, jobs.services_s[jobs.first])
    elif jobs.enough_servers > servers:
        yield from _with_retries(jobs, servers) if jobs.has_retries else _without_retries(jobs, servers)


def _waits_for_one(arrivals: Seconds, services: Seconds) -> Seconds:
    """A piece ends at the latest, over all pieces up to it, of that piece's arrival plus all work since."""
    work_before = np.cumsum(services) - services
    waits: Seconds = np.maximum.accumulate(arrivals - work_before) + work_before - arrivals
    return np.maximum(waits, 0.0)


def _without_retries(jobs: Jobs, servers: int) -> Iterator[_Chunk]:
    """The heap holds when each server becomes free."""
    free = [float("-inf")] * servers
    services = jobs.services_s[jobs.first]
    for begin in range(0, services.size, _CHUNK):
        chunk = jobs.arrivals_s[begin : begin + _CHUNK]
        starts = []
        for arrival, service in zip(chunk.tolist(), services[begin : begin + _CHUNK].tolist(), strict=True):
            start = arrival if arrival > free[0] else free[0]  # noqa: FURB136  # a call costs a tenth
            starts.append(start)
            heapreplace(free, start + service)
        yield jobs.first[begin : begin + _CHUNK], np.asarray(starts) - chunk


def _with_retries(jobs: Jobs, servers: int) -> Iterator[_Chunk]:
    """A second heap holds the pieces that will come again: when, which, and where its job ends."""
    free = [float("-inf")] * servers
    again: list[tuple[float, int, int]] = []
    services, pauses = jobs.services_s.tolist(), jobs.pauses_s.tolist()
    pieces: list[int] = []
    waits: list[float] = []
    coming = zip(jobs.arrivals_s.tolist(), jobs.first.tolist(), jobs.until.tolist(), strict=True)
    following = next(coming, None)
    while following or again:
        if following and not (again and again[0][0] < following[0]):
            arrival, piece, until = following
            following = next(coming, None)
        else:
            arrival, piece, until = heappop(again)
        start = arrival if arrival > free[0] else free[0]  # noqa: FURB136
        end = start + services[piece]
        heapreplace(free, end)
        pieces.append(piece)
        waits.append(start - arrival)
        if piece + 1 < until:
            heappush(again, (end + pauses[piece + 1], piece + 1, until))
        if len(pieces) == _CHUNK:
            yield np.asarray(pieces), np.asarray(waits)
            pieces, waits = [], []
    yield np.asarray(pieces, np.int64), np.asarray(waits)
