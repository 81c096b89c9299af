"""What every request asks with."""

from dataclasses import dataclass
from datetime import datetime

from metrics_svc.domain.windows import Window, parse_window

__all__ = ["Question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What every request asks with: a stretch of time, and perhaps one owner. Not yet validated."""

    range_text: str = ""
    start_at: datetime | None = None
    end_at: datetime | None = None
    owner_id: str = ""

    def window(self, now: datetime, *, by_day: bool = False) -> Window:
        """Return the stretch of time.

        Raises:
            InvalidInput: it is none.
        """
        return parse_window(self.range_text, start_at=self.start_at, end_at=self.end_at, now=now, by_day=by_day)
