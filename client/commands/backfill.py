"""`heimdex backfill`: old videos get the one time that can be known of them."""

import time
from typing import cast

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from client.api import HeimdexClient
from client.backfill_types import BackfillAnswer, Problem, Verification
from client.backfill_view import failures_table, preview_table, problems_table, summary_lines, verdict_lines
from client.errors import ClientError, Exit, HeimdexApiError, MeshNotReachable
from client.output import console, print_json, stderr
from client.session import connect

__all__ = ["backfill"]

_POLL_SECONDS = 0.2
_AWAY_SECONDS = 120.0
_COUNTING_SECONDS = 15.0
_NOT_COUNTED = "RUN_NOT_COUNTED"


@click.group()
def backfill() -> None:
    """Fill in what can still be known of old videos, and nothing else. Needs an administrator's token."""


@backfill.command()
@click.option("--dry-run", is_flag=True, help="Count and show what would change; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the backfill as JSON.")
@click.pass_context
def timing(ctx: click.Context, *, dry_run: bool, as_json: bool) -> None:
    """Give videos that ended, and of which nobody knows when, their last change as their end.

    Those are videos of an older version, or imported ones. Start, length, waiting time and failed stage stay unknown.
    It goes on when this command is interrupted, or when the mesh is; running it again shows the one that runs.
    """
    screen = stderr()
    with connect(as_admin=True) as client:
        _preflight(client)
        begun = _start(client, dry_run=dry_run)
        try:
            ended = _follow(client, begun)
        except KeyboardInterrupt:
            screen.print("stopped looking; it goes on. To see it again: heimdex backfill timing")
            raise
    if as_json:
        print_json(ended)
    else:
        if ended.get("preview"):
            console().print(preview_table(ended))
        if failures := ended.get("failures", []):
            console().print(failures_table(failures))
        for line in summary_lines(ended):
            screen.print(line, markup=False)
    if ended.get("state") != "done":
        raise ClientError(f"the backfill is {ended.get('state')}: {ended.get('sentence', '')}")
    ctx.exit(Exit.OK)


@backfill.command()
@click.option("--json", "as_json", is_flag=True, help="Print {problems_total, problems, ...}.")
@click.pass_context
def verify(ctx: click.Context, *, as_json: bool) -> None:
    """Check every video: no end is missing or made up, and each is counted once. Status 1 if there are problems."""
    with connect(as_admin=True) as client:
        _preflight(client)
        deadline = time.monotonic() + _COUNTING_SECONDS
        # What was filled in a moment ago is on its way to be counted.
        while _is_on_its_way(found := _verified(client)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    if as_json:
        print_json(found)
    else:
        if problems := found.get("problems", []):
            console().print(problems_table(problems))
        for line in verdict_lines(found):
            stderr().print(line, markup=False)
    ctx.exit(Exit.ERROR if found.get("problems_total", 0) else Exit.OK)


@backfill.command()
@click.option("--json", "as_json", is_flag=True, help="Print the backfill as JSON.")
def cancel(*, as_json: bool) -> None:
    """Cancel the backfill that runs. What it has changed stays; another one goes on from there."""
    with connect(as_admin=True) as client:
        running = _running(client)
        if running is None:
            raise ClientError("no backfill runs")
        ended = cast("BackfillAnswer", client.admin_post(f"backfills/{running.get('backfill_id', '')}:cancel", {}))
    if as_json:
        print_json(ended)
    else:
        stderr().print(f"{ended.get('state')} after {ended.get('examined', 0)} videos")


def _preflight(client: HeimdexClient) -> None:
    is_ready, said = client.readiness()
    if not is_ready:
        why = "; ".join(map(str, said.get("reasons", ()))) or "it does not say why"
        raise ClientError(f"the mesh at {client.url} is not ready ({why}); see what to do with: heimdex doctor")


def _start(client: HeimdexClient, *, dry_run: bool) -> BackfillAnswer:
    try:
        return cast("BackfillAnswer", client.admin_post("backfills", {"dry_run": dry_run}))
    except HeimdexApiError as error:
        if error.reason != "BACKFILL_RUNNING":
            raise
        running = _running(client)
        if running is None:  # it has ended just now
            return _start(client, dry_run=dry_run)
        if running.get("dry_run", False) != dry_run:
            kind = "a dry run" if running.get("dry_run") else "a backfill that changes videos"
            raise ClientError(f"{kind} is under way; wait for it, or end it with: heimdex backfill cancel") from error
        stderr().print("one is under way already; showing it")
        return running


def _running(client: HeimdexClient) -> BackfillAnswer | None:
    newest = cast("list[BackfillAnswer]", client.admin("backfills", {"page_size": 1}).get("backfills", []))
    return newest[0] if newest and newest[0].get("state") == "running" else None


def _follow(client: HeimdexClient, begun: BackfillAnswer) -> BackfillAnswer:
    """Show a backfill until it has ended; a mesh that is away for a while is waited for."""
    screen = stderr()
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as progress:
        bar, now, away_since = progress.add_task("videos", total=None), begun, 0.0
        while now.get("state") == "running":
            time.sleep(_POLL_SECONDS)
            try:
                now = cast("BackfillAnswer", client.admin(f"backfills/{begun.get('backfill_id', '')}", {}))
            except (MeshNotReachable, HeimdexApiError) as error:
                is_final = isinstance(error, HeimdexApiError) and error.code not in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
                away_since = away_since or time.monotonic()
                if is_final or time.monotonic() - away_since > _AWAY_SECONDS:
                    raise
                progress.update(bar, description="the mesh does not answer; waiting")
                continue
            away_since = 0.0
            told = now.get("sentence") or "videos"
            progress.update(bar, description=told, total=now.get("videos_total"), completed=now.get("examined", 0))
    return now


def _verified(client: HeimdexClient) -> Verification:
    """Return what a check of all videos finds."""
    whole: Verification = {"problems_total": 0, "problems": [], "videos_examined": 0}
    whole |= {"videos_backfilled": 0, "runs_forgotten": 0}
    token = ""
    while True:
        page = cast("Verification", client.admin("backfills:verify", {"page_token": token} if token else {}))
        whole["problems_total"] += page.get("problems_total", 0)
        whole["problems"] += page.get("problems", [])
        whole["videos_examined"] += page.get("videos_examined", 0)
        whole["videos_backfilled"] += page.get("videos_backfilled", 0)
        whole["runs_forgotten"] += page.get("runs_forgotten", 0)
        token = page.get("next_page_token", "")
        if not token:
            return whole


def _is_on_its_way(found: Verification) -> bool:
    problems: list[Problem] = found.get("problems", [])
    return any(one.get("problem") == _NOT_COUNTED for one in problems)
