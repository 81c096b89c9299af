"""`heimdex cost`: what the work cost, and by which prices."""

import click

from client.commands.admin import file_options, write_file
from client.commands.stages import WINDOW
from client.cost_view import cost_lines, cost_table
from client.output import console, print_json, stderr
from client.session import connect

__all__ = ["cost"]

_MOST_ROWS = 1_000


@click.command()
@click.option(
    "--by",
    "group_by",
    type=click.Choice(["stage", "video", "owner", "day", "model"]),
    default="stage",
    show_default=True,
    help="What a row is.",
)
@click.option(
    "--range",
    "window",
    default="30d",
    show_default=True,
    metavar="DAYS",
    help="Whole UTC days up to today, 1d to 365d.",
)
@click.option("--owner", "owner_id", metavar="ID", help="Only what belongs to this owner.")
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST_ROWS),
    default=20,
    show_default=True,
    help="At most this many videos or owners, the most expensive first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@file_options
def cost(
    *,
    group_by: str,
    window: str,
    owner_id: str | None,
    limit: int,
    as_json: bool,
    file_format: str | None,
    output: str | None,
) -> None:
    """Show what the work cost: CPU and accelerator time, energy, storage, model calls.

    Work that failed or was cancelled costs like any other. Needs an administrator's token.
    """
    if not WINDOW.fullmatch(window):
        raise click.BadParameter("1d to 365d", param_hint="--range")
    params = {"group_by": group_by, "range": window, "page_size": limit} | ({"owner_id": owner_id} if owner_id else {})
    with connect(as_admin=True) as client:
        if file_format is not None:
            write_file(client.admin_file("cost", params, file_format), file_format, output)
            return
        answer = client.cost(params)
    if as_json:
        print_json(answer)
        return
    if answer.get("data"):
        console().print(cost_table(answer))
    else:
        stderr().print("nothing was used in this time")
    for line in cost_lines(answer):
        stderr().print(line, style="dim", markup=False)
