"""What a backfill did, or would do, and what a check found, for people."""

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from client.backfill_types import BackfillAnswer, BackfilledVideo, Problem, Verification

__all__ = ["failures_table", "preview_table", "problems_table", "summary_lines", "verdict_lines"]

_ROWS = 20


def preview_table(backfill: BackfillAnswer) -> Table:
    """Return the first videos with the end they got, or would get."""
    table = _table("video", "owner", "file", "ended as", "run", "ended at (its last change)")
    for video in backfill.get("preview", [])[:_ROWS]:
        table.add_row(*_identity(video), video.get("state", ""), str(video.get("generation", "")), _at(video))
    return table


def failures_table(videos: Sequence[BackfilledVideo]) -> Table:
    """Return the videos that could not be given an end, and why."""
    table = _table("video", "owner", "file", "why not, and what to do")
    for video in videos[:_ROWS]:
        table.add_row(*_identity(video), Text(video.get("sentence", "")))
    return table


def problems_table(problems: Sequence[Problem]) -> Table:
    """Return what is wrong."""
    table = _table("video", "owner", "problem", "what to do")
    for one in problems:
        table.add_row(
            Text(one.get("video_id", "")),
            Text(one.get("owner_id", "")),
            one.get("problem", ""),
            Text(one.get("sentence", "")),
        )
    return table


def summary_lines(backfill: BackfillAnswer) -> Iterator[str]:
    """Yield what became of all videos, in sentences."""
    is_dry = backfill.get("dry_run", False)
    changed = backfill.get("changed", 0)
    yield (
        f"{changed} of {backfill.get('examined', 0)} videos {'would get' if is_dry else 'got'} an end; "
        f"{backfill.get('fine', 0)} had one, {backfill.get('unfinished', 0)} have not ended, "
        f"{backfill.get('failed', 0)} can not be given one"
    )
    if changed:
        yield "start, length, waiting time and failed stage of these stay unknown: nobody measured them"
    if is_dry:
        yield "nothing was changed; to do it: heimdex backfill timing" if changed else "there is nothing to do"
    elif changed:
        yield "to check it: heimdex backfill verify"


def verdict_lines(found: Verification) -> Iterator[str]:
    """Yield what a check found, in sentences."""
    yield (
        f"{found.get('problems_total', 0)} problems in {found.get('videos_examined', 0)} videos, "
        f"{found.get('videos_backfilled', 0)} of them with an end that was filled in"
    )
    if forgotten := found.get("runs_forgotten", 0):
        yield f"{forgotten} of these ended before the events that are kept, so only their rows were checked"


def _identity(video: BackfilledVideo) -> tuple[Text, Text, Text]:
    return Text(video.get("video_id", "")), Text(video.get("owner_id", "")), Text(video.get("filename", ""))


def _at(video: BackfilledVideo) -> str:
    return video.get("finished_at", "-")


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")
