"""`heimdex demo`: the whole way, with a clip that comes along."""

import os
import shutil
import sys

import click
from rich.console import Console

from client.api import HeimdexClient
from client.demo.clip import load_clip
from client.demo.short import show_short
from client.demo.show import Judged, curl_line, run_searches, show_numbers, show_upload
from client.errors import EXIT_HELP, Exit
from client.launch import start_detached
from client.mesh import data_dir_of, find_launcher, find_mesh, local_user, make_token
from client.output import print_json, stderr
from client.video_view import state_of

__all__ = ["demo"]

_CURL_TOKEN_SECONDS = 86_400


@click.command(epilog=EXIT_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print what happened as JSON; the show goes to stderr.")
@click.pass_context
def demo(ctx: click.Context, *, as_json: bool) -> None:
    """Start a mesh if none runs, upload a clip, find moments in it, show where every second went, make a short.

    Ends with status 0 only if the clip became ready and every search that can work with the models here hit its scene.
    The mesh is left running.
    """
    screen = stderr()
    _have_mesh(screen)
    mesh = find_mesh(os.environ)
    clip = load_clip()
    with HeimdexClient(mesh.url, mesh.token) as client, HeimdexClient(mesh.url, mesh.admin_token) as admin:
        video = show_upload(client, clip, screen)
        if state_of(video) != "ready":
            if as_json:
                print_json({"video": video, "searches": []})
            ctx.exit(Exit.FAILED)
        models = client.list_models()
        judged = run_searches(client, clip, video.get("id", ""), models=models, screen=screen)
        numbers, missing = show_numbers(admin, models, screen)
        short = show_short(client, video.get("id", ""), data_dir_of(os.environ) / "run" / "demo-short.mp4", screen)
    token = _curl_token(mesh.url, mesh.token)
    line = curl_line(mesh.url, token, _best(judged).search.text, video.get("id", ""))
    how_to_stop = (
        "" if os.environ.get("HEIMDEX_URL") else f"  the mesh goes on running; stop it with: {_own_name()} down"
    )
    screen.print(f"\n[bold]5. Now you[/]{how_to_stop}")
    if as_json:
        searches = [one.as_json() for one in judged]
        print_json(
            {"video": video, "searches": searches, **numbers, "unavailable": missing, "short": short, "curl": line}
        )
    else:
        click.echo(line)
    ctx.exit(Exit.OK if all(one.is_right is not False for one in judged) else Exit.ERROR)


def _own_name() -> str:
    """Return what to type for this command here: its path as it was called, when it is not on PATH."""
    return "heimdex" if shutil.which("heimdex") else sys.argv[0]


def _have_mesh(screen: Console) -> None:
    if os.environ.get("HEIMDEX_URL"):
        return  # somebody else's, or one that was named: never start another beside it
    data_dir = data_dir_of(os.environ)
    if (running := find_launcher(data_dir)) is not None:
        screen.print(f"a mesh runs already: {running.url}")
        return
    started = start_detached(data_dir, os.environ, screen)
    running_at = f"the mesh runs at [bold]{started.url}[/] (pid {started.pid})"
    screen.print(f"[green]✓[/] {running_at}; stop it with: {_own_name()} down")
    screen.print(f"  data {data_dir}, log {data_dir / 'run' / 'launcher.log'}", style="dim", markup=False)


def _curl_token(url: str, token: str) -> str:
    launcher = find_launcher(data_dir_of(os.environ))
    if os.environ.get("HEIMDEX_TOKEN") or launcher is None or launcher.url.rstrip("/") != url:
        return token
    user = local_user(os.environ)
    return make_token(data_dir_of(os.environ), user, is_admin=False, ttl_seconds=_CURL_TOKEN_SECONDS)


def _best(judged: list[Judged]) -> Judged:
    return next((one for one in judged if one.is_right), judged[-1])
