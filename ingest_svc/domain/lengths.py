"""How long work took: what was measured of each attempt, and what that makes of a run.

A length is measured by who does the work and told with its end. Lengths are added up; none is derived from two clocks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["MAX_LENGTH_NS", "AttemptLength", "RunAttempt", "RunLength", "length_of_run", "lengths_told"]

MAX_LENGTH_NS = 366 * 86_400 * 10**9
"""What claims to have taken longer was not measured; the sum over a run fits its column by far."""
_MAX_SUM_NS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class AttemptLength:
    """The measured length of one attempt in nanoseconds."""

    fence: int
    ns: int


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """One attempt of a run, as far as its length goes.

    Attributes:
        has_begun: whether a worker told that it began.
        is_over: whether it ended, was given back, or was given up as lost.
        deliveries: how often workers told that they began it; 0 when none did.
        duration_ns: its measured length; None when nobody told one.
    """

    has_begun: bool
    is_over: bool
    deliveries: int
    duration_ns: int | None


@dataclass(frozen=True, slots=True)
class RunLength:
    """What is known of the length of a run.

    Attributes:
        measured_ns: sum of the lengths that were measured.
        unmeasured: how often work began, or was lost, whose length nobody measured; the sum is a lower bound then.
    """

    measured_ns: int
    unmeasured: int


def lengths_told(*, fence: int, work_fence: int, duration_ns: int) -> tuple[AttemptLength, ...]:
    """Return the lengths that the end of an attempt tells.

    A result that was found stored is the work of an earlier attempt: the length is that one's, counted once, and the
    attempt that found it did nothing.

    Args:
        fence: of the attempt that ended.
        work_fence: of the attempt that did the work; 0 means the same.
        duration_ns: of the work; what is not within (0, MAX_LENGTH_NS] was not measured.
    """
    told = [AttemptLength(work_fence or fence, duration_ns)] if 0 < duration_ns <= MAX_LENGTH_NS else []
    if work_fence not in {0, fence}:
        told.append(AttemptLength(fence, 0))
    return tuple(told)


def length_of_run(attempts: Iterable[RunAttempt]) -> RunLength:
    """Add up the attempts of a run. Work that goes on when the run ends has no length yet, and is counted as such."""
    measured_ns = unmeasured = 0
    for attempt in attempts:
        tries = max(1, attempt.deliveries)
        if attempt.duration_ns is not None:
            measured_ns += attempt.duration_ns
            unmeasured += tries - 1  # each earlier try ended its worker before it could tell
        elif attempt.is_over or attempt.has_begun:
            unmeasured += tries
    return RunLength(min(measured_ns, _MAX_SUM_NS), unmeasured)
