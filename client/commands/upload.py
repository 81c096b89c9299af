"""`heimdex upload`: a file goes in; with --wait, until its moments can be found."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from client.api import HeimdexClient
from client.errors import EXIT_HELP, Exit
from client.output import console, print_json, stderr
from client.session import connect
from client.stage_board import show_stages
from client.types import Video
from client.video_view import failure_of, state_of, summary

__all__ = ["send", "upload"]


@click.command(epilog=EXIT_HELP)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--title", default="", help="Title to find it by; the file name otherwise.")
@click.option("--wait", "is_waiting", is_flag=True, help="Show the stages and wait until the video is ready or failed.")
@click.option("--json", "as_json", is_flag=True, help="Print the final video as JSON.")
@click.pass_context
def upload(ctx: click.Context, *, file: Path, title: str, is_waiting: bool, as_json: bool) -> None:
    """Upload FILE. Progress is shown on stderr."""
    screen = stderr()
    with connect() as client:
        video = send(client, file, title=title, screen=screen)
        if is_waiting:
            video = _wait(client, video, screen)
    if as_json:
        print_json(video)
    else:
        console().print(summary(video))
        if not is_waiting and state_of(video) not in {"ready", "failed"}:
            screen.print(f"accepted; follow it with: heimdex video get {video.get('id', '')}")
    if is_waiting and state_of(video) != "ready":
        screen.print(f"heimdex: {failure_of(video)}", markup=False)
        ctx.exit(Exit.FAILED)


def send(client: HeimdexClient, file: Path, *, title: str, screen: Console) -> Video:
    """Upload a file with a bar of its bytes; return the registered video."""
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as progress:
        task = progress.add_task("upload", total=max(1, file.stat().st_size))
        return client.upload(file, title=title, on_bytes=lambda count: progress.advance(task, count))


def _wait(client: HeimdexClient, video: Video, screen: Console) -> Video:
    video_id = video.get("id", "")
    try:
        show_stages(client.follow(video_id), screen)
    except KeyboardInterrupt:
        screen.print(f"stopped looking; the video goes on: heimdex video get {video_id}")
        raise
    return client.get_video(video_id)
