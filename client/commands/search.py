"""`heimdex search`: where is the moment when ...?"""

import click

from client.api import HeimdexClient
from client.errors import HeimdexApiError
from client.output import console, milliseconds, print_json, stderr
from client.search_view import results_table, signals_line
from client.session import connect
from client.types import SearchAnswer
from client.video_view import title_of

__all__ = ["search"]


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="At most this many moments.")
@click.option("--video", "video_ids", multiple=True, metavar="ID", help="Only moments of this video; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def search(*, text: tuple[str, ...], limit: int, video_ids: tuple[str, ...], as_json: bool) -> None:
    """Find the moments that answer TEXT, best first."""
    with connect() as client:
        answer = client.search(" ".join(text), page_size=limit, video_ids=video_ids)
        if as_json:
            print_json(answer)
            return
        titles = _titles(client, answer)
    screen = stderr()
    if answer.get("results"):
        console().print(results_table(answer, titles))
    else:
        screen.print("nothing found")
    took = f" in {milliseconds(answer['latency_ms'])}" if "latency_ms" in answer else ""
    screen.print(f"{signals_line(answer)}{took}", style="dim", markup=False)


def _titles(client: HeimdexClient, answer: SearchAnswer) -> dict[str, str]:
    titles: dict[str, str] = {}
    for video_id in {result.get("scene", {}).get("video_id", "") for result in answer.get("results", [])}:
        try:
            titles[video_id] = title_of(client.get_video(video_id))
        except HeimdexApiError:
            titles[video_id] = video_id  # deleted between the search and now
    return titles
