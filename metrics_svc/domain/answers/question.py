"""What every request asks with."""

from dataclasses import dataclass
from datetime import datetime

from metrics_svc.domain.answers.windows import Period, Window, parse_period, parse_window

__all__ = ["Question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What every request asks with: a stretch of time, into what it is cut, and filters. An empty filter takes all.

    The time and the period are not yet validated.
    """

    range_text: str = ""
    start_at: datetime | None = None
    end_at: datetime | None = None
    owner_id: str = ""
    bucket: str = ""
    model: str = ""
    outcome: str = ""

    def window(self, now: datetime) -> Window:
        """Return the stretch of time.

        Raises:
            InvalidInput: it is none.
        """
        return parse_window(self.range_text, start_at=self.start_at, end_at=self.end_at, now=now)

    def period(self) -> Period:
        """Return into what a series is cut.

        Raises:
            InvalidInput: it is neither day, week nor month.
        """
        return parse_period(self.bucket)
