"""`heimdex exports`: the shorts that were made, and what can be done with them."""

import itertools
from pathlib import Path

import click

from client.errors import EXIT_HELP
from client.export_delivery import Delivery, insist, print_export, wait_for
from client.export_errors import failure_of, in_words, quota_line
from client.export_types import Export
from client.export_view import export_table, state_of
from client.output import console, print_json, stderr
from client.session import connect

__all__ = ["exports"]

_FILE = click.Path(path_type=Path)
_STATES = ("queued", "processing", "completed", "failed", "cancelled", "expired")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the export as JSON.")
_EXPORT_ID = click.argument("export_id", metavar="ID")


@click.group(invoke_without_command=True, epilog=EXIT_HELP)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most this many.")
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--video", default="", metavar="ID", help="Only those that show this video.")
@click.option("--scene", default="", metavar="ID", help="Only those made of this scene.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {exports: [...]}.")
@click.pass_context
def exports(ctx: click.Context, *, limit: int, state: str | None, video: str, scene: str, as_json: bool) -> None:
    """List your shorts, newest first; or look at one, fetch it, stop it, try it again, remove it."""
    if ctx.invoked_subcommand is not None:
        return
    with connect() as client, in_words():
        pages = client.exports.list(status=state or "", video=video, scene=scene)
        found = list(itertools.islice(pages, limit))
    if as_json:
        print_json({"exports": found})
    elif found:
        screen = console()
        screen.print(export_table(found, width=screen.width))
    else:
        stderr().print("no exports; make one with: heimdex export SCENE --to FILE")


@exports.command()
@_EXPORT_ID
@_AS_JSON
def show(*, export_id: str, as_json: bool) -> None:
    """Show the export ID and what was measured of it."""
    with connect() as client, in_words():
        found = client.exports.get(export_id)
    _print(found, as_json=as_json)


@exports.command()
@_EXPORT_ID
@click.option("--to", type=_FILE, metavar="FILE", help="Save it there when it is done.")
@click.option("--subtitles", is_flag=True, help="Save the captions beside FILE, as .srt and .vtt.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {export, files}.")
def wait(*, export_id: str, to: Path | None, subtitles: bool, force: bool, as_json: bool) -> None:
    """Wait until the export ID has ended; with --to, save it."""
    if to is None and (subtitles or force):
        raise click.UsageError("say where it goes with --to FILE")
    delivery = None if to is None else Delivery(to=to, may_overwrite=force, has_subtitles=subtitles)
    if delivery is not None:
        delivery.check()
    screen = stderr()
    with connect() as client, in_words():
        ended = wait_for(client, export_id, delivery, screen)
        is_there = state_of(ended) == "completed"
        files = delivery.fetch(client, ended, screen) if delivery is not None and is_there else []
        print_export(ended, files, as_json=as_json)
        insist(ended)


@exports.command()
@_EXPORT_ID
@click.option("--to", type=_FILE, required=True, metavar="FILE", help="Where it is saved.")
@click.option("--subtitles", is_flag=True, help="Save the captions beside FILE, as .srt and .vtt.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {export, files}.")
def download(*, export_id: str, to: Path, subtitles: bool, force: bool, as_json: bool) -> None:
    """Save the completed export ID; goes on where it was interrupted."""
    delivery = Delivery(to=to, may_overwrite=force, has_subtitles=subtitles)
    delivery.check()
    with connect() as client, in_words():
        found = client.exports.get(export_id)
        files = delivery.fetch(client, found, stderr()) if state_of(found) == "completed" else []
        if files:
            print_export(found, files, as_json=as_json)
        insist(found)


@exports.command()
@_EXPORT_ID
@_AS_JSON
def cancel(*, export_id: str, as_json: bool) -> None:
    """Stop the export ID; one that has ended stays as it is."""
    with connect() as client, in_words():
        _print(client.exports.cancel(export_id), as_json=as_json)


@exports.command()
@_EXPORT_ID
@_AS_JSON
def retry(*, export_id: str, as_json: bool) -> None:
    """Try the failed or cancelled export ID again."""
    with connect() as client, in_words():
        found = client.exports.retry(export_id)
    _print(found, as_json=as_json)
    if not as_json:
        stderr().print(f"follow it with: heimdex exports wait {export_id} --to FILE", markup=False)


@exports.command()
@_EXPORT_ID
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print {deleted: ID}; does not ask.")
def delete(*, export_id: str, is_sure: bool, as_json: bool) -> None:
    """Remove the export ID and its files from the mesh. It still counts in the quota."""
    with connect() as client, in_words():
        if not (is_sure or as_json):
            click.confirm(f"remove {export_id} for good?", abort=True, err=True)
        client.exports.delete(export_id)
    if as_json:
        print_json({"deleted": export_id})
    else:
        stderr().print(f"deleted {export_id}", markup=False)


@exports.command()
@click.option("--json", "as_json", is_flag=True, help="Print the quota as JSON.")
def quota(*, as_json: bool) -> None:
    """Show how many shorts can still be made in these 24 hours."""
    with connect() as client, in_words():
        found = client.exports.quota()
    if as_json:
        print_json(found)
    else:
        click.echo(quota_line(found))


def _print(export: Export, *, as_json: bool) -> None:
    if as_json:
        print_json(export)
        return
    print_export(export, [], as_json=False)
    if state_of(export) == "failed":
        console().print(failure_of(export), style="red", markup=False)
