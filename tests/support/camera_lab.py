"""Subjects on rails: sightings with known places, and what a planned path does with them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest_svc.domain.exports.camera.camera import CameraPlan, Seen, plan_camera
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Ratio, Sighting

__all__ = ["LOOKS_PER_SECOND", "NS", "changes", "frame_at", "plan", "seen_along", "sighting"]

NS = 1_000_000_000
LOOKS_PER_SECOND = 5


def sighting(
    at_s: float, x: float, y: float = 0.4, *, width: float = 0.08, height: float = 0.2, label: str = "face"
) -> Sighting:
    """A sure sighting by its centre."""
    return Sighting(round(at_s * NS), label, 0.9, x - width / 2, y - height / 2, width, height)


def seen_along(way: Callable[[float], float], seconds: float, **shape: object) -> list[Sighting]:
    """Five sightings a second of a subject whose centre is at `way(t)`."""
    return [
        sighting(number / LOOKS_PER_SECOND, way(number / LOOKS_PER_SECOND), **shape)  # type: ignore[arg-type]
        for number in range(round(seconds * LOOKS_PER_SECOND))
    ]


def plan(
    sightings: Sequence[Sighting],
    seconds: float,
    *,
    ratio: Ratio = Ratio.R_9_16,
    picture: tuple[int, int] = (1280, 720),
    **more: object,
) -> CameraPlan:
    """Plan a cut that a model has looked at five times a second."""
    at_ns = tuple(number * NS // LOOKS_PER_SECOND for number in range(round(seconds * LOOKS_PER_SECOND)))
    given: dict[str, object] = {"at_ns": at_ns, "models": ("m@1",), **more}
    seen = Seen(
        length_ns=round(seconds * NS),
        width=picture[0],
        height=picture[1],
        sightings=sightings,
        **given,  # type: ignore[arg-type]
    )
    return plan_camera(seen, ratio)


def frame_at(path: CameraPath, at_s: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the frame at an instant of the cut."""
    at_ns = at_s * NS
    piece = next((piece for piece in path.pieces if at_ns < piece.span.end_ns), path.pieces[-1])
    place = (at_ns - piece.span.start_ns) / piece.step_ns
    x, y = (float(np.interp(place, np.arange(len(values)), values)) for values in (piece.x, piece.y))
    return x - path.width / 2, y - path.height / 2, x + path.width / 2, y + path.height / 2


def changes(piece: CameraPiece, path: CameraPath, shape: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Speed and acceleration over a piece, in widths of the frame per second and per second squared.

    Args:
        piece: of the path.
        path: whose frame it is.
        shape: width of the picture over its height.
    """
    step_s = piece.step_ns / NS
    along = np.array(piece.x) / path.width if np.ptp(piece.x) else np.array(piece.y) / shape / path.width
    speed = np.diff(along) / step_s
    return speed, np.diff(speed) / step_s
