"""`heimdex export`: a scene, a range or a reel becomes a short, and its check is shown."""

from pathlib import Path

import click

from client.errors import EXIT_HELP, ClientError
from client.export_delivery import Delivery, insist, print_export, wait_for
from client.export_errors import in_words
from client.export_spec import CAPTIONS, QUALITIES, RATIOS, STRATEGIES, Choices, parse_segment
from client.export_types import ExportSegment
from client.export_view import state_of
from client.output import print_json, stderr
from client.session import connect

__all__ = ["export"]

_FILE = click.Path(path_type=Path)


@click.command(epilog=EXIT_HELP)
@click.argument("what", metavar="SCENE...", nargs=-1, required=True)
@click.option("--to", type=_FILE, metavar="FILE", help="Where the short is saved, e.g. short.mp4.")
@click.option("--ratio", type=click.Choice(list(RATIOS)), default="9:16", show_default=True, help="Shape of the frame.")
@click.option(
    "--strategy",
    type=click.Choice(list(STRATEGIES)),
    default="smart",
    show_default=True,
    help="How the picture fills the frame; smart follows the subject.",
)
@click.option(
    "--quality",
    type=click.Choice(list(QUALITIES)),
    default="medium",
    show_default=True,
    help="How much the encoder may spend; low is 720 pixels wide, the others 1080.",
)
@click.option(
    "--captions",
    type=click.Choice(list(CAPTIONS)),
    default="none",
    show_default=True,
    help="Words burned into the picture.",
)
@click.option("--no-snap", is_flag=True, help="Cut exactly there, even in the middle of a word.")
@click.option("--subtitles", is_flag=True, help="Save the captions beside FILE, as .srt and .vtt.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--no-wait", is_flag=True, help="Ask for it, say its id, and do not wait.")
@click.option("--request-id", default="", metavar="ID", help="The same one again is the same export, not another.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {export, files}.")
def export(  # noqa: PLR0913 - one per option
    *,
    what: tuple[str, ...],
    to: Path | None,
    ratio: str,
    strategy: str,
    quality: str,
    captions: str,
    no_snap: bool,
    subtitles: bool,
    force: bool,
    no_wait: bool,
    request_id: str,
    as_json: bool,
) -> None:
    """Make a short of SCENE, save it, and show what was measured of it.

    SCENE is the id of a scene (heimdex video scenes VIDEO), or a range VIDEO@START-END with times like 1:02.5 or 62.5.
    Several of them become one reel, in this order. Progress is shown on stderr.
    """
    segments = [_segment(text) for text in what]
    choices = Choices(ratio=ratio, strategy=strategy, quality=quality, captions=captions, snaps=not no_snap)
    delivery = _delivery(to, subtitles=subtitles, force=force, no_wait=no_wait)
    screen = stderr()
    with connect() as client, in_words():
        asked = client.exports.create(segments, choices, request_id=request_id)
        export_id = asked.get("id", "")
        if delivery is None:
            if as_json:
                print_json({"export": asked, "files": []})
            else:
                click.echo(export_id)
                screen.print(f"accepted; fetch it with: heimdex exports wait {export_id} --to FILE")
            return
        ended = wait_for(client, export_id, delivery, screen)
        files = delivery.fetch(client, ended, screen) if state_of(ended) == "completed" else []
        print_export(ended, files, as_json=as_json)
        insist(ended)


def _segment(text: str) -> ExportSegment:
    try:
        return parse_segment(text)
    except ClientError as error:
        raise click.BadParameter(str(error), param_hint="SCENE") from error


def _delivery(to: Path | None, *, subtitles: bool, force: bool, no_wait: bool) -> Delivery | None:
    if to is None:
        if not no_wait:
            raise click.UsageError("say where it goes with --to FILE, or do not wait for it with --no-wait")
        return None
    if no_wait:
        raise click.UsageError("--no-wait saves nothing, so it has no --to")
    delivery = Delivery(to=to, may_overwrite=force, has_subtitles=subtitles)
    delivery.check()
    return delivery
