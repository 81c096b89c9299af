"""`heimdex up`: become the launcher of the local mesh."""

import os
import sys

import click

__all__ = ["up"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when ready, and nothing else on stdout.")
def up(*, as_json: bool) -> None:
    """Start the mesh on this machine and stay; Ctrl-C stops it.

    Data lives in HEIMDEX_DATA_DIR, the door is HEIMDEX_HTTP_ADDR (127.0.0.1:8080).
    """
    arguments = [sys.executable, "-m", "deploy.local", *(["--json"] if as_json else [])]
    os.execv(sys.executable, arguments)  # noqa: S606 - the same process from here on, so signals reach the launcher
