"""The part of a frame that no player covers with its own words and buttons."""

from dataclasses import dataclass

from ingest_svc.domain.exports.values import Size

__all__ = ["SafeArea", "safe_area"]


@dataclass(frozen=True, slots=True)
class SafeArea:
    """Edges of the safe part, as parts of the frame, 0 to 1, from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, box: tuple[float, float, float, float]) -> bool:
        """Tell whether a box (left, top, width, height, as parts of the frame) lies wholly inside."""
        left, top, width, height = box
        return self.left <= left and self.top <= top and left + width <= self.right and top + height <= self.bottom


_UPRIGHT = SafeArea(left=0.06, top=0.12, right=0.86, bottom=0.78)
"""9:16 is shown full screen: the top 12 % belong to the player, the bottom 22 % to title and sound, the right 14 % to
the column of buttons, and 6 % at the left are a margin."""
_FEED = SafeArea(left=0.06, top=0.08, right=0.94, bottom=0.92)
"""1:1 and 4:5 lie in a feed and have margins alone."""
_WIDE = SafeArea(left=0.06, top=0.08, right=0.94, bottom=0.90)
"""16:9 has the bar of the player in its bottom 10 %."""


def safe_area(size: Size) -> SafeArea:
    """Return the safe part of a frame: of full-screen shorts when it is 9:16 or narrower, of a feed, or of a player."""
    if size.width * 3 < size.height * 2:
        return _UPRIGHT
    return _FEED if size.width <= size.height else _WIDE
