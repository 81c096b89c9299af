"""`heimdex stages`: where the seconds went."""

import re

import click

from client.output import console, print_json
from client.session import connect
from client.stage_table import latency_line, rtf_line, stage_table

__all__ = ["WINDOW", "stages"]

WINDOW = re.compile(r"[1-9][0-9]{0,2}d")


@click.command()
@click.option(
    "--range",
    "window",
    default="30d",
    show_default=True,
    metavar="DAYS",
    help="Whole UTC days up to today, 1d to 365d.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {stages, latency, rtf}.")
def stages(*, window: str, as_json: bool) -> None:
    """Show p50, p95 and p99 of every stage and of whole videos. Needs an administrator's token."""
    if not WINDOW.fullmatch(window):
        raise click.BadParameter("1d to 365d", param_hint="--range")
    with connect(as_admin=True) as client:
        performance = client.stage_performance(window=window)
        latency, rtf = client.latency(window=window), client.rtf(window=window)
    if as_json:
        print_json({"stages": performance, "latency": latency, "rtf": rtf})
        return
    screen = console()
    screen.print(stage_table(performance))
    screen.print(latency_line(latency))
    screen.print(rtf_line(rtf))
