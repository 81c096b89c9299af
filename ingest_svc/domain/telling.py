"""Which changes of a video are told to metrics_svc: those that users see in lists, not every step of every stage."""

from ingest_svc.domain.video import Video

__all__ = ["is_told"]


def is_told(before: Video | None, after: Video) -> bool:
    """Return whether a change is told: a new video, its state, its run, its length, why it failed."""
    if before is None:
        return True
    return any(
        getattr(before, name) != getattr(after, name) for name in ("state", "generation", "duration_ns", "failure")
    )
