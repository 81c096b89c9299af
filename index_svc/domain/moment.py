"""The unit of search: one scene with its words, its vectors and its answer. An invalid moment can not exist."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from chassis.core.errors import FieldViolation, InvalidInput
from chassis.core.ids import check_id
from chassis.core.mediatime import TimeSpan

__all__ = [
    "TEXT_DIMENSIONS",
    "Moment",
    "MomentText",
    "Record",
    "ScoredRecord",
    "Vector",
    "VectorField",
    "as_unit_vector",
]

Vector: TypeAlias = NDArray[np.float32]

TEXT_DIMENSIONS = 384
_NORM_TOLERANCE = 1e-3
_LARGEST_PAYLOAD_BYTES = 1 << 20


class VectorField(StrEnum):
    """Which vector of a moment a search compares with; the value is its name in the index."""

    TEXT = "text_vector"
    TAGS = "tags_vector"
    IMAGE = "image_vector"


def as_unit_vector(values: Vector, *, name: str, dimensions: int) -> Vector:
    """Return a read-only float32[dimensions] of length one.

    Raises:
        InvalidInput: other shape, not finite, or not L2-normalised.
    """
    vector = np.array(values, dtype=np.float32)
    if vector.shape != (dimensions,):
        raise _invalid(name, f"has shape {vector.shape}, not ({dimensions},)")
    if not np.isfinite(vector).all() or abs(float(np.linalg.norm(vector)) - 1.0) > _NORM_TOLERANCE:
        raise _invalid(name, "is not a finite vector of length one")
    vector.setflags(write=False)
    return vector


@dataclass(frozen=True, slots=True)
class MomentText:
    """The words of a moment, by where they come from."""

    speech: str = ""
    on_screen: str = ""
    tags: tuple[str, ...] = ()
    title: str = ""
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A moment as the index remembers it, without vectors.

    Attributes:
        index: position of the scene in its video, from 0.
        generation: run of the video that made it, from 1.
        payload: the answer a search gives, opaque here, at most 1 MiB.

    Raises:
        InvalidInput: an id, the generation, the index or the payload is out of range.
    """

    scene_id: str
    video_id: str
    owner_id: str
    generation: int
    index: int
    span: TimeSpan
    text: MomentText = field(default_factory=MomentText)
    payload: bytes = b""

    def __post_init__(self) -> None:
        for name in ("scene_id", "video_id", "owner_id"):
            if not check_id(getattr(self, name)):
                raise _invalid(name, "must be 1 to 64 of letters, digits, _ and -")
        if self.generation < 1:
            raise _invalid("generation", "counts from 1")
        if self.index < 0:
            raise _invalid("index", "counts from 0")
        if len(self.payload) > _LARGEST_PAYLOAD_BYTES:
            raise _invalid("payload", f"is larger than {_LARGEST_PAYLOAD_BYTES} bytes")


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A record and its vectors, each float32, L2-normalised, or None when its model was unavailable.

    Attributes:
        text_vector: float32[384], meaning of all its words.
        tags_vector: float32[384], meaning of its tags, same space and recipe.
        image_vector: float32[n], the picture, n given by its recipe.
        text_recipe: model, revision and preprocessing behind the first two; vectors of different recipes never meet.
        image_recipe: the same for the picture.

    Raises:
        InvalidInput: a vector is malformed, or stands without a recipe.
    """

    record: Record
    text_vector: Vector | None = None
    tags_vector: Vector | None = None
    image_vector: Vector | None = None
    text_recipe: str = ""
    image_recipe: str = ""

    def __post_init__(self) -> None:
        for name in (VectorField.TEXT, VectorField.TAGS):
            self._check(name, TEXT_DIMENSIONS, self.text_recipe)
        if self.image_vector is not None:
            self._check(VectorField.IMAGE, int(self.image_vector.size), self.image_recipe)

    def vector(self, name: VectorField) -> Vector | None:
        """Return the vector of that name, or None."""
        vector: Vector | None = getattr(self, name.value)
        return vector

    def recipe(self, name: VectorField) -> str:
        """Return the recipe behind the vector of that name."""
        return self.image_recipe if name is VectorField.IMAGE else self.text_recipe

    def _check(self, name: VectorField, dimensions: int, recipe: str) -> None:
        values = self.vector(name)
        if values is None:
            return
        if not recipe:
            raise _invalid(name, "needs the recipe that made it")
        object.__setattr__(self, name.value, as_unit_vector(values, name=name, dimensions=dimensions))


@dataclass(frozen=True, slots=True)
class ScoredRecord:
    """A record and how well one search matched it: cosine in [-1, 1], or BM25 > 0."""

    record: Record
    score: float


def _invalid(name: str, what: str) -> InvalidInput:
    return InvalidInput(f"{name} {what}", violations=(FieldViolation(str(name), what),))
