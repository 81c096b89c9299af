"""`heimdex video`: list, look at, and delete videos."""

import click
from rich.table import Table
from rich.text import Text

from client.output import clock, console, elapsed, milliseconds, print_json, stderr, word
from client.session import connect
from client.types import Scene, Video
from client.video_view import state_of, summary, title_of

__all__ = ["video"]

_STATE_STYLES = {"ready": "green", "failed": "red", "cancelled": "yellow"}


@click.group()
def video() -> None:
    """List, look at, and delete videos."""


@video.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {videos: [...]}.")
def list_videos(*, limit: int, as_json: bool) -> None:
    """List your videos, newest first."""
    found: list[Video] = []
    with connect() as client:
        token = ""
        while len(found) < limit:
            page = client.list_videos(page_size=min(200, limit - len(found)), page_token=token)
            found += page.get("videos", [])
            token = page.get("next_page_token", "")
            if not token:
                break
    if as_json:
        print_json({"videos": found})
        return
    if not found:
        stderr().print("no videos yet; put one in with: heimdex upload FILE --wait")
        return
    table = Table("id", "title", "state", "length", "scenes", "stage", box=None, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = True
    for item in found:
        state = state_of(item)
        length = clock(item["duration_s"]) if "duration_s" in item else "-"
        scenes = str(item.get("scene_count", "-"))
        state_text = Text(state, _STATE_STYLES.get(state, "cyan"))
        table.add_row(
            item.get("id", ""), Text(title_of(item)), state_text, length, scenes, item.get("processing_stage", "")
        )
    console().print(table)


@video.command()
@click.argument("video_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the video as JSON.")
def get(*, video_id: str, as_json: bool) -> None:
    """Show the video ID and how far its stages are."""
    with connect() as client:
        found = client.get_video(video_id)
    if as_json:
        print_json(found)
        return
    screen = console()
    screen.print(summary(found))
    table = Table("stage", "state", "attempts", "time", "reason", box=None, pad_edge=False, header_style="bold")
    for step in found.get("steps", []):
        took = elapsed(step)
        table.add_row(
            word(step.get("stage"), "STAGE_"),
            word(step.get("state"), "STEP_STATE_"),
            str(step.get("attempts", 0)),
            "" if took is None else milliseconds(took),
            Text(step.get("message") or step.get("reason", "")),
        )
    screen.print(table)


@video.command()
@click.argument("video_id", metavar="ID")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print {deleted: ID}; does not ask.")
def delete(*, video_id: str, is_sure: bool, as_json: bool) -> None:
    """Delete the video ID with its scenes, files and search entries."""
    with connect() as client:
        found = client.get_video(video_id)
        if not (is_sure or as_json):
            click.confirm(f"delete {title_of(found)!r} for good?", abort=True, err=True)
        client.delete_video(video_id)
    if as_json:
        print_json({"deleted": video_id})
    else:
        stderr().print(f"deleted {video_id}")


@video.command()
@click.argument("video_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {scenes: [...]}.")
def scenes(*, video_id: str, as_json: bool) -> None:
    """List the scenes of the video ID, in order of time."""
    with connect() as client:
        found = client.list_scenes(video_id)
    if as_json:
        print_json({"scenes": found})
        return
    table = Table(
        "#", "id", "time", "what is said", "text in the picture", "tags", box=None, pad_edge=False, header_style="bold"
    )
    table.columns[1].no_wrap = table.columns[2].no_wrap = True
    for scene in found:
        identifier = Text(scene.get("id", ""))
        table.add_row(str(scene.get("index", 0)), identifier, _span(scene), *(Text(cell) for cell in _content(scene)))
    console().print(table)


def _span(scene: Scene) -> str:
    return f"{clock(scene.get('start_s', 0.0))}-{clock(scene.get('end_s', 0.0))}"


def _content(scene: Scene) -> tuple[str, str, str]:
    said = scene.get("transcript_segment", "").strip()
    return said, " | ".join(scene.get("ocr_lines", [])), ", ".join(scene.get("tags", [])[:6])
