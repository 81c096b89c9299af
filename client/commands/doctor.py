"""`heimdex doctor`: what is wrong here, and what to do."""

import os

import click
from rich.markup import escape

from client.checks import run_checks
from client.errors import Exit
from client.output import console, print_json

__all__ = ["doctor"]

_MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON: {checks: [...]}.")
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Look at this machine and its mesh; each line says ok, warn or fail, and what to do. Status 1 if any fails."""
    screen = console()
    made = []
    for check in run_checks(os.environ):
        made.append(check)
        if not as_json:
            advice = f"\n     -> {escape(check.advice)}" if check.advice else ""
            screen.print(f"{_MARKS[check.level]} [bold]{check.name}[/]  {escape(check.said)}{advice}", soft_wrap=True)
    if as_json:
        print_json({"checks": [check.as_json() for check in made]})
    ctx.exit(Exit.ERROR if any(check.level == "fail" for check in made) else Exit.OK)
