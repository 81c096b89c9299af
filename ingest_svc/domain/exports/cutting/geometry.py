"""How a picture of one shape comes into a frame of another: rectangles in whole pixels."""

from dataclasses import dataclass
from fractions import Fraction

from ingest_svc.domain.exports.cutting.looks import SourceLook
from ingest_svc.domain.exports.values import Size

__all__ = ["Fit", "Rect", "cover", "even", "fills", "fit"]

_LEAST = 2


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Fit:
    """The whole picture inside a frame: its size there and where it lies; all even."""

    width: int
    height: int
    x: int
    y: int


def even(value: float | Fraction, most: int) -> int:
    """Return the even number next to a length, at least 2 and at most `most`."""
    return max(_LEAST, min(round(value / 2) * 2, most // 2 * 2))


def cover(look: SourceLook, frame: Size) -> Rect:
    """Return the largest part in the middle of a stored picture that has the frame's shape when it is displayed.

    Lengths that are cut are even, and so is where they begin, so that colour samples stay whole; a side that is kept is
    kept to the last pixel, odd or not.
    """
    width, height = look.stored
    shape = Fraction(frame.width, frame.height) / look.upright_aspect
    if width > height * shape:
        part = _kept(height * shape, width)
        return Rect(_middle(width - part), 0, part, height)
    part = _kept(width / shape, height)
    return Rect(0, _middle(height - part), width, part)


def fit(look: SourceLook, frame: Size) -> Fit:
    """Return where the whole displayed picture lies when it is as large as the frame allows."""
    width, height = look.stored
    shown = width * look.upright_aspect
    scale = min(frame.width / shown, Fraction(frame.height, height))
    inner_width, inner_height = even(shown * scale, frame.width), even(height * scale, frame.height)
    return Fit(inner_width, inner_height, _middle(frame.width - inner_width), _middle(frame.height - inner_height))


def fills(inside: Fit, frame: Size) -> bool:
    """Tell whether a picture that was fitted leaves nothing of the frame free."""
    return inside.width == frame.width and inside.height == frame.height


def _kept(length: Fraction, most: int) -> int:
    """Return how much of a side is kept; all of it where less than two pixels would be cut."""
    return most if most - length < _LEAST else even(length, most)


def _middle(free: int) -> int:
    return free // 4 * 2
