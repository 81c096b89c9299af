"""Cut long audio in its pauses, so that memory is bounded, progress moves and no word is heard twice."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Span", "plan_windows", "voiced_share"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch of audio, in seconds from its start."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError("a span starts at or after 0 and does not end before it starts")

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start

    def overlap(self, other: "Span") -> float:
        """Seconds both spans share; 0 when they do not meet."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))


def plan_windows(duration: float, voiced: Sequence[Span], *, max_seconds: float) -> tuple[Span, ...]:
    """Cover [0, duration) exactly, in order, with windows of at most `max_seconds`.

    A cut falls in the middle of the longest pause of the window's last half; where nobody pauses, at its end.
    Windows without voice are part of the cover: the caller skips them.

    Args:
        duration: Seconds of audio; 0 gives no windows.
        voiced: Where somebody speaks; ordered, disjoint.
        max_seconds: Longest window, above 0.
    """
    if max_seconds <= 0:
        raise ValueError("a window must have a length")
    windows = []
    start = 0.0
    while duration - start > max_seconds:
        end = _cut(start, start + max_seconds, voiced)
        windows.append(Span(start, end))
        start = end
    if duration > start:
        windows.append(Span(start, duration))
    return tuple(windows)


def voiced_share(span: Span, voiced: Sequence[Span]) -> float:
    """Return the share of a span in which somebody speaks, in [0, 1]; 0 for an empty span."""
    if span.seconds <= 0:
        return 0.0
    return min(1.0, sum(span.overlap(voice) for voice in voiced) / span.seconds)


def _cut(start: float, limit: float, voiced: Sequence[Span]) -> float:
    earliest = start + (limit - start) / 2
    edge = earliest
    best = Span(limit, limit)
    for voice in voiced:
        if voice.end <= earliest:
            continue
        if voice.start >= limit:
            break
        if voice.start - edge > best.seconds:
            best = Span(edge, voice.start)
        edge = max(edge, voice.end)
    if limit - edge > best.seconds:
        # Silence up to the limit: the whole of it may go into this window.
        return limit
    return (best.start + best.end) / 2
