"""What may be asked of an export: one scene or up to some stretches, of videos that can be cut, not too long together.

Times are whole nanoseconds. Every refusal has a reason for programs and a sentence that says what to change.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.core.errors import FieldViolation, InvalidInput, NotReady, Overloaded, QuotaViolation
from chassis.core.mediatime import NANOSECONDS_PER_SECOND, TimeSpan, ns_from_seconds
from ingest_svc.domain.exports.values import Cut

__all__ = [
    "MAX_SEGMENTS",
    "QUOTA_WINDOW",
    "Limits",
    "Quota",
    "Segment",
    "VideoFacts",
    "check_cuts",
    "check_request",
    "check_span",
    "check_video",
    "quota_of",
]

MAX_SEGMENTS = 20
QUOTA_WINDOW = timedelta(hours=24)
_ROUNDING_NS = 1_000_000
"""Lengths are shown in milliseconds: an end that lies behind the video by no more than that is its end."""
_MAX_SECONDS = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a user may ask for.

    Attributes:
        max_seconds: longest clip, seconds.
        per_day: exports in any 24 hours.
        lives: how long an export and its file are kept.
    """

    max_seconds: float = 180.0
    per_day: int = 10
    lives: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch as it was asked for; times in seconds, None where they were not given."""

    scene_id: str = ""
    video_id: str = ""
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What must be known of a video before it is cut; `duration_ns` is None until it is known."""

    id: str
    is_ready: bool
    duration_ns: int | None
    has_pictures: bool


def check_request(scene: str, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return what is to be cut, in order.

    Raises:
        InvalidInput: neither or both were given, too many segments, or one that is neither a scene nor a range.
    """
    if bool(scene) == bool(segments):
        raise _wrong("segments", "give either a scene or segments", reason="SCENE_OR_SEGMENTS")
    if scene:
        return (Segment(scene_id=scene),)
    if len(segments) > MAX_SEGMENTS:
        raise _wrong("segments", f"must be at most {MAX_SEGMENTS}", reason="TOO_MANY_SEGMENTS")
    for number, one in enumerate(segments):
        is_range = bool(one.video_id) and one.start_s is not None and one.end_s is not None
        is_scene = bool(one.scene_id) and not one.video_id and one.start_s is None and one.end_s is None
        if is_scene == (is_range and not one.scene_id):
            raise _wrong(
                f"segments[{number}]", "must be a scene, or a video with start_s and end_s", reason="SCENE_OR_RANGE"
            )
    return tuple(segments)


def check_video(video: VideoFacts) -> int:
    """Return the length of a video that can be cut, in nanoseconds.

    Raises:
        NotReady: it is not ready, its length is not known, or it has no pictures.
    """
    if not video.is_ready:
        raise NotReady(
            "the video is not ready; wait until it is", reason="VIDEO_NOT_READY", metadata={"video": video.id}
        )
    if not video.duration_ns:
        raise NotReady(
            "the length of the video is not known; process it again",
            reason="VIDEO_LENGTH_UNKNOWN",
            metadata={"video": video.id},
        )
    if not video.has_pictures:
        raise NotReady(
            "the video is sound alone and has nothing to show",
            reason="VIDEO_WITHOUT_PICTURES",
            metadata={"video": video.id},
        )
    return video.duration_ns


def check_span(segment: Segment, number: int, duration_ns: int) -> TimeSpan:
    """Return the span of a range inside a video of some length.

    Raises:
        InvalidInput: the range is empty, or lies outside the video.
    """
    start_s, end_s = segment.start_s, segment.end_s
    for name, seconds in (("start_s", start_s), ("end_s", end_s)):
        if seconds is None or not math.isfinite(seconds) or not 0 <= seconds <= _MAX_SECONDS:
            raise _outside(f"segments[{number}].{name}", seconds, duration_ns)
    start_ns, end_ns = ns_from_seconds(start_s or 0.0), ns_from_seconds(end_s or 0.0)
    if end_ns <= start_ns:
        raise _wrong(f"segments[{number}].end_s", "must lie after start_s", reason="EMPTY_RANGE")
    if end_ns > duration_ns + _ROUNDING_NS:
        raise _outside(f"segments[{number}].end_s", end_s, duration_ns)
    end_ns = min(end_ns, duration_ns)
    if end_ns <= start_ns:
        raise _outside(f"segments[{number}].start_s", start_s, duration_ns)
    return TimeSpan(start_ns, end_ns)


def check_cuts(cuts: Sequence[Cut], limits: Limits) -> None:
    """Check the length of the whole clip.

    Raises:
        InvalidInput: a scene of no length.
        NotReady: it is too long, `SCENE_TOO_LONG` with `max` and `actual` in seconds.
    """
    for cut in cuts:
        if not cut.span.length_ns:
            raise _wrong("scene", "has no length", reason="EMPTY_RANGE")
    total_ns = sum(cut.span.length_ns for cut in cuts)
    if total_ns > ns_from_seconds(limits.max_seconds):
        most, actual = f"{limits.max_seconds:g}", _seconds(total_ns)
        raise NotReady(
            f"the clip would be {actual} s long and at most {most} s are made; choose less of it",
            reason="SCENE_TOO_LONG",
            metadata={"max": most, "actual": actual},
        )


@dataclass(frozen=True, slots=True)
class Quota:
    """What a user has used of the last 24 hours. `reset_at`: when the oldest that counts stops counting; None for none.

    `free_at` is when the next export can be made; None when it can be made now.
    """

    limit: int
    used: int
    reset_at: datetime | None
    free_at: datetime | None

    @property
    def remaining(self) -> int:
        """Exports that can be made now."""
        return max(0, self.limit - self.used)

    def check(self, now: datetime) -> None:
        """Insist that one more can be made.

        Raises:
            Overloaded: the quota is used up, `EXPORT_QUOTA_EXCEEDED` with limit, used and the time of the reset.
        """
        if self.remaining:
            return
        free_at = self.free_at or now + QUOTA_WINDOW
        raise Overloaded(
            f"{self.used} exports were made in the last 24 hours and {self.limit} are allowed; "
            f"the next one can be made at {_rfc3339(free_at)}",
            retry_after_seconds=max(0.0, (free_at - now).total_seconds()),
            reason="EXPORT_QUOTA_EXCEEDED",
            metadata={"limit": str(self.limit), "used": str(self.used), "reset_at": _rfc3339(free_at)},
            quotas=(QuotaViolation("exports per 24 hours", f"at most {self.limit} in any 24 hours"),),
        )


def quota_of(counted: Sequence[datetime], limits: Limits) -> Quota:
    """Return the quota from the times when the exports that count were asked for, oldest first."""
    used = len(counted)
    excess = used - limits.per_day
    return Quota(
        limit=limits.per_day,
        used=used,
        reset_at=counted[0] + QUOTA_WINDOW if counted else None,
        free_at=counted[excess] + QUOTA_WINDOW if 0 <= excess < used else None,
    )


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / NANOSECONDS_PER_SECOND:.9f}".rstrip("0").rstrip(".")


def _wrong(field: str, text: str, *, reason: str, metadata: Mapping[str, str] | None = None) -> InvalidInput:
    return InvalidInput(f"{field} {text}", reason=reason, metadata=metadata, violations=(FieldViolation(field, text),))


def _outside(field: str, seconds: float | None, duration_ns: int) -> InvalidInput:
    length = _seconds(duration_ns)
    return _wrong(
        field,
        f"must lie in the video, which is {length} s long",
        reason="RANGE_OUTSIDE_VIDEO",
        metadata={"max": length, "actual": f"{seconds}"},
    )
