"""`heimdex metrics`: can the numbers be trusted?"""

import click

from client.audit_view import audit_lines, checks_table, differences_table
from client.commands.stages import WINDOW
from client.errors import Exit
from client.output import console, print_json, stderr
from client.session import connect

__all__ = ["metrics"]


@click.group()
def metrics() -> None:
    """Check the numbers that administrators are told."""


@metrics.command()
@click.option(
    "--range", "window", default="30d", show_default=True, metavar="DAYS", help="UTC days with today, 1d to 365d."
)
@click.option(
    "--start", "start_at", metavar="TIME", help="Start of an explicit window instead, e.g. 2026-11-01T00:00:00Z."
)
@click.option("--end", "end_at", metavar="TIME", help="End of it; now when absent.")
@click.option("--owner", "owner_id", metavar="ID", help="Only what belongs to this owner.")
@click.option("--wait", "wait_seconds", type=click.IntRange(1, 86_400), default=3_600, help="Seconds to wait at most.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def audit(
    ctx: click.Context,
    *,
    window: str,
    start_at: str | None,
    end_at: str | None,
    owner_id: str | None,
    wait_seconds: int,
    as_json: bool,
) -> None:
    """Compute every answer three ways and print the differences; ends with 7 when there are any.

    As users are told it from sketches, from the raw events, and by the SQL functions. Also computes every sketch anew,
    and looks whether Prometheus shows the same. Needs an administrator's token.
    """
    if not WINDOW.fullmatch(window):
        raise click.BadParameter("1d to 365d", param_hint="--range")
    if end_at and not start_at:
        raise click.UsageError("--end needs --start")
    chosen = {"start_at": start_at, "end_at": end_at} if start_at else {"range": window}
    params = {name: value for name, value in (*chosen.items(), ("owner_id", owner_id)) if value}
    with connect(as_admin=True) as client, stderr().status("computing every number three ways"):
        answer = client.audit(params, wait_seconds=wait_seconds)
    if as_json:
        print_json(answer)
    else:
        screen = console()
        screen.print(checks_table(answer))
        if answer.get("data"):
            screen.print(differences_table(answer))
        for line in audit_lines(answer):
            stderr().print(line, markup=False)
    if answer.get("differences"):
        ctx.exit(Exit.DIFFERENT)
