"""`heimdex waterfall`: where every second of one video went."""

from typing import cast

import click

from chassis.core.ids import check_id
from client.output import console, print_json
from client.session import connect
from client.waterfall_types import WaterfallAnswer
from client.waterfall_view import run_view, title_line

__all__ = ["waterfall"]


@click.command()
@click.argument("video_id", metavar="VIDEO")
@click.option("--run", "generation", type=click.IntRange(1), help="Only this run, counted from 1.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def waterfall(*, video_id: str, generation: int | None, as_json: bool) -> None:
    """Draw the runs of VIDEO: stages, attempts and pauses. Needs an administrator's token."""
    if not check_id(video_id):
        raise click.BadParameter("the id of a video; see: heimdex video list", param_hint="VIDEO")
    with connect(as_admin=True) as client:
        params = {"generation": generation} if generation else {}
        answer = cast("WaterfallAnswer", client.admin(f"videos/{video_id}/waterfall", params))
    if as_json:
        print_json(answer)
        return
    screen = console()
    screen.print(title_line(answer))
    for run in answer.get("runs", []):
        screen.print(run_view(run, width=screen.width))
