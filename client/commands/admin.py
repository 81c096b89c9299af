"""`heimdex admin`: any answer for administrators, as JSON or as a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from client.output import print_json, stderr
from client.session import connect

__all__ = ["admin", "file_options", "write_file"]

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def file_options(command: CommandT) -> CommandT:
    """Give a command `--format` and `-o`."""
    place = click.option("-o", "--output", metavar="FILE", help="Where the table goes; - is stdout.")
    kind = click.option("--format", "file_format", type=click.Choice(["csv", "xlsx"]), help="A table instead.")
    return kind(place(command))


def write_file(data: bytes, file_format: str, output: str | None) -> None:
    """Write a table to a file, or to stdout where that can take it."""
    if output in {None, "-"}:
        if file_format == "xlsx" and sys.stdout.isatty():
            raise click.UsageError("a spreadsheet is nothing for a terminal; name a file: -o FILE")
        click.echo(data, nl=False)
        return
    Path(str(output)).write_bytes(data)
    stderr().print(f"{output}: {len(data):,} bytes", style="dim", markup=False)


@click.command()
@click.argument("path")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@file_options
def admin(*, path: str, params: tuple[str, ...], file_format: str | None, output: str | None) -> None:
    """Print what PATH below /v1/admin/ answers, e.g. timeseries/throughput range=7d. Needs an administrator's token."""
    pairs = [param.partition("=") for param in params]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.BadParameter("must be NAME=VALUE", param_hint="NAME=VALUE")
    query = {name: value for name, _, value in pairs}
    if output is not None and file_format is None:
        raise click.UsageError("-o needs --format csv or xlsx")
    path = path.removeprefix("/").removeprefix("v1/admin/")
    with connect(as_admin=True) as client:
        if file_format is None:
            print_json(client.admin(path, query))
        else:
            write_file(client.admin_file(path, query, file_format), file_format, output)
