"""Which model serves which task, here and now: resolution in the background, selection, one worker per model."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any

from chassis.core.errors import NotReady, Stopping
from inference_svc.adapters.hub import Hub
from inference_svc.adapters.model_files import Available, ModelFiles, Resolution, Unavailable
from inference_svc.adapters.model_meter import Accelerator, ModelMeter
from inference_svc.adapters.model_worker import ModelWorker
from inference_svc.domain.model_registry import ModelSpec, Task, parse_registry
from inference_svc.loaders import ModelLoader, batch_policy, has_loader, load_model
from inference_svc.settings import ModelSettings

__all__ = ["ModelPool", "ModelStatus", "Selection", "load_registry"]

_log = logging.getLogger(__name__)
_LOG_STEP_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Selection:
    """The model in use for a task."""

    spec: ModelSpec
    worker: ModelWorker[Any, Any]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line of `heimdex models`."""

    spec: ModelSpec
    resolution: Resolution | None
    """None while it is being looked for or downloaded."""
    device: str
    """`cpu` or `cuda`; empty until loaded."""
    selected_tasks: frozenset[Task]
    """Tasks it is in use for."""


def load_registry() -> tuple[ModelSpec, ...]:
    """Read the models.toml of this package."""
    return parse_registry(resources.files("inference_svc").joinpath("models.toml").read_text(encoding="utf-8"))


class ModelPool:
    """All models of the registry. Open it once, close it once."""

    def __init__(self, settings: ModelSettings, registry: Sequence[ModelSpec] | None = None) -> None:
        """Begin to look for the weights in a thread of its own; nothing is loaded before it is asked for."""
        self._settings = settings
        self.registry = tuple(registry) if registry is not None else load_registry()
        hub = Hub(settings.hub_url, is_offline=settings.is_offline)
        self._files = ModelFiles(model_dir=settings.model_dir, cache_dir=settings.cache_dir.expanduser(), hub=hub)
        self._found: Mapping[str, Future[Resolution]] = {spec.name: Future() for spec in self.registry}
        self._workers: dict[str, ModelWorker[Any, Any]] = {}
        self._devices: dict[str, str] = {}
        self._accelerator = Accelerator()
        self._lock = threading.Lock()
        self._is_closed = False
        threading.Thread(target=self._resolve_all, name="model-files", daemon=True).start()

    async def select(self, task: Task) -> Selection | Unavailable:
        """Return the first model of the registry that is here and serves a task; waits while weights are looked for."""
        candidates = self._candidates(task)
        faults: list[Unavailable] = []
        for spec in candidates:
            found = await asyncio.wrap_future(self._found[spec.name])
            if isinstance(found, Available):
                return Selection(spec, self._worker(spec, found))
            faults.append(found)
        if not faults:
            return Unavailable(f"{task} is switched off", f"unset HEIMDEX_DISABLED_TASKS  # it names {task}")
        return faults[0]

    async def require(self, task: Task) -> Selection:
        """Return the model of a task.

        Raises:
            NotReady: None is here; the metadata hold the one command that would fix it.
        """
        selected = await self.select(task)
        if isinstance(selected, Unavailable):
            metadata = {"task": task.value, "fix_command": selected.fix_command}
            raise NotReady(selected.reason, reason="MODEL_UNAVAILABLE", metadata=metadata)
        return selected

    async def run(self, selection: Selection, items: Sequence[Any]) -> list[Any]:
        """Run items through a selected model; errors are those of `ModelWorker.run`."""
        return await selection.worker.run(items, timeout_seconds=self._settings.timeout_seconds)

    def warm(self, task: Task) -> None:
        """Load the model of a task as soon as its weights are found, instead of at the first request."""
        for spec in self._candidates(task)[:1]:
            self._found[spec.name].add_done_callback(partial(self._warm_found, spec))

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Return every model in the order of models.toml, without waiting for any."""
        results = {name: found.result() if found.done() else None for name, found in self._found.items()}
        chosen: dict[str, set[Task]] = {spec.name: set() for spec in self.registry}
        for task in Task:
            for spec in self._candidates(task):
                if isinstance(results[spec.name], Available):
                    chosen[spec.name].add(task)
                    break
        return tuple(
            ModelStatus(spec, results[spec.name], self._devices.get(spec.name, ""), frozenset(chosen[spec.name]))
            for spec in self.registry
        )

    def close(self) -> None:
        """Refuse what waits and let what runs finish, 10 s at most per model. Blocks."""
        with self._lock:
            self._is_closed = True
            workers = list(self._workers.values())
        for worker in workers:
            worker.close()

    def _candidates(self, task: Task) -> list[ModelSpec]:
        if task in self._settings.disabled_tasks:
            return []
        pinned = {Task.ASR: self._settings.asr_model, Task.IMAGE_EMBEDDING: self._settings.image_model}.get(task, "")
        return [
            spec for spec in self.registry if task in spec.tasks and has_loader(spec.name) and pinned in ("", spec.name)
        ]

    def _worker(self, spec: ModelSpec, found: Available) -> ModelWorker[Any, Any]:
        with self._lock:
            if self._is_closed:
                raise Stopping("the models are being closed")
            if spec.name not in self._workers:
                meter = ModelMeter(spec.name, self._accelerator)
                self._workers[spec.name] = ModelWorker(
                    spec.name,
                    lambda: self._open(spec, found, meter),
                    policy=batch_policy(spec.name),
                    max_waiting_items=self._settings.max_waiting_items,
                    meter=meter,
                )
            return self._workers[spec.name]

    def _open(self, spec: ModelSpec, found: Available, meter: ModelMeter) -> Any:
        loader = ModelLoader(found.folder, self._settings.threads, self._settings.device)
        loaded = load_model(spec.name, loader)
        self._devices[spec.name] = loaded.device
        meter.is_accelerated = loaded.device == "cuda"
        _log.info("a model is loaded", extra={"model": spec.label, "device": loaded.device, "via": found.via.value})
        return loaded.run

    def _warm_found(self, spec: ModelSpec, done: "Future[Resolution]") -> None:
        found = done.result()
        if isinstance(found, Available) and not self._is_closed:
            self._worker(spec, found).warm()

    def _resolve_all(self) -> None:
        # What needs no network comes first, so that one long download holds up one model only.
        for spec in sorted(self.registry, key=lambda item: item.hub is not None):
            future = self._found[spec.name]
            try:
                future.set_result(self._files.resolve(spec, _ProgressLog(spec.name)))
            except Exception:  # noqa: BLE001 - a bug in one model's files must not leave the others unresolved
                _log.exception("looking for a model failed", extra={"model": spec.name})
                future.set_result(Unavailable("looking for it failed; see the log", "heimdex doctor"))


class _ProgressLog:
    """A line in the log for every 16 MiB of a download."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._next_bytes = _LOG_STEP_BYTES

    def __call__(self, file: str, done: int, total: int) -> None:
        if done >= self._next_bytes or done == total:
            self._next_bytes = done + _LOG_STEP_BYTES
            _log.info(
                "a model is being downloaded", extra={"model": self._model, "file": file, "bytes": done, "of": total}
            )
