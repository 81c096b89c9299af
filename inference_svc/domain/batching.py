"""When to flush a batch: a pure planner over what waits and when it came.

Take what waits, up to `max_items`, the moment the worker is free; linger at most min(5 ms, 10 % of the last batch), and
only when few wait. What has expired is dropped before it is batched, so a model never works for a caller who left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BatchPlan", "BatchPolicy", "Waiting", "plan_batch"]


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """Bounds of one model's batches."""

    max_items: int
    """Most items in one run of the model; at least 1."""
    max_linger_seconds: float = 0.005
    """Longest wait for company; 0 never waits."""
    linger_share: float = 0.1
    """Longest wait as a share of the last batch's duration."""

    def __post_init__(self) -> None:
        if self.max_items < 1 or self.max_linger_seconds < 0 or self.linger_share < 0:
            raise ValueError("a batch holds at least one item, and no wait is negative")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request in the queue."""

    items: int
    """Items it brings; at least 1."""
    arrived_seconds: float
    """Monotonic time of arrival."""
    expires_seconds: float
    """Monotonic time after which nobody waits for the answer."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What to do now, by positions in the queue."""

    take: tuple[int, ...]
    """Requests to run together, oldest first; empty when it is better to wait or nothing waits."""
    drop: tuple[int, ...]
    """Requests that have expired."""
    wait_seconds: float
    """How long to linger before planning again; 0 when `take` is not empty or nothing waits."""


def plan_batch(
    queue: Sequence[Waiting], *, now_seconds: float, last_batch_seconds: float, policy: BatchPolicy
) -> BatchPlan:
    """Decide the next batch; the order of arrival is kept and no request is split or starved.

    A request larger than `max_items` runs alone: its worker cuts it.
    """
    drop = tuple(place for place, waiting in enumerate(queue) if waiting.expires_seconds <= now_seconds)
    alive = [place for place, waiting in enumerate(queue) if waiting.expires_seconds > now_seconds]
    take: list[int] = []
    total = 0
    for place in alive:
        if take and total + queue[place].items > policy.max_items:
            break
        take.append(place)
        total += queue[place].items
    if not take:
        return BatchPlan((), drop, 0.0)
    linger = min(policy.max_linger_seconds, policy.linger_share * last_batch_seconds)
    left = queue[take[0]].arrived_seconds + linger - now_seconds
    everything = len(take) == len(alive)
    if everything and total < policy.max_items and left > 0:
        return BatchPlan((), drop, left)
    return BatchPlan(tuple(take), drop, 0.0)
