"""The sentence an operator reads first."""

from collections.abc import Sequence

from metrics_svc.domain.capacity.capacity import CapacityReport, StageCapacity, WhatIf
from metrics_svc.domain.capacity.load import MIN_STARTS

__all__ = ["advice_on", "duration_words"]

_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))
_TWO_DIGITS = 10.0


def duration_words(seconds: float) -> str:
    """Return a length of time with two digits: `4.2 min`, `35 s`, `120 ms`."""
    for unit, size in _UNITS:
        if seconds >= size:
            number = seconds / size
            return f"{number:.0f} {unit}" if number >= _TWO_DIGITS else f"{float(f'{number:.1f}'):g} {unit}"
    return f"{seconds * 1_000:.0f} ms"


def advice_on(report: CapacityReport) -> str:
    """Say what is the bottleneck, how long a video waits, and what would help."""
    if not report.stages:
        return "Nothing was worked on in this time."
    bottleneck = report.bottleneck
    if bottleneck is None or bottleneck.load is None:
        return f"Too little was measured for a forecast: it takes {MIN_STARTS} videos whose work was measured."
    when = _conditions(report.what_if)
    if bottleneck.growth_s_per_hour is not None:
        growth = duration_words(bottleneck.growth_s_per_hour)
        first = f"{bottleneck.stage} can not keep up{when}: its wait grows by {growth} every hour"
    else:
        first = f"{bottleneck.stage} is the bottleneck, {_percent(bottleneck.load)} busy{when}"
        if report.forecast_queue:
            first += f"; a video waits {duration_words(report.forecast_queue.mean_s)} in all"
    return f"{first}. {_what_helps(report)}"


def _conditions(what_if: WhatIf) -> str:
    if what_if.is_present:
        return ""
    if what_if.stages or what_if.models:
        return " under these conditions"
    return f" at {what_if.uploads_factor:g} times the uploads"


def _percent(share: float) -> str:
    """Return a share in whole percent; one below 1 is never called 100 %."""
    return f"{min(99, round(share * 100)) if share < 1 else round(share * 100)} %"


def _what_helps(report: CapacityReport) -> str:
    target = duration_words(report.what_if.target_wait_s)
    short = [one for one in report.stages if one.advice and (one.workers is None or one.advice.workers > one.workers)]
    hopeless = [one.stage for one in report.stages if not one.advice and not one.no_forecast_reason]
    if hopeless:
        return f"No number of workers keeps 95 % of the waits of {' and '.join(hopeless)} within {target}."
    if not short:
        return f"In every stage 95 % of the waits stay within {target}."
    return f"{_list(short)} would keep 95 % of the waits within {target}."


def _list(stages: Sequence[StageCapacity]) -> str:
    words = []
    for number, one in enumerate(stages):
        workers = one.advice.workers if one.advice else 0
        noun = ("worker" if workers == 1 else "workers") if not number else ""
        now = "" if one.workers is None else f" (now {one.workers})"
        words.append(" ".join(part for part in (str(workers), noun, f"for {one.stage}") if part) + now)
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
