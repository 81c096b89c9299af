"""Which demo searches can work with the models that are here, and whether a hit is the right one. Pure."""

from collections.abc import Iterable

from client.demo.clip import ClipSearch
from client.output import word
from client.types import Model, SearchAnswer, SearchResult

__all__ = ["CAPABILITIES", "first_hit", "is_right", "missing_capabilities", "real_tasks"]

CAPABILITIES = {
    "MODEL_TASK_ASR": "speech (what is said)",
    "MODEL_TASK_TEXT_EMBEDDING": "meaning (text vectors)",
    "MODEL_TASK_OCR": "on-screen text",
    "MODEL_TASK_IMAGE_TAGS": "picture tags",
    "MODEL_TASK_IMAGE_EMBEDDING": "search by picture (image vectors)",
    "MODEL_TASK_OBJECT_DETECTION": "objects",
    "MODEL_TASK_FACE_DETECTION": "faces",
    "MODEL_TASK_FACE_EMBEDDING": "people (face vectors)",
}
"""What each task of a model gives a person."""


def real_tasks(models: Iterable[Model]) -> frozenset[str]:
    """Return the tasks for which there is a model that is available and no fixture."""
    return frozenset(model["task"] for model in models if "task" in model and _is_real(model))


def missing_capabilities(models: Iterable[Model]) -> list[str]:
    """Say in one line per task what is unavailable, why, and how to get it."""
    found = list(models)
    lines: list[str] = []
    for task in dict.fromkeys(model["task"] for model in found if "task" in model):
        alike = [model for model in found if model.get("task", "") == task]
        if any(_is_real(model) for model in alike):
            continue
        name = CAPABILITIES.get(task, word(task, "MODEL_TASK_").replace("_", " "))
        lines.append(f"{name}: {_why(alike)}")
    return lines


def first_hit(answer: SearchAnswer) -> SearchResult | None:
    """Return the best hit, or None."""
    results = answer.get("results", [])
    return results[0] if results else None


def is_right(search: ClipSearch, hit: SearchResult | None, video_id: str) -> bool:
    """Say whether a hit is the scene it should be: of that video, and its middle inside the scene of the truth."""
    scene = hit.get("scene", {}) if hit is not None else {}
    if not scene or scene.get("video_id") != video_id:
        return False
    if search.scene is None:
        return True
    middle_s = (scene.get("start_s", 0.0) + scene.get("end_s", 0.0)) / 2
    return search.scene.start_s <= middle_s < search.scene.end_s


def _is_real(model: Model) -> bool:
    return bool(model.get("is_available")) and not model.get("is_fixture")


def _why(models: list[Model]) -> str:
    fixture = next((model for model in models if model.get("is_available") and model.get("is_fixture")), None)
    absent = next((model for model in models if not model.get("is_available") and model.get("fix_command")), None)
    if fixture is not None:
        why = f"only the fixture {fixture.get('name', '')} is here: fixture, not a claim of quality"
    else:
        why = next(
            (model["unavailable_reason"] for model in models if model.get("unavailable_reason")), "not available"
        )
    return f"{why}; get it with: {absent['fix_command']}" if absent is not None else why
