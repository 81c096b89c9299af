"""`heimdex propose`: which stretches of a video would make shorts, and why."""

import click

from client.errors import EXIT_HELP
from client.export_errors import in_words
from client.export_view import proposal_lines
from client.output import console, print_json, printable, stderr
from client.session import connect

__all__ = ["propose"]


@click.command(epilog=EXIT_HELP)
@click.argument("video_id", metavar="VIDEO")
@click.option(
    "--min",
    "min_seconds",
    type=click.FloatRange(1, 180),
    default=15.0,
    show_default=True,
    help="Shortest stretch, seconds.",
)
@click.option(
    "--max",
    "max_seconds",
    type=click.FloatRange(1, 180),
    default=60.0,
    show_default=True,
    help="Longest stretch, seconds.",
)
@click.option("--limit", type=click.IntRange(1, 20), default=5, show_default=True, help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print the proposals as JSON.")
def propose(*, video_id: str, min_seconds: float, max_seconds: float, limit: int, as_json: bool) -> None:
    """Show the stretches of VIDEO that would make shorts, best first, each with the line that makes it."""
    if max_seconds < min_seconds:
        raise click.BadParameter("must not be shorter than --min", param_hint="--max")
    with connect() as client, in_words():
        answer = client.exports.propose_shorts(
            video_id, min_duration_s=min_seconds, max_duration_s=max_seconds, limit=limit
        )
    if as_json:
        print_json(answer)
        return
    found, screen = answer.get("proposals", []), console()
    for number, proposal in enumerate(found, start=1):
        for line in proposal_lines(number, video_id, proposal):
            screen.print(line, soft_wrap=True)
    if not found:
        stderr().print("nothing in it makes a short of that length; try other --min and --max")
    for what in answer.get("missing", []):
        stderr().print(f"not known of this video: {printable(what)}", style="dim", markup=False)
