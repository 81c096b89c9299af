"""Where weights are: the folder of the user, a wheel, the cache, the hub; checked by digest, never pickle."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from chassis.core.errors import HeimdexError
from inference_svc.domain.model_registry import HubSource, ModelFile, ModelSpec, WheelSource

__all__ = ["Available", "Downloader", "ModelFiles", "Resolution", "Unavailable", "Via"]

_PICKLES = frozenset({".pt", ".pth", ".pkl", ".ckpt"})

Progress = Callable[[str, int, int], None]


class Via(StrEnum):
    """Where weights came from; the words of `Model.source` in the contract."""

    DIRECTORY = "directory"
    WHEEL = "wheel"
    CACHE = "cache"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Available:
    """The weights are here, whole and checked."""

    folder: Path
    via: Via


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The weights are not here."""

    reason: str
    """One sentence for people."""
    fix_command: str
    """The one command that would make them available."""


Resolution = Available | Unavailable


class Downloader(Protocol):
    """A hub, as far as this file needs it."""

    def unreachable_reason(self) -> str:
        """Return why it can not be used; "" when it answers."""
        ...

    def download(
        self, source: HubSource, files: tuple[ModelFile, ...], folder: Path, progress: Progress | None
    ) -> None:
        """Bring files into a folder, checked."""
        ...


class ModelFiles:
    """Resolves models of the registry to folders. Thread-safe: it keeps no state but its settings."""

    def __init__(self, *, model_dir: Path | None, cache_dir: Path, hub: Downloader) -> None:
        """Remember where to look; `model_dir` holds one folder per model name."""
        self._model_dir = model_dir
        self._cache_dir = cache_dir / "models"
        self._hub = hub

    def resolve(self, spec: ModelSpec, progress: Progress | None = None) -> Resolution:
        """Find a model's files; may download. Blocks: reading costs about 2 s per GB for the digests.

        A file with a wrong digest is never used; the search goes on, and the reason is kept.
        """
        faults: list[str] = []
        for via, folder in self._places(spec):
            if not folder.is_dir():
                continue
            fault = _fault(spec, folder)
            if not fault:
                return Available(folder, via)
            faults.append(f"{via}: {fault}")
        if spec.hub is None:
            return Unavailable("; ".join(faults) or _absent_reason(spec), _fix_command(spec))
        cached = self._cache_folder(spec)
        try:
            _discard_bad_files(spec, cached)
            self._hub.download(spec.hub, spec.files, cached, progress)
        except HeimdexError as error:
            return Unavailable("; ".join([*faults, error.message]), _fix_command(spec))
        fault = _fault(spec, cached)
        return Unavailable(fault, _fix_command(spec)) if fault else Available(cached, Via.HUB)

    def _places(self, spec: ModelSpec) -> list[tuple[Via, Path]]:
        places = []
        if self._model_dir is not None:
            places.append((Via.DIRECTORY, self._model_dir / spec.name))
        if spec.wheel is not None and (folder := _wheel_folder(spec.wheel)) is not None:
            places.append((Via.WHEEL, folder))
        if spec.hub is not None:
            places.append((Via.CACHE, self._cache_folder(spec)))
        return places

    def _cache_folder(self, spec: ModelSpec) -> Path:
        return self._cache_dir / spec.name / spec.revision


def _wheel_folder(wheel: WheelSource) -> Path | None:
    # The package is located, not imported: some declare imports (torch) that nothing here needs.
    found = importlib.util.find_spec(wheel.package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))) / wheel.folder


def _fault(spec: ModelSpec, folder: Path) -> str:
    """Say what is wrong with a folder; "" when every file is there and has its digest."""
    for file in spec.files:
        path = folder / file.path
        if path.suffix in _PICKLES:
            return f"{file.path} is a pickle, which is never loaded"
        if not path.is_file():
            return f"{file.path} is missing"
        if file.sha256 and _digest(path) != file.sha256:
            return f"{file.path} does not match its SHA-256 in models.toml"
    return ""


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _discard_bad_files(spec: ModelSpec, folder: Path) -> None:
    for file in spec.files:
        path = folder / file.path
        if file.sha256 and path.is_file() and _digest(path) != file.sha256:
            path.unlink()


def _absent_reason(spec: ModelSpec) -> str:
    if spec.wheel is not None:
        return f"the package {spec.wheel.requirement} is not installed"
    return f"no folder {spec.name} in HEIMDEX_MODEL_DIR"


def _fix_command(spec: ModelSpec) -> str:
    if spec.hub is not None:
        return f"{sys.executable} -m inference_svc.pull {spec.name}"
    if spec.wheel is not None:
        return f"python -m pip install --no-deps {spec.wheel.requirement}"
    return f"HEIMDEX_MODEL_DIR=FOLDER heimdex up  # FOLDER/{spec.name}/ holds {', '.join(f.path for f in spec.files)}"
