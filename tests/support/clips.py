"""What the end-to-end tests share: clips that went through the mesh once, and reading of answers that refuse."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.mesh import Library, RunningMesh
from tests.support.shared import MEDIA, MODELS

__all__ = ["DEMO_CLIP", "HAS_WEIGHTS", "Clips", "Processed", "reason_of", "violations_of"]

DEMO_CLIP = Path(__file__).resolve().parents[2] / "client" / "demo" / "harbour.mp4"
HAS_WEIGHTS = MODELS.is_dir()
"""Whether speech and tags work here; text vectors and OCR always do."""


@dataclass(frozen=True, slots=True)
class Processed:
    """A video that is terminal, and the library of the user to whom it alone belongs."""

    library: Library
    video: dict[str, Any]
    scenes: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """The video's id."""
        return str(self.video["id"])

    def top(self, q: str) -> dict[str, Any]:
        """Return the scene that a search finds first."""
        results = self.library.search(q)
        assert results, f"nothing found for {q!r}"
        scene: dict[str, Any] = results[0]["scene"]
        return scene

    def transcript(self) -> dict[str, Any]:
        """Return the whole transcript."""
        return self.library.json("GET", f"/v1/videos/{self.id}/transcript")


class Clips:
    """Clips by their name in ../shared/media (and `harbour.mp4`, the demo clip), each processed at its first call."""

    def __init__(self, mesh: RunningMesh) -> None:
        self._mesh = mesh
        self._done: dict[str, Processed] = {}

    def __call__(self, name: str) -> Processed:
        """Return a clip once it is terminal."""
        if name not in self._done:
            library = self._mesh.library()
            path = DEMO_CLIP if name == DEMO_CLIP.name else MEDIA / name
            video = library.wait_terminal(library.upload(path)["id"])
            self._done[name] = Processed(library, video, library.scenes(video["id"]))
        return self._done[name]

    def close(self) -> None:
        """Close the connections."""
        for processed in self._done.values():
            processed.library.http.close()


def reason_of(refused: dict[str, Any]) -> str:
    """Return the reason in the google.rpc.Status of a failed video, or of an error answer."""
    status = refused.get("error") or refused
    info = [detail for detail in status.get("details", []) if detail["@type"].endswith("google.rpc.ErrorInfo")]
    assert len(info) == 1, f"no machine-readable reason: {status}"
    assert info[0]["domain"] == "heimdex"
    return str(info[0]["reason"])


def violations_of(status: dict[str, Any]) -> list[str]:
    """Return the fields that a 400 answer complains of; the body as a whole has an empty name."""
    bad = [detail for detail in status.get("details", []) if detail["@type"].endswith("google.rpc.BadRequest")]
    assert len(bad) == 1, f"no field violations: {status}"
    assert all(violation["description"] for violation in bad[0]["field_violations"])
    return [violation.get("field", "") for violation in bad[0]["field_violations"]]
