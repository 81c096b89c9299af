"""The demo clip and the truth about it, as `tools/make_demo_clip.py` wrote them."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Clip", "ClipScene", "ClipSearch", "load_clip"]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ClipScene:
    """One scene; times in seconds, end exclusive."""

    index: int
    name: str
    start_s: float
    end_s: float
    speech: str
    on_screen_text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClipSearch:
    """A search with one right answer: `scene`, or any scene of the clip when it is None.

    `by` is the signal it can be found by, `needs` the tasks whose models must be real and available for that.
    """

    text: str
    scene: ClipScene | None
    by: str
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Clip:
    """The clip."""

    path: Path
    title: str
    duration_s: float
    scenes: tuple[ClipScene, ...]
    searches: tuple[ClipSearch, ...]


@cache
def load_clip() -> Clip:
    """Read the truth that lies beside the clip."""
    truth: dict[str, Any] = json.loads((_FOLDER / "harbour.json").read_text(encoding="utf-8"))
    scenes = tuple(
        ClipScene(
            scene["index"],
            scene["name"],
            scene["start_s"],
            scene["end_s"],
            scene["speech"],
            tuple(scene["on_screen_text"]),
        )
        for scene in truth["scenes"]
    )
    searches = tuple(
        ClipSearch(
            search["q"],
            None if search["scene"] is None else scenes[search["scene"]],
            search["by"],
            frozenset(search["needs"]),
        )
        for search in truth["searches"]
    )
    return Clip(_FOLDER / truth["file"], truth["title"], truth["duration_s"], scenes, searches)
