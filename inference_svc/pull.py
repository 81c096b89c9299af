"""`python -m inference_svc.pull NAME...`: bring the weights of models here, with a progress bar on stderr."""

import sys

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from chassis.io.settings import load
from inference_svc.adapters.hub import Hub
from inference_svc.adapters.model_files import ModelFiles, Unavailable
from inference_svc.model_pool import load_registry
from inference_svc.settings import ModelSettings

__all__ = ["main"]

_NOT_AVAILABLE = 6
_USAGE = 2


def main(names: list[str]) -> int:
    """Resolve models by name, or all; returns 0 when every one is here, 6 otherwise, 2 for a wrong name."""
    console = Console(stderr=True)
    specs = {spec.name: spec for spec in load_registry()}
    if unknown := [name for name in names if name not in specs]:
        console.print(f"unknown model {', '.join(unknown)}; known: {', '.join(specs)}")
        return _USAGE
    settings = load(ModelSettings)
    hub = Hub(settings.hub_url, is_offline=settings.is_offline)
    files = ModelFiles(model_dir=settings.model_dir, cache_dir=settings.cache_dir.expanduser(), hub=hub)
    code = 0
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as bars:
        for name in names or specs:
            found = files.resolve(specs[name], _Bars(bars, name))
            if isinstance(found, Unavailable):
                code = _NOT_AVAILABLE
                bars.console.print(f"{name}: {found.reason}", markup=False)
            else:
                bars.console.print(f"{name}: {found.via}", markup=False)
    return code


class _Bars:
    """One bar per file."""

    def __init__(self, bars: Progress, model: str) -> None:
        self._bars = bars
        self._model = model
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, file: str, done: int, total: int) -> None:
        if file not in self._tasks:
            self._tasks[file] = self._bars.add_task(f"{self._model}/{file}", total=total or None)
        self._bars.update(self._tasks[file], completed=done)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
