"""Faces and objects in pictures: both detectors side by side, each with a queue of its own; a missing one is named."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chassis.core.errors import Corruption, FieldViolation, InvalidInput
from chassis.io.concurrently import all_of
from chassis.io.spending import charged, metered
from inference_svc.adapters.image_reader import read_image
from inference_svc.adapters.model_files import Unavailable
from inference_svc.domain.detections import Detection
from inference_svc.domain.model_registry import Task
from inference_svc.domain.preprocess import Image
from inference_svc.model_pool import ModelPool

__all__ = ["MAX_PICTURES", "MAX_TOTAL_BYTES", "FoundSubjects", "PictureSubjects", "Subject", "find_subjects"]

MAX_PICTURES = 32
MAX_TOTAL_BYTES = 3 << 20

_MAX_SIDE = 640
"""Neither model looks at more; larger pictures are shrunk as they are read, so that many of them cost little memory."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing in a picture; lengths are parts of the picture, 0 to 1, from its upper left corner."""

    label: str
    score: float
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PictureSubjects:
    """What was found in one picture, the surest first."""

    faces: tuple[Subject, ...]
    objects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class FoundSubjects:
    """What was found, one entry per picture, and which models looked (`name@revision`)."""

    pictures: tuple[PictureSubjects, ...]
    models: tuple[str, ...]
    skipped: dict[str, str]


async def find_subjects(pool: ModelPool, pictures: Sequence[bytes]) -> FoundSubjects:
    """Look for faces and objects in encoded pictures (JPEG, PNG or WebP).

    Raises:
        InvalidInput: too many pictures, too many bytes, or one of them is none; the violation names which.
        Overloaded, DeadlineExceeded, Stopping, UpstreamUnavailable: As `ModelWorker.run`.
    """
    _check_size(pictures)
    images = [await _read(place, encoded) for place, encoded in enumerate(pictures)]
    skipped: dict[str, str] = {}
    (face_model, faces), (object_model, objects) = await all_of(
        metered(_look(pool, Task.FACE_DETECTION, images, skipped)),
        metered(_look(pool, Task.OBJECT_DETECTION, images, skipped)),
    )
    found = tuple(PictureSubjects(*both) for both in zip(faces, objects, strict=True))
    return FoundSubjects(found, tuple(model for model in (face_model, object_model) if model), skipped)


async def _look(
    pool: ModelPool, task: Task, images: Sequence[Image], skipped: dict[str, str]
) -> tuple[str, list[tuple[Subject, ...]]]:
    """Return the model that looked, empty when there is none, and what it found in each picture."""
    nothing: list[tuple[Subject, ...]] = [()] * len(images)
    selection = await pool.select(task)
    if isinstance(selection, Unavailable):
        skipped[task.value] = selection.reason
        return "", nothing
    try:
        found: list[tuple[Detection, ...]] = await pool.run(selection, images)
    except Corruption as error:
        skipped[task.value] = error.message
        return "", nothing
    return selection.spec.label, [_subjects(*both) for both in zip(found, images, strict=True)]


def _subjects(found: Sequence[Detection], image: Image) -> tuple[Subject, ...]:
    height, width = image.shape[:2]
    subjects = (
        Subject(
            label=thing.label,
            score=thing.score,
            left=thing.box.left / width,
            top=thing.box.top / height,
            width=(thing.box.right - thing.box.left) / width,
            height=(thing.box.bottom - thing.box.top) / height,
        )
        for thing in found
    )
    return tuple(one for one in subjects if one.width > 0 and one.height > 0 and np.isfinite(one.score))


async def _read(place: int, encoded: bytes) -> Image:
    try:
        return await asyncio.to_thread(charged(read_image), encoded, max_side=_MAX_SIDE)
    except InvalidInput as error:
        violation = FieldViolation(f"images[{place}]", error.message)
        raise InvalidInput(f"images[{place}]: {error.message}", reason=error.reason, violations=(violation,)) from error


def _check_size(pictures: Sequence[bytes]) -> None:
    description = ""
    if not 0 < len(pictures) <= MAX_PICTURES:
        description = f"1 to {MAX_PICTURES} pictures"
    elif sum(len(encoded) for encoded in pictures) > MAX_TOTAL_BYTES:
        description = f"at most {MAX_TOTAL_BYTES} bytes together"
    if description:
        raise InvalidInput(f"images: {description}", violations=(FieldViolation("images", description),))
