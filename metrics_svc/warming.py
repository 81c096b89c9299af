"""Reads what everybody asks for before anybody does: the last year of all owners together, piece by piece."""

from datetime import timedelta

from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError
from chassis.io import logs
from metrics_svc.codec.timing import encode_stage_latency
from metrics_svc.domain.answers.timing import stage_latency
from metrics_svc.domain.answers.windows import MAX_DAYS, Period, Window, parse_window
from metrics_svc.domain.events.measures import ALL_OWNERS, Measure
from metrics_svc.ports.answers import AnswerStore

__all__ = ["warm_up"]

_log = logs.get_logger(__name__)
_SERIES = (Measure.WORK, Measure.PROCESSING)
_OTHERS = (Measure.RUN, Measure.SEARCH, Measure.EMPTY_SEARCH, Measure.RTF, Measure.QUEUE, Measure.TOTAL, Measure.WAIT)
_DAYS_AT_ONCE = 7
"""Whoever asks meanwhile waits for one piece at most."""


async def warm_up(*, store: AnswerStore, clock: Clock) -> None:
    """Read the year once, the newest week first; what can not be read now is read when somebody asks for it."""
    year = parse_window(f"{MAX_DAYS}d", start_at=None, end_at=None, now=clock.now())
    try:
        for first_day in range(0, MAX_DAYS, _DAYS_AT_ONCE):
            last = year.end - timedelta(days=first_day)
            week = Window(last - timedelta(days=_DAYS_AT_ONCE), last)
            encode_stage_latency(stage_latency(await store.read(week, ALL_OWNERS, _SERIES), Period.DAY))
            await store.read(week, ALL_OWNERS, _OTHERS)
        for measure in (*_OTHERS, *_SERIES):
            await store.read(year, ALL_OWNERS, (measure,))
    except HeimdexError as error:
        _log.warning("the last year could not be read ahead", reason=error.reason)
