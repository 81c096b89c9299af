"""How long to wait before trying again: a pure function of the attempt."""

__all__ = ["delay_seconds"]


def delay_seconds(
    attempt: int, *, first_seconds: float = 1.0, longest_seconds: float = 60.0, spread: float = 0.5
) -> float:
    """Return the wait after a failed attempt, doubling from `first_seconds` up to `longest_seconds`.

    Args:
        attempt: the attempt that failed, counted from 1.
        first_seconds: wait after the first failure.
        longest_seconds: upper bound.
        spread: position in the jitter window, 0 to 1, given by the caller; 0.5 is the middle. The window is +-20 %.
    """
    base = min(longest_seconds, first_seconds * 2.0 ** min(attempt - 1, 32))
    return base * (0.8 + 0.4 * spread)
