"""A video, in words for a person."""

from rich.markup import escape

from client.output import clock, milliseconds, size, word
from client.types import Video
from client.wire import reason_of

__all__ = ["failure_of", "state_of", "summary", "title_of"]

_COLOURS = {"ready": "green", "failed": "red", "cancelled": "yellow"}


def state_of(video: Video) -> str:
    """Return the state as a lower-case word."""
    return word(video.get("state"), "VIDEO_STATE_")


def title_of(video: Video) -> str:
    """Return the title, else the file name, else the id."""
    return video.get("metadata", {}).get("title") or video.get("filename") or video.get("id", "")


def failure_of(video: Video) -> str:
    """Say in one sentence why a video did not become ready."""
    state = state_of(video)
    if state != "failed":
        return f"the video is {state or 'in an unknown state'}, not ready"
    error = video.get("error", {})
    reason = reason_of(error)
    stage = video.get("processing_stage") or word(video.get("stage"), "STAGE_")
    said = error.get("message") or "no reason was given"
    return f"the video failed in stage {stage}: {said}" + (f" [{reason}]" if reason else "")


def summary(video: Video) -> str:
    """Return a few lines of console markup: title, state, size, length, scenes, time."""
    state = state_of(video)
    facts = [size(float(video.get("size_bytes", 0)))]
    if "duration_s" in video:
        facts.append(clock(video["duration_s"]))
    if "scene_count" in video:
        facts.append(f"{video['scene_count']} scenes")
    if language := video.get("language"):
        facts.append(f"language {language}")
    if "processing_duration_ms" in video:
        facts.append(f"processed in {milliseconds(video['processing_duration_ms'])}")
    colour = _COLOURS.get(state, "cyan")
    lines = [
        f"[bold]{escape(title_of(video))}[/]  [{colour}]{state}[/]  {escape(', '.join(facts))}",
        video.get("id", ""),
    ]
    if state == "failed":
        lines.append(f"[red]{escape(failure_of(video))}[/]")
    return "\n".join(lines)
