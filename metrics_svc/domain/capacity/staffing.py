"""How few workers are enough."""

from metrics_svc.domain.capacity.forecast import Line
from metrics_svc.domain.capacity.servers import Servers

__all__ = ["fewest_workers", "slots_of"]


def slots_of(workers: int, kind: Servers | None) -> int:
    """Return the slots of so many workers of a kind; one each when nothing is known of it."""
    return kind.slots_of(workers) if kind else workers


def fewest_workers(line: Line, *, kind: Servers | None, offered: float, likely: float, target_s: float) -> int | None:
    """Return the fewest workers that can keep up and with which almost all waits are within a target.

    With more workers no wait is longer (a retry that comes between others may make a rare exception), so the search
    may go in growing steps, from where it is likely to end, and then halve them.

    Args:
        line: what comes.
        kind: the workers there are; others would be like them.
        offered: how many servers the work fills. Fewer can not keep up, however short the line in a finite time.
        likely: a guess of how many servers will do.
        target_s: seconds, handing out included.

    Returns:
        None when nothing comes, or when handing out alone takes longer than the target.
    """
    if line.dispatch_s > target_s or not line.jobs.services_s.size:
        return None
    too_few = _whole_workers(offered, kind)
    enough = max(too_few + 1, _whole_workers(likely, kind) + 1)
    step = 1
    if line.is_within(target_s, slots_of(enough, kind)):
        while enough - step > too_few and line.is_within(target_s, slots_of(enough - step, kind)):
            enough, step = enough - step, step * 2
        too_few = max(too_few, enough - step)
    else:
        too_few, enough = enough, enough + step
        while not line.is_within(target_s, slots_of(enough, kind)):
            step *= 2
            too_few, enough = enough, enough + step
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if line.is_within(target_s, slots_of(middle, kind)):
            enough = middle
        else:
            too_few = middle
    return enough


def _whole_workers(servers: float, kind: Servers | None) -> int:
    """Return the most workers that have no more slots than that."""
    workers = int(servers / (kind.slots_per_worker if kind else 1.0))
    while slots_of(workers + 1, kind) <= servers:
        workers += 1
    return workers
