"""How far an export is: one bar for waiting, cutting and downloading on a terminal, a few lines elsewhere."""

from collections.abc import Callable, Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from client.export_types import Export
from client.export_view import state_of
from client.output import size

__all__ = ["show_download", "show_export"]

_QUARTER = 25


def show_export(exports: Iterable[Export], screen: Console) -> Export:
    """Show the states of an export as they come; return the last one."""
    last = Export()
    if not screen.is_terminal:
        said = ""
        for last in exports:
            if (line := _line(last)) != said:
                screen.print(line, markup=False)
                said = line
        return last
    with _bar(screen) as progress:
        task = progress.add_task("waiting", total=None, note="")
        for last in exports:
            percent = 100.0 if state_of(last) == "completed" else last.get("progress_pct")
            progress.update(
                task,
                description=_stage(last),
                total=None if percent is None else 100.0,
                completed=percent or 0.0,
                note="" if percent is None else f"{percent:.0f} %",
            )
    return last


def show_download(fetch: Callable[[Callable[[int], None]], Export], size_bytes: int, screen: Console) -> Export:
    """Call `fetch` with something that hears how many bytes are there, and show them; return what it returned."""
    if not screen.is_terminal:
        screen.print(f"downloading {size(size_bytes)}", markup=False)
        return fetch(lambda _done: None)
    with _bar(screen) as progress:
        task = progress.add_task("downloading", total=max(1, size_bytes), note="")
        return fetch(lambda done: progress.update(task, completed=done, note=f"{size(done)} of {size(size_bytes)}"))


def _bar(screen: Console) -> Progress:
    columns = (
        TextColumn("[bold]{task.description:<11}", markup=True),
        BarColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=screen)


def _stage(export: Export) -> str:
    state = state_of(export)
    stage = {"queued": "waiting", "processing": "cutting"}.get(state, state)
    attempt = export.get("attempt", 1)
    return f"{stage} (attempt {attempt})" if attempt > 1 else stage


def _line(export: Export) -> str:
    percent = export.get("progress_pct")
    quarters = "" if percent is None else f" {int(percent // _QUARTER * _QUARTER)} %"
    return _stage(export) + (quarters if state_of(export) == "processing" else "")
