"""Where the frame was: whether it held its subject, how calmly it went, whether captions are clear of the edges.

Judged from numbers alone, by other rules than those the frame was planned by.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from ingest_svc.domain.exports.captions.safe_area import safe_area
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Encoding, Sighting

__all__ = ["Window", "captions_safe", "path_jitter", "subject_inside", "window_at"]

Window = tuple[float, float, float, float]
"""Left, top, right and bottom of what is shown, as parts of the displayed picture."""

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)

_INSIDE = 0.9
"""A subject is inside when this part of it is, or as much as the frame can hold."""

_FACE = "face"
_MIN_FACE_HEIGHT = 0.035
_MIN_SCORE = 0.5
_ALMOST = 0.5
"""What is half as prominent as the most prominent is as good a subject."""

_JITTER_PERCENTILE = 95.0
_GRID_NS = 40_000_000
_EPSILON = 1e-6


def window_at(camera: CameraPath | None, at_ns: int) -> Window:
    """Return what is shown at an instant of the cut; all of the picture without a camera."""
    if camera is None or not camera.pieces:
        return WHOLE
    piece = next((piece for piece in camera.pieces if at_ns < piece.span.end_ns), camera.pieces[-1])
    x, y = (float(_at(piece, values, np.array([at_ns]))[0]) for values in (piece.x, piece.y))
    return x - camera.width / 2, y - camera.height / 2, x + camera.width / 2, y + camera.height / 2


def subject_inside(
    subjects: Sequence[Sequence[Sighting]], cameras: Sequence[CameraPath | None], lengths_ns: Sequence[int]
) -> float | None:
    """Return the part of the pictures with a subject whose subject is inside, 0 to 1; None where there is none.

    Where several are about as prominent, one of them has to be inside.
    """
    held = seen = 0
    for number, sightings in enumerate(subjects):
        camera = cameras[number] if number < len(cameras) else None
        length_ns = lengths_ns[number] if number < len(lengths_ns) else None
        for at_ns, together in groupby(sorted(sightings, key=lambda one: one.at_ns), key=lambda one: one.at_ns):
            prominent = _prominent(list(together))
            if not prominent or (length_ns is not None and at_ns >= length_ns):
                continue
            seen += 1
            held += any(_is_inside(one, window_at(camera, at_ns)) for one in prominent)
    return held / seen if seen else None


def path_jitter(cameras: Sequence[CameraPath | None], encoding: Encoding) -> float | None:
    """Return the 95th percentile of the acceleration of the frame, in its own widths per second squared.

    Jumps between two pieces do not count: there the source cuts, too. None where every piece is shorter than 0.1 s.
    """
    shape = encoding.size.width / encoding.size.height
    found = [
        _accelerations(piece, camera.width, camera.height * shape)
        for camera in cameras
        if camera is not None
        for piece in camera.pieces
    ]
    together = np.concatenate(found) if found else np.zeros(0)
    return float(np.percentile(together, _JITTER_PERCENTILE)) if len(together) else None


def captions_safe(boxes: Sequence[tuple[float, float, float, float]], encoding: Encoding) -> float | None:
    """Return the part of the captions that lie wholly where no player puts its own words; None without captions."""
    area = safe_area(encoding.size)
    return sum(area.holds(box) for box in boxes) / len(boxes) if boxes else None


def _at(piece: CameraPiece, values: Sequence[float], at_ns: np.ndarray) -> np.ndarray:
    places = (at_ns - piece.span.start_ns) / max(1, piece.step_ns)
    return np.asarray(np.interp(places, np.arange(len(values)), values))


def _accelerations(piece: CameraPiece, width: float, height: float) -> np.ndarray:
    """Return float[n] over the time of a piece; `width`, `height`: that of the frame as part of the picture's sides."""
    at_ns = np.arange(piece.span.start_ns, piece.span.end_ns + 1, _GRID_NS)
    if len(at_ns) < 3:  # noqa: PLR2004  (an acceleration needs three points)
        return np.zeros(0)
    x, y = np.diff(_at(piece, piece.x, at_ns), n=2) / width, np.diff(_at(piece, piece.y, at_ns), n=2) / height
    return np.asarray(np.hypot(x, y) / (_GRID_NS / 1e9) ** 2)


def _prominent(together: Sequence[Sighting]) -> list[Sighting]:
    """Return those of one picture that a viewer would call the subject: faces first, the large before others."""
    faces = [one for one in together if one.label == _FACE and one.height >= _MIN_FACE_HEIGHT]
    chosen = faces or [one for one in together if one.label != _FACE and one.score >= _MIN_SCORE]
    most = max((_prominence(one) for one in chosen), default=0.0)
    return [one for one in chosen if _prominence(one) >= most * _ALMOST]


def _prominence(one: Sighting) -> float:
    return float(one.score * np.sqrt(max(0.0, one.width) * max(0.0, one.height)))


def _is_inside(one: Sighting, window: Window) -> bool:
    left, top, right, bottom = window
    across = _overlap(one.left, one.left + one.width, left, right)
    down = _overlap(one.top, one.top + one.height, top, bottom)
    return across * down >= _INSIDE - _EPSILON


def _overlap(begin: float, end: float, low: float, high: float) -> float:
    """Return which part of a stretch lies in another; of one that is longer, which part of what could."""
    begin, end = max(0.0, begin), min(1.0, end)
    could = min(end - begin, high - low)
    return max(0.0, min(end, high) - max(begin, low)) / could if could > 0 else 0.0
