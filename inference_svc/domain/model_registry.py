"""Which models this service knows, read from models.toml: names, files, digests, licences, preprocessing."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from inference_svc.domain.recipe import Recipe, recipe_of

__all__ = ["HubSource", "ModelFile", "ModelSpec", "Task", "WheelSource", "parse_registry"]

_REVISION_CHARS = 12


class Task(StrEnum):
    """What a model is for; the words of `ModelTask` in the contract."""

    ASR = "asr"
    TEXT_EMBEDDING = "text_embedding"
    IMAGE_TAGS = "image_tags"
    IMAGE_EMBEDDING = "image_embedding"
    OCR = "ocr"
    OBJECT_DETECTION = "object_detection"
    FACE_DETECTION = "face_detection"
    FACE_EMBEDDING = "face_embedding"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    path: str
    """Relative path, the same in a folder, a wheel and a hub repository."""
    sha256: str
    """Lower-case hexadecimal digest; empty where nobody has stated it, and then it can not be checked."""


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Weights that came with an installed package."""

    package: str
    """Import name; it is located, never imported."""
    folder: str
    """Folder inside the package."""
    requirement: str
    """What pip calls it."""


@dataclass(frozen=True, slots=True)
class HubSource:
    """Weights in a model hub repository, pinned to a commit."""

    repo: str
    revision: str
    """40 hexadecimal digits."""
    megabytes: int
    """Roughly what a download costs."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of models.toml. The first file is its main file."""

    name: str
    tasks: tuple[Task, ...]
    files: tuple[ModelFile, ...]
    licence: str
    """SPDX where one exists."""
    dimensions: int
    """Length of its vectors; 0 when it makes none."""
    is_fixture: bool
    """A stand-in for tests that claims no quality."""
    preprocessing: Mapping[str, Any]
    wheel: WheelSource | None = None
    hub: HubSource | None = None

    @property
    def revision(self) -> str:
        """First 12 digits of the main file's SHA-256: equal weights have equal revisions, wherever they came from."""
        return self.files[0].sha256[:_REVISION_CHARS]

    @property
    def label(self) -> str:
        """`name@revision`, as results quote it."""
        return f"{self.name}@{self.revision}"

    @property
    def recipe(self) -> Recipe:
        """Identity of what this model says."""
        return recipe_of(self.name, self.revision, self.preprocessing)


def parse_registry(text: str) -> tuple[ModelSpec, ...]:
    """Read models.toml; the order of the file is the order of preference within a task.

    Raises:
        ValueError: Not TOML, an unknown task, a doubled name, a model without files, a first file without a digest, or
            a hub revision that is not a commit.
    """
    entries = tomllib.loads(text).get("model", [])
    specs = tuple(_spec(entry) for entry in entries)
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise ValueError("two models have the same name")
    return specs


def _spec(entry: Mapping[str, Any]) -> ModelSpec:
    try:
        spec = ModelSpec(
            name=entry["name"],
            tasks=tuple(Task(task) for task in entry["tasks"]),
            files=tuple(ModelFile(file["path"], file.get("sha256", "")) for file in entry["files"]),
            licence=entry["licence"],
            dimensions=entry.get("dimensions", 0),
            is_fixture=entry.get("fixture", False),
            preprocessing=MappingProxyType(entry.get("preprocessing", {})),
            wheel=WheelSource(**entry["wheel"]) if "wheel" in entry else None,
            hub=HubSource(**entry["hub"]) if "hub" in entry else None,
        )
    except (KeyError, TypeError) as cause:
        raise ValueError(f"model {entry.get('name', '?')}: missing or unknown key {cause}") from cause
    if not spec.files or not spec.files[0].sha256:
        raise ValueError(f"model {spec.name}: the first file needs a SHA-256, it names the revision")
    if spec.hub and (len(spec.hub.revision) != 40 or not set(spec.hub.revision) <= set("0123456789abcdef")):  # noqa: PLR2004 - SHA-1
        raise ValueError(f"model {spec.name}: a hub revision is a commit of 40 hexadecimal digits")
    return spec
