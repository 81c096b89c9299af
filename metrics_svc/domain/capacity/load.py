"""How busy a stage was: what came, how long it took, how long it waited, and how much of the servers it filled."""

from dataclasses import dataclass

import numpy as np

from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.queueing import Seconds
from metrics_svc.domain.capacity.recording import Pieces
from metrics_svc.domain.capacity.servers import Servers, live_servers

__all__ = ["HOUR_S", "MIN_STARTS", "BusiestHour", "StageLoad", "coverage_of", "hour_edges", "load_of"]

HOUR_S = 3_600.0
_HOURS = 24
MIN_STARTS = 30
"""Fewer pieces than this say nothing about how they vary, and nothing is forecast from them."""
_LEAST_OF_AN_HOUR_S = 1_800.0
"""An hour of the day that was seen for less than this is not called the busiest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusiestHour:
    """The hour of the day (UTC, 0 to 23) with the most work, all days of the window together."""

    hour: int
    arrivals_per_hour: float
    busy_servers: float
    """Mean number of pieces in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLoad:
    """What was measured of one stage; None is what could not be."""

    pieces: int
    retries: int
    skipped: int
    starts: int
    """Pieces whose begin and length are known."""
    arrivals_per_hour: float
    arrival_scv: float | None
    """Squared coefficient of variation of the time between arrivals: 1 for independent users, above it for bursts."""
    mean_service_s: float | None
    service_scv: float | None
    mean_wait_s: float | None
    p95_wait_s: float | None
    dispatch_s: float
    """Median wait of the pieces that found a free server: what handing out takes, not what waiting in line takes."""
    busy_servers: float
    """Mean number of pieces in hand."""
    busiest: BusiestHour | None
    servers: Servers | None

    @property
    def utilisation(self) -> float | None:
        """Busy time over the time of all servers; None when the servers are not known."""
        return self.busy_servers / self.servers.slots if self.servers else None

    @property
    def busiest_utilisation(self) -> float | None:
        """The same in the busiest hour of the day."""
        return self.busiest.busy_servers / self.servers.slots if self.servers and self.busiest else None


def load_of(pieces: Pieces, window: Window) -> StageLoad:
    """Measure a stage."""
    length_s = (window.end - window.start).total_seconds()
    queued = np.sort(pieces.queued_s[(pieces.queued_s >= 0) & (pieces.queued_s < length_s)])
    services = pieces.service_s[np.isfinite(pieces.service_s)]
    waits = pieces.wait_s[np.isfinite(pieces.wait_s)]
    known = pieces.taken(np.isfinite(pieces.ended_s))
    servers = live_servers(pieces)
    edges = hour_edges(window)
    inside = [np.clip(times, 0.0, length_s) for times in (known.started_s, known.ended_s)]
    busy = np.diff(_busy_until(edges, *inside))
    return StageLoad(
        pieces=len(pieces),
        retries=int((pieces.attempt > 1).sum()),
        skipped=int(pieces.is_skipped.sum()),
        starts=len(known),
        arrivals_per_hour=queued.size / length_s * HOUR_S,
        arrival_scv=_scv(np.diff(queued)),
        mean_service_s=float(services.mean()) if services.size else None,
        service_scv=_scv(services),
        mean_wait_s=float(waits.mean()) if waits.size else None,
        p95_wait_s=float(np.percentile(waits, 95)) if waits.size else None,
        dispatch_s=_dispatch(known, servers.slots) if servers else 0.0,
        busy_servers=float(busy.sum()) / length_s,
        busiest=_busiest(window, edges, busy, queued),
        servers=servers,
    )


def coverage_of(pieces: Pieces) -> Coverage:
    """Return how many pieces have a wait and a length, rest on a corrected clock, or lack one of the two."""
    is_known = np.isfinite(pieces.wait_s) & np.isfinite(pieces.service_s)
    approximate = int((is_known & pieces.is_corrected).sum())
    known = int(is_known.sum())
    return Coverage(known - approximate, approximate, len(pieces) - known)


def hour_edges(window: Window) -> Seconds:
    """Return the start of the window, every full UTC hour in it and its end, in seconds since its start."""
    length_s = (window.end - window.start).total_seconds()
    into_hour_s = window.start.timestamp() % HOUR_S
    full = np.arange(HOUR_S - into_hour_s, length_s, HOUR_S)
    return np.concatenate([[0.0], full, [length_s]])


def _hours_of_day(window: Window, edges: Seconds) -> "np.typing.NDArray[np.int64]":
    middles = window.start.timestamp() + (edges[:-1] + edges[1:]) / 2
    return (middles // HOUR_S).astype(np.int64) % _HOURS


def _busiest(window: Window, edges: Seconds, busy: Seconds, queued: Seconds) -> BusiestHour | None:
    hours = _hours_of_day(window, edges)
    seen_s = np.bincount(hours, np.diff(edges), _HOURS)
    is_seen = seen_s >= _LEAST_OF_AN_HOUR_S
    if not is_seen.any() or not busy.any():
        return None
    per_second = np.divide(np.bincount(hours, busy, _HOURS), seen_s, out=np.full(_HOURS, -1.0), where=is_seen)
    hour = int(per_second.argmax())
    arrivals = np.bincount(hours, np.histogram(queued, edges)[0], _HOURS)
    return BusiestHour(
        hour=hour,
        arrivals_per_hour=float(arrivals[hour] / seen_s[hour]) * HOUR_S,
        busy_servers=float(per_second[hour]),
    )


def _busy_until(moments: Seconds, starts: Seconds, ends: Seconds) -> Seconds:
    """Return how many seconds of work were done up to each moment, all servers together."""
    return _passed(moments, np.sort(starts)) - _passed(moments, np.sort(ends))


def _passed(moments: Seconds, events: Seconds) -> Seconds:
    """Return the sum, over all events before a moment, of the time since the event; events ascend."""
    before = np.searchsorted(events, moments)
    sums = np.concatenate([[0.0], np.cumsum(events)])
    passed: Seconds = before * moments - sums[before]
    return passed


def _dispatch(known: Pieces, servers: int) -> float:
    """Look for pieces that were handed out while a server was free and nobody waited for it."""
    told = known.taken(np.isfinite(known.wait_s))
    if not len(told):
        return 0.0
    order = np.argsort(told.queued_s, kind="stable")
    queued, waits = told.queued_s[order], told.wait_s[order]
    ended = np.searchsorted(np.sort(told.ended_s), queued, side="right")
    is_free = np.arange(queued.size) - ended < servers
    return float(np.median(waits[is_free])) if is_free.any() else 0.0


def _scv(values: Seconds) -> float | None:
    """Return variance over squared mean; None for few values or when all are 0."""
    if values.size < MIN_STARTS - 1:
        return None
    mean = float(values.mean())
    return float(values.var()) / mean**2 if mean > 0 else None
