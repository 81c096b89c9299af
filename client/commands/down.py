"""`heimdex down`: stop the mesh that runs on the data folder."""

import os
import time

import click

from client.errors import MeshNotReachable
from client.mesh import data_dir_of, find_launcher, stop_launcher
from client.output import print_json, stderr

__all__ = ["down"]


@click.command()
@click.option("--timeout", "timeout_seconds", default=30.0, show_default=True, help="Seconds to wait until it is gone.")
@click.option("--json", "as_json", is_flag=True, help="Print what was stopped as JSON.")
def down(*, timeout_seconds: float, as_json: bool) -> None:
    """Stop the mesh that runs on the data folder, in order, and wait until it is gone."""
    data_dir = data_dir_of(os.environ)
    launcher = find_launcher(data_dir)
    if launcher is None:
        raise MeshNotReachable(f"no mesh runs on {data_dir}; nothing to stop")
    began = time.monotonic()
    stop_launcher(launcher, within_seconds=timeout_seconds)
    took_seconds = round(time.monotonic() - began, 3)
    if as_json:
        print_json({"pid": launcher.pid, "url": launcher.url, "stopped_in_seconds": took_seconds})
    else:
        stderr().print(f"stopped the mesh at {launcher.url} in {took_seconds:.1f} s")
